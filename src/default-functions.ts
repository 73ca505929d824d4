/** The functions that most programs need, on the instance that the environment configures. */
import { defaultFusewire, forgetDefaultFusewire } from './default-instance.js';
import type { GuardOptions } from './guard-client.js';
import type { Guarded, WithUsageMetadata } from './guarded.js';
import type { CallDescription } from './instance.js';
import type { MeterEvent } from './metering/check-event.js';
import type { Status } from './status.js';

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

/** Settles what is open, delivers, and stops the default instance; a later call makes a new one. */
export async function close(): Promise<void> {
  const instance = defaultFusewire();
  forgetDefaultFusewire();
  await instance.close();
}
