/** What `status()` tells. */
import type { EnforcementStatus } from '../cache/status.js';
import type { CallCounters } from './call-book.js';
import type { FailMode } from './config.js';
import type { Parts } from './fusewire.js';
import type { CallHoldsStatus } from './holds/call-holds.js';
import { type PatchedClient, patchedClients } from './instrument/patched.js';
import type { DeliveryStatus } from './metering/delivery.js';
import type { OutboxCounters } from './metering/outbox.js';
import type { RefusalStatus } from './metering/refusals.js';

/** A snapshot of one instance. Times are milliseconds since the epoch, `undefined` where it did not happen yet. */
export interface Status {
  /** Whether `REVENIUM_CIRCUIT_BREAKER_ENABLED` is on. */
  readonly enabled: boolean;
  readonly failMode: FailMode;
  readonly bypass: boolean;
  readonly teamId: string | undefined;
  readonly meteringBaseUrl: string;
  readonly enforcementBaseUrl: string;
  /** What of our extensions the host of the metering URL announced, and is in use. */
  readonly capabilities: readonly string[];
  /** The four times, the active revision, what failed last; `undefined` while enforcement is off. */
  readonly enforcement: EnforcementStatus | undefined;
  readonly delivery: DeliveryStatus;
  readonly outbox: OutboxCounters & { readonly depth: number };
  readonly calls: CallCounters & {
    /** Attempts that are under way. */
    readonly open: number;
    /** Why the last refused call was refused. */
    readonly lastRefusal: string | undefined;
  };
  /** What hard budgets set aside for calls of this instance; `undefined` while enforcement is off. */
  readonly holds: CallHoldsStatus | undefined;
  /** Refused calls that the service was told of, where it records them. */
  readonly refusals: RefusalStatus;
  /** What `fusewire/register` patched in this process. */
  readonly patched: readonly PatchedClient[];
}

/** Reads the status of an instance. Cheap, and without side effects. */
export function readStatus(parts: Parts): Status {
  const { config, book } = parts;
  return {
    enabled: config.circuitBreakerEnabled,
    failMode: config.failMode,
    bypass: parts.bypass.isOn(),
    teamId: parts.credentials()?.teamId,
    meteringBaseUrl: config.meteringBaseUrl,
    enforcementBaseUrl: config.enforcementBaseUrl,
    capabilities: parts.capabilities.list(new URL(config.meteringBaseUrl).origin),
    enforcement: parts.cache?.status(),
    delivery: parts.delivery.status(),
    outbox: { ...parts.outbox.counters(), depth: parts.outbox.depth() },
    calls: { ...book.counters(), open: book.sink.open.size, lastRefusal: book.lastRefusal()?.message },
    holds: parts.holds?.calls.status(),
    refusals: parts.refusals.status(),
    patched: patchedClients(),
  };
}
