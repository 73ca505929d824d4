/** Station 11: the rule set that the guard reads. */
import { LRUCache } from 'lru-cache';
import type { RuleSet } from '../enforcement/rule-set.js';
import type { Runtime } from '../src/runtime.js';

/** A rule set is fresh for this long (contract 2.8). Past it a read wakes the poller and still gets the rule set. */
export const RULES_TTL_MS = 120_000;

/** What the guard reads: one object per activation, so that a reader can compare by identity. */
export interface LoadedRules {
  readonly ruleSet: RuleSet;
  /** Moves by one with each accepted refresh and with a load from disk; never goes back in the life of an instance. */
  readonly generation: number;
  /** The service's revision; `undefined` where the feed names none. */
  readonly revision: number | undefined;
}

const KEY = 'rules';

/**
 * lru-cache takes an entry that was set at time 0 for one without a time limit, and a fake clock may start there. A
 * monotonic clock has no fixed zero, so it is read shifted by more than any age that is ever given to an entry.
 */
const CLOCK_SHIFT_MS = 2 ** 40;

/**
 * Holds one rule set. The time limit means stale, never gone: after ten hours of outage the verdicts are what they were,
 * until their own windows end (I13). A read costs one look at the clock, never waits and never throws.
 */
export class RuleCache {
  readonly #entries: LRUCache<string, LoadedRules>;
  readonly #freshOnly = { allowStale: false, noDeleteOnStaleGet: true };
  readonly #now: () => number;
  readonly #onStaleRead: () => void;
  #generation = 0;

  /** `onStaleRead` is called by each read that meets a stale rule set or none; it must be cheap. */
  constructor(runtime: Pick<Runtime, 'monotonicNow'>, onStaleRead: () => void, ttlMs: number = RULES_TTL_MS) {
    this.#now = () => runtime.monotonicNow() + CLOCK_SHIFT_MS;
    this.#onStaleRead = onStaleRead;
    this.#entries = new LRUCache<string, LoadedRules>({
      max: 1,
      ttl: ttlMs,
      // The clock is injected; with a resolution above 0 lru-cache keeps a copy of it that only a real timer renews.
      ttlResolution: 0,
      allowStale: true,
      noDeleteOnStaleGet: true,
      perf: { now: this.#now },
    });
  }

  /** The rule set, fresh or stale; `undefined` only while none was ever loaded, or after {@link clear}. */
  read(): LoadedRules | undefined {
    const fresh = this.#entries.get(KEY, this.#freshOnly);
    if (fresh !== undefined) return fresh;
    this.#onStaleRead();
    return this.#entries.get(KEY);
  }

  /** The same without waking anybody. */
  peek(): LoadedRules | undefined {
    return this.#entries.get(KEY);
  }

  /** How many rule sets were accepted so far. */
  get generation(): number {
    return this.#generation;
  }

  /** Puts a rule set in force. One from disk is stale from the first moment: it decides, and is fetched anew. */
  activate(ruleSet: RuleSet, revision: number | undefined, source: 'wire' | 'disk'): LoadedRules {
    this.#generation += 1;
    const loaded: LoadedRules = Object.freeze({ ruleSet, generation: this.#generation, revision });
    if (source === 'wire') this.#entries.set(KEY, loaded);
    else this.#entries.set(KEY, loaded, { start: this.#now() - this.#entries.ttl - 1 });
    return loaded;
  }

  /** The service said that nothing changed: the same rule set is fresh again, in the same generation. */
  renew(): void {
    const loaded = this.#entries.get(KEY);
    if (loaded !== undefined) this.#entries.set(KEY, loaded, { start: this.#now() });
  }

  /** Forgets the rule set: another team's, or the instance stops. The generation goes on from where it was. */
  clear(): void {
    this.#entries.clear();
  }
}
