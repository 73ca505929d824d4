/** The public face of one Fusewire instance. */

import { BudgetExceededError } from '../enforcement/budget-exceeded-error.js';
import type { CallDimensions } from '../enforcement/decision.js';
import type { FunctionDecorator } from './attribution/function-decorator.js';
import type { AnyFunction } from './attribution/wrap-function.js';
import type { FusewireOptions } from './config.js';
import { FusewireError } from './errors.js';
import { assemble, flushAll, type Parts, reportLeft } from './fusewire.js';
import { type GuardOptions, guardClient } from './guard-client.js';
import { guardFetchOf } from './guard-fetch.js';
import type { Guarded, WithUsageMetadata } from './guarded.js';
import { isPackageOf } from './instrument/client-instruments.js';
import type { AnyFetch, GuardedFetch, GuardFetchOptions } from './instrument/guarded-fetch.js';
import { patchedClients } from './instrument/patched.js';
import { checkEvent, type MeterEvent } from './metering/check-event.js';
import { keepParts } from './parts-of.js';
import { type HoldDescription, type ProgramHold, problemsOf } from './program-holds.js';
import type { Runtime } from './runtime.js';
import { readStatus, type Status } from './status.js';
import { wrapTool } from './tools/tool-meter.js';
import type { MeterToolOptions, ToolCall, ToolResult } from './tools/tool-options.js';
import type { UsageEvent } from './wire/usage-event.js';

/** What a call that no client makes is about, for {@link Fusewire.checkEnforcement}. */
export interface CallDescription {
  readonly model?: string;
  /** A wire name of contract 6.2, such as `OPENAI`; compared without case. */
  readonly provider?: string;
}

/** One instance: its own keys, cache, outbox and counters. Two instances in one process do not see each other (I11). */
export interface Fusewire {
  /**
   * Guards and meters a provider client and returns the same object. Doing it twice is harmless.
   *
   * @throws FusewireError with code `UNKNOWN_CLIENT` for an object that no adapter recognises, and with
   * `INVALID_OPTIONS` for wrong options.
   */
  guard<T extends object>(client: T, options?: GuardOptions): Guarded<T>;
  /**
   * A drop-in `fetch` that decides on and meters requests to every provider that this package knows, and lets any other
   * pass untouched: for clients that take a `fetch`, and for programs that use it themselves.
   *
   * @param fetch what sends. Default: the `fetch` of the process.
   * @throws FusewireError with code `INVALID_OPTIONS` for wrong options.
   */
  guardFetch(fetch?: AnyFetch, options?: GuardFetchOptions): GuardedFetch;
  /**
   * The check of a guarded call, for programs that call models in another way. Call it before, {@link meter} after. It
   * goes by what is known here and sets nothing aside: under a hard budget use {@link hold}.
   *
   * @throws BudgetExceededError when a budget that covers the call is used up; nothing else.
   */
  checkEnforcement(usageMetadata?: object, call?: CallDescription): void;
  /**
   * The check of a guarded call that also sets aside what the call can cost at most, where a hard budget concerns it. Then
   * make the call, and {@link meter} it with the `holdId`, or `release()` it.
   *
   * @throws BudgetExceededError when a budget that covers the call has no room for it; FusewireError with code
   * `INVALID_OPTIONS` for a wrong description.
   * @example
   * const fusewire = createFusewire();
   * const { holdId, release } = await fusewire.hold({ subscriber: { id: 'u-1' } }, {
   *   model: 'gpt-4o', provider: 'OPENAI', maxInputTokens: 2_000, maxOutputTokens: 500,
   * });
   */
  hold(usageMetadata: object | undefined, call: HoldDescription): Promise<ProgramHold>;
  /**
   * Meters a call that no guarded client made. Returns at once; delivery happens behind. The event's own fields beat
   * its `usageMetadata`, which beats scopes, instance and environment.
   *
   * @returns the event's transaction id.
   * @throws FusewireError with code `INVALID_EVENT`, listing every problem.
   */
  meter(event: MeterEvent & WithUsageMetadata): string;
  /**
   * Meters every run of a tool: how long it worked, whether it threw, and what `options` say of its result. What it
   * returns or throws reaches the caller as before, and nothing waits for the event. Synchronous tools, `async` ones and
   * generators, whose duration leaves out the time that their consumer takes; a run that never ends is not metered.
   *
   * @throws FusewireError with code `INVALID_OPTIONS`, listing every wrong option, where the tool is wrapped.
   */
  meterTool<F extends AnyFunction>(toolId: string, tool: F, options?: MeterToolOptions<ToolResult<F>>): F;
  /** The same as a wrapper for several functions, or as a decorator of methods. */
  meterTool(toolId: string, options?: MeterToolOptions): FunctionDecorator;
  /**
   * Meters a run of a tool that nothing wrapped. Returns at once; delivery happens behind.
   *
   * @returns the event's transaction id.
   * @throws FusewireError with code `INVALID_EVENT`, listing every problem.
   */
  reportToolCall(call: ToolCall): string;
  /** The same, with the tool's id in front. */
  reportToolCall(toolId: string, call: Omit<ToolCall, 'toolId'>): string;
  /** What the instance knows, is waiting for and has done. */
  status(): Status;
  /**
   * Resolves to `true` when a rule set is loaded, to `false` when `timeoutMs` (default 10,000) passes first; at once
   * to `true` while the circuit breaker is not enabled. Never rejects.
   */
  ready(options?: { timeoutMs?: number }): Promise<boolean>;
  /**
   * Delivers what is waiting, reports of refused calls included; resolves to whether everything was acknowledged in
   * `timeoutMs` (default 5,000).
   */
  flush(options?: { timeoutMs?: number }): Promise<boolean>;
  /**
   * Whether this instance has a key to meter with and, where a provider is named (`openai`, `anthropic`, `google` …),
   * guards a client of it, or `fusewire/register` patched its package.
   */
  isInitialized(provider?: string): boolean;
  /**
   * Switches the bypass on or off in this process. While it is on every call passes, is metered and marked.
   *
   * @throws FusewireError with code `INVALID_OPTIONS` for what is neither `true` nor `false`.
   */
  setBypass(on: boolean): void;
  /**
   * Settles what is open, delivers, and stops every timer. What is durable stays for the next process. Never rejects;
   * twice is harmless. Guarded clients go on working, without rules and without delivery, and the log says so once.
   */
  close(): Promise<void>;
}

const READY_TIMEOUT_MS = 10_000;
const FLUSH_TIMEOUT_MS = 5_000;
/** A timer takes no longer delay than this, and fires at once instead. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** The time limit that was given; what is none, such as `NaN`, counts as not given, and `Infinity` as very long. */
function limitOf(options: { readonly timeoutMs?: number } | null | undefined, fallback: number): number {
  const given: unknown = options?.timeoutMs;
  if (typeof given !== 'number' || Number.isNaN(given)) return fallback;
  return Math.min(Math.max(0, given), TIMER_MAX_MS);
}

/**
 * Makes an instance. Options beat environment variables, which beat defaults.
 *
 * @throws FusewireError with code `INVALID_OPTIONS`, listing every wrong option.
 * @example
 * const fusewire = createFusewire({ teamId: 'k7PqWz', circuitBreakerEnabled: true, failMode: 'closed' });
 * const client = fusewire.guard(new OpenAI());
 */
export function createFusewire(options: FusewireOptions = {}): Fusewire {
  return createFusewireOn({}, options);
}

/** Like {@link createFusewire}, on a replaced outside world. For tests. */
export function createFusewireOn(overrides: Partial<Runtime>, options: FusewireOptions = {}): Fusewire {
  const parts = assemble(options, overrides);
  const announce = announceOnce(parts);
  const instance: Fusewire = {
    guard(client, guardOptions) {
      announce();
      const guarded = guardClient(parts, client, guardOptions ?? {});
      parts.usage.guarded += 1;
      return guarded;
    },
    guardFetch(inner, fetchOptions) {
      announce();
      const guarded = guardFetchOf(parts, inner, fetchOptions);
      parts.usage.guarded += 1;
      return guarded;
    },
    checkEnforcement(usageMetadata, call) {
      announce();
      const { dimensions } = parts.metadata.resolve(usageMetadata);
      const asked: CallDimensions = { ...dimensions, model: call?.model, provider: call?.provider };
      const decision = parts.decide(asked);
      const { log } = parts.runtime;
      if (log.isDebug()) log.debug('decided', { endpoint: 'checkEnforcement', model: asked.model, decision });
      const refused = decision.code === 'ALLOWED' ? parts.holds?.calls.rules.exhausted(asked) : undefined;
      const effective = refused ?? decision;
      if (effective.outcome === 'allow') return;
      parts.book.sink.refused(effective, asked);
      throw new BudgetExceededError(effective, asked);
    },
    async hold(usageMetadata, call) {
      announce();
      const problems = problemsOf(call);
      if (problems.length > 0) throw new FusewireError('INVALID_OPTIONS', problems);
      return await parts.programHolds.take(usageMetadata, call);
    },
    meter(event) {
      announce();
      const { usageMetadata, ...own } = Object(event) as MeterEvent & WithUsageMetadata;
      const { fields } = parts.metadata.resolve(usageMetadata, own);
      const checked = checkEvent({ ...fields, ...own }, parts.runtime, parts.book.sink.middlewareSource);
      parts.book.noteUse();
      // An id of its own, for the Idempotency-Key: the caller's transaction id may come a second time with another body,
      // and it is the service that must see and flag that (I4).
      const key = parts.runtime.newId();
      parts.outbox.append(key, parts.bypass.isOn() ? withBypass(checked) : checked);
      parts.programHolds.settle(checked, key);
      return checked.transactionId;
    },
    // One function stands for the overloads of the interface: wrapper, decorator, and either form of a report.
    meterTool: ((toolId: string, toolOrOptions?: unknown, options?: unknown) => {
      announce();
      return wrapTool(() => parts.tools, toolId, toolOrOptions, options);
    }) as Fusewire['meterTool'],
    reportToolCall(call: unknown, more?: unknown) {
      announce();
      return parts.tools.report(call, more);
    },
    status: () => readStatus(parts),
    async ready(options) {
      announce();
      return parts.cache === undefined ? true : parts.cache.ready(limitOf(options, READY_TIMEOUT_MS));
    },
    flush: (options) => flushAll(parts.delivery, parts.refusals, limitOf(options, FLUSH_TIMEOUT_MS)),
    setBypass: (on) => parts.bypass.set(checkedFlag('setBypass()', on)),
    isInitialized: (provider) => isInitialized(parts, provider),
    close: () => closeParts(parts),
  };
  return keepParts(instance, parts);
}

/** A flag decides whether budgets hold: what is none must not count as one. */
function checkedFlag(what: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new FusewireError('INVALID_OPTIONS', [`${what} takes true or false, not ${JSON.stringify(value)}`]);
}

function isInitialized(parts: Parts, provider: string | undefined): boolean {
  if (parts.credentials() === undefined) return false;
  if (provider === undefined || parts.providers.has(provider)) return true;
  return patchedClients().some((patched) => isPackageOf(patched.package, provider));
}

/** What is metered under a bypass says so, whoever made the call. */
function withBypass(event: UsageEvent): UsageEvent {
  return { ...event, attributes: { ...event.attributes, bypass: true } };
}

/** Says once where this instance meters to and which team it polls. */
function announceOnce(parts: Parts): () => void {
  let announced = false;
  return () => {
    if (announced) return;
    announced = true;
    const { config, runtime, credentials } = parts;
    const known = credentials();
    const key = known === undefined ? 'no key yet' : `key ${known.apiKey.hint}`;
    const polls = config.circuitBreakerEnabled
      ? `polls the rules of team ${known?.teamId ?? '(REVENIUM_TEAM_ID is not set)'} at ${config.enforcementBaseUrl}`
      : 'enforcement is off (REVENIUM_CIRCUIT_BREAKER_ENABLED)';
    const what = config.selectiveMetering ? 'what reveniumMeter() wraps ' : '';
    runtime.log.info(`meters ${what}to ${config.meteringBaseUrl} (${key}); ${polls}`);
  };
}

async function closeParts(parts: Parts): Promise<void> {
  const wasClosed = parts.book.close();
  parts.uninstallExit();
  parts.bypass.stop();
  await parts.cache?.stop();
  const isDelivered = await flushAll(parts.delivery, parts.refusals, parts.config.shutdownTimeoutMs);
  if (!isDelivered && !wasClosed) reportLeft(parts.config, parts.outbox, parts.runtime.log);
  // What was metered and is in the ledger by now is no longer held; the rest stays set aside until it arrives.
  parts.programHolds.close();
  await parts.holds?.close();
  await parts.delivery.stop();
  await parts.refusals.stop();
  await parts.insight.close();
  await parts.outbox.close();
}
