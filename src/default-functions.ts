/** The functions that most programs need, on the default instance. */
import type { FunctionDecorator } from './attribution/function-decorator.js';
import type { AnyFunction } from './attribution/wrap-function.js';
import { type ConfigureOptions, createConfigured } from './configure.js';
import { defaultFusewire, replaceDefaultFusewire, takeDefaultFusewires } from './default-instance.js';
import type { GuardOptions } from './guard-client.js';
import type { Guarded, WithUsageMetadata } from './guarded.js';
import type { CallDescription } from './instance.js';
import type { AnyFetch, GuardedFetch, GuardFetchOptions } from './instrument/guarded-fetch.js';
import type { MeterEvent } from './metering/check-event.js';
import { partsOf } from './parts-of.js';
import type { HoldDescription, ProgramHold } from './program-holds.js';
import { eventOfUsage, type RecordedUsage } from './record-usage.js';
import type { Status } from './status.js';
import { wrapTool } from './tools/tool-meter.js';
import type { MeterToolOptions, ToolCall, ToolResult } from './tools/tool-options.js';

/**
 * Guards and meters a provider client, in place, and returns it. Every call of it is refused before it is sent while a
 * budget that covers it is used up, and metered after it was answered. Wrapping twice is harmless.
 *
 * @throws FusewireError with code `UNKNOWN_CLIENT` for an object that no adapter recognises.
 * @example
 * const client = guard(new OpenAI());
 * await client.chat.completions.create({ model: 'gpt-4o-mini', messages, usageMetadata: { agent: 'triage' } });
 */
export function guard<T extends object>(client: T, options?: GuardOptions): Guarded<T> {
  return defaultFusewire().guard(client, options);
}

/**
 * A drop-in `fetch` that decides on and meters requests to every provider that this package knows, by host and path. Any
 * other request passes untouched. A guarded client that is given it sends through the `fetch` inside, so that nothing is
 * counted twice.
 *
 * @param fetch what sends. Default: the `fetch` of the process.
 * @throws FusewireError with code `INVALID_OPTIONS` for wrong options.
 * @example
 * const guardedFetch = guardFetch();
 * await guardedFetch('https://api.openai.com/v1/chat/completions', {
 *   method: 'POST',
 *   headers: { authorization: 'Bearer …', 'content-type': 'application/json' },
 *   body: JSON.stringify({ model: 'gpt-4o-mini', messages }),
 *   usageMetadata: { agent: 'triage' },
 * });
 */
export function guardFetch(fetch?: AnyFetch, options?: GuardFetchOptions): GuardedFetch {
  return defaultFusewire().guardFetch(fetch, options);
}

/**
 * The check of a guarded call, for programs that call models in another way. Call it before, {@link meter} after.
 *
 * @throws BudgetExceededError when a budget that covers the call is used up; nothing else.
 * @example
 * checkEnforcement({ subscriber: { id: 'u-88' } }, { model: 'gpt-4o-mini', provider: 'OPENAI' });
 */
export function checkEnforcement(usageMetadata?: object, call?: CallDescription): void {
  defaultFusewire().checkEnforcement(usageMetadata, call);
}

/**
 * Sets aside what a call of the program's own can cost at most, under the hard budgets that concern it; {@link meter} it with
 * the `holdId`, or `release()` it.
 *
 * @throws BudgetExceededError when a budget that covers the call is used up, or there is no room for it.
 * @throws FusewireError with code `INVALID_OPTIONS`, listing every problem of `call`.
 */
export function hold(usageMetadata: object | undefined, call: HoldDescription): Promise<ProgramHold> {
  return defaultFusewire().hold(usageMetadata, call);
}

/**
 * Meters a call that no guarded client made. Returns at once; delivery happens behind.
 *
 * @returns the event's transaction id.
 * @throws FusewireError with code `INVALID_EVENT`, listing every problem.
 * @example
 * meter({ model: 'gpt-4o-mini', provider: 'OPENAI', inputTokenCount: 412, outputTokenCount: 96 });
 */
export function meter(event: MeterEvent & WithUsageMetadata): string {
  return defaultFusewire().meter(event);
}

/**
 * Whether the default instance has a key to meter with and, where a provider is named (`openai`, `anthropic` …), guards a
 * client of it, or `fusewire/register` patched its package.
 */
export function isInitialized(provider?: string): boolean {
  return defaultFusewire().isInitialized(provider);
}

/** What the default instance knows, is waiting for and has done. */
export function status(): Status {
  return defaultFusewire().status();
}

/**
 * Resolves to `true` when a rule set is loaded, to `false` when `timeoutMs` passes first; at once to `true` while the
 * circuit breaker is not enabled. Never rejects.
 *
 * @defaultValue `timeoutMs` 10,000
 */
export function ready(options?: { timeoutMs?: number }): Promise<boolean> {
  return defaultFusewire().ready(options);
}

/**
 * Delivers what is waiting; resolves to whether everything was acknowledged in time. Never rejects.
 *
 * @defaultValue `timeoutMs` 5,000
 */
export function flush(options?: { timeoutMs?: number }): Promise<boolean> {
  return defaultFusewire().flush(options);
}

/** Switches the bypass on or off in this process: while it is on every call passes, is metered and marked. */
export function setBypass(on: boolean): void {
  defaultFusewire().setBypass(on);
}

/**
 * Makes a new default instance with these options; each beats its environment variable. Call it first: clients that were
 * guarded before go on as they were configured, and the log says so. Tools that were wrapped before are metered by the
 * new one. The instance before is closed after it delivered what it had.
 *
 * @returns a promise that is resolved when that is done; it need not be awaited, and is never rejected.
 * @throws FusewireError with code `INVALID_OPTIONS`, listing every wrong option; then nothing changes.
 * @example
 * configure({ meteringUrl: 'https://api.revenium.ai', apiKey: 'rev_mk_…' });
 */
export function configure(options: ConfigureOptions): Promise<void> {
  return replaceDefaultFusewire(createConfigured(options));
}

/**
 * Meters every run of a tool: how long it worked, whether it threw, and what `options` say of its result. What it returns
 * or throws reaches the caller as before, and nothing waits for the event. Synchronous tools, `async` ones and
 * generators, whose duration leaves out the time that their consumer takes; a run that never ends is not metered.
 *
 * @throws FusewireError with code `INVALID_OPTIONS`, listing every wrong option, where the tool is wrapped.
 * @example
 * const lookUp = meterTool('crm-lookup', async (id: string) => ({ id }), { operation: 'lookup', agent: 'triage' });
 */
export function meterTool<F extends AnyFunction>(toolId: string, tool: F, options?: MeterToolOptions<ToolResult<F>>): F;
/** The same as a wrapper for several functions, or as a decorator of methods. */
export function meterTool(toolId: string, options?: MeterToolOptions): FunctionDecorator;
export function meterTool(toolId: string, toolOrOptions?: unknown, options?: unknown): unknown {
  return wrapTool(() => partsOf(defaultFusewire()).tools, toolId, toolOrOptions, options);
}

/**
 * Meters a run of a tool that nothing wrapped. Returns at once; delivery happens behind.
 *
 * @returns the event's transaction id.
 * @throws FusewireError with code `INVALID_EVENT`, listing every problem.
 * @example
 * reportToolCall({ toolId: 'crm-lookup', operation: 'lookup', durationMs: 84, usageMetadata: { records: 3 } });
 */
export function reportToolCall(call: ToolCall): string;
/** The same, with the tool's id in front. */
export function reportToolCall(toolId: string, call: Omit<ToolCall, 'toolId'>): string;
export function reportToolCall(call: ToolCall | string, more?: Omit<ToolCall, 'toolId'>): string {
  const instance = defaultFusewire();
  return typeof call === 'string' ? instance.reportToolCall(call, more as ToolCall) : instance.reportToolCall(call);
}

/** The name of the core SDKs: `client.recordUsage`. */
export const client: {
  /**
   * Meters a call by the names of the core SDKs, in either spelling: `promptTokens`, `completionTokens`, `totalTokens`,
   * `userId` (the subscriber) and `sessionId` (the trace), beside everything that {@link meter} takes. Without a
   * `provider` it is `UNKNOWN`, and so is its price (I5).
   *
   * @returns the event's transaction id.
   * @throws FusewireError with code `INVALID_EVENT`, listing every problem.
   */
  recordUsage(usage: RecordedUsage): string;
} = Object.freeze({
  recordUsage: (usage: RecordedUsage) => defaultFusewire().meter(eventOfUsage(usage)),
});

/** Settles what is open, delivers, and stops the default instance; a later call makes a new one. */
export async function close(): Promise<void> {
  await Promise.all(takeDefaultFusewires().map((instance) => instance.close()));
}
