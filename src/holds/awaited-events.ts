/** Events of ended calls that are on their way to the ledger, by the keys of the outbox. */
import type { Consumption } from './purse.js';

const EVENTS_MAX = 200_000;
/** After so long the hold is left to its expiry: the service counts what is left of it, until the event comes after all. */
const AWAITED_MS = 3_600_000;
/** Events that were acknowledged before their call was settled: a caller may append first. */
const EARLY_MAX = 1_024;

type End = 'acknowledged' | 'lost';

/** Bounded (I10): what is beyond the bound counts as lost, and stays held until its hold ends. */
export class AwaitedEvents {
  /** Oldest first. */
  readonly #awaited = new Map<string, { readonly sinceMs: number; readonly consumptions: Consumption[] }>();
  readonly #early = new Map<string, End>();

  get size(): number {
    return this.#awaited.size;
  }

  add(eventKey: string, consumption: Consumption, nowMs: number): void {
    const early = this.#early.get(eventKey);
    if (early !== undefined || this.#awaited.size >= EVENTS_MAX) {
      this.#early.delete(eventKey);
      end(consumption, early ?? 'lost');
      return;
    }
    const same = this.#awaited.get(eventKey);
    if (same === undefined) this.#awaited.set(eventKey, { sinceMs: nowMs, consumptions: [consumption] });
    else same.consumptions.push(consumption);
  }

  /** Those that are awaited for too long count as lost. */
  look(nowMs: number): void {
    for (const [key, { sinceMs }] of this.#awaited) {
      if (nowMs - sinceMs < AWAITED_MS) break;
      this.end([key], 'lost', false);
    }
  }

  /** `mayBeEarly`: a call is under way whose event it could be. */
  end(eventKeys: Iterable<string>, how: End, mayBeEarly: boolean): void {
    for (const key of eventKeys) {
      const awaited = this.#awaited.get(key);
      if (awaited !== undefined) {
        this.#awaited.delete(key);
        for (const consumption of awaited.consumptions) end(consumption, how);
      } else if (mayBeEarly) this.#remember(key, how);
    }
  }

  #remember(key: string, how: End): void {
    if (this.#early.size >= EARLY_MAX) this.#early.delete(this.#early.keys().next().value!);
    this.#early.set(key, how);
  }
}

function end(consumption: Consumption, how: End): void {
  const { purse } = consumption;
  if (how === 'acknowledged') {
    purse.acknowledge(consumption);
    return;
  }
  purse.lose(consumption);
  // New calls draw from a new hold: this one has to end, so that what was lost is charged or freed.
  if (purse.state === 'open') purse.state = 'leaving';
}
