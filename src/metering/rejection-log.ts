/** The log of refused events: a service that refuses all of them must not fill the log too. */
import type { Runtime } from '../runtime.js';
import type { OutboxEntry } from './outbox.js';

/** At most one line a reason in this time; those between are counted in the next one. */
const QUIET_MS = 60_000;
const REASONS_MAX = 20;

/** Creates a function that reports a refused event. `where` says what became of it. */
export function createRejectionLog(runtime: Runtime, where: string): (entry: OutboxEntry, reason: string) => void {
  const reasons = new Map<string, { quietUntil: number; unreported: number }>();
  return (entry, reason) => {
    const now = runtime.monotonicNow();
    const known = reasons.get(reason);
    if (known !== undefined && known.quietUntil > now) {
      known.unreported += 1;
      return;
    }
    if (reasons.size >= REASONS_MAX) reasons.clear();
    reasons.set(reason, { quietUntil: now + QUIET_MS, unreported: 0 });
    const alike = known?.unreported ? { alikeSince: known.unreported } : {};
    const { transactionId } = entry.event;
    runtime.log.error(`the service refused a usage event for good; ${where}`, { transactionId, reason, ...alike });
  };
}
