/** One of the two indexes of a rule set while it changes: what lies in the base, what lies over it. */
import { compareVerdicts, LayeredIndex } from './layered-index.js';
import { createScopeIndex, createScopeIndexInSteps, type ScopeEntry, type ScopeIndex } from './scope-index.js';
import type { Verdict } from './verdict.js';

/** With fewer changes than this the base is not built anew. */
const CHANGES_MIN = 256;
/** Nor with fewer than this part of its entries. */
const CHANGES_PART = 8;

const EMPTY: ScopeIndex<Verdict> = createScopeIndex([]);

/** Entries by rule key. Every change is made here first; {@link build} then makes an index that nothing changes. */
export class IndexLayers {
  #base: ScopeIndex<Verdict> = EMPTY;
  #baseKeys = 0;
  /** The verdicts of the base that still count, by the key of their rule. */
  #inBase = new Map<string, Verdict>();
  #replaced = new Map<Verdict, Verdict | null>();
  readonly #over = new Map<string, readonly ScopeEntry<Verdict>[]>();
  /** Keys (values of IN rows) in {@link #over}: what building it costs. */
  #overKeys = 0;

  /** Puts the entries of a rule in place of all that it had. */
  put(key: string, entries: readonly ScopeEntry<Verdict>[]): void {
    this.remove(key);
    if (entries.length > 0) this.#setOver(key, entries);
  }

  /** The rule has no entries any more. */
  remove(key: string): void {
    const known = this.#inBase.get(key);
    if (known !== undefined) this.#replaced.set(known, null);
    this.#inBase.delete(key);
    this.#setOver(key, []);
  }

  /** The rule has another verdict with the same filters; `more` are entries beside those that it has. */
  adjust(key: string, verdict: Verdict, more: readonly ScopeEntry<Verdict>[]): void {
    const known = this.#inBase.get(key);
    if (known !== undefined) this.#replaced.set(known, verdict);
    const over = (this.#over.get(key) ?? []).map(({ filters }) => ({ filters, payload: verdict }));
    this.#setOver(key, [...over, ...more]);
  }

  /** Whether so much lies over the base that it is better built anew. */
  get isHeavy(): boolean {
    const changes = this.#overKeys + this.#replaced.size;
    return changes > Math.max(CHANGES_MIN, this.#baseKeys / CHANGES_PART);
  }

  /** Builds the base anew, from all entries in the order of the feed. */
  *rebuild(entries: readonly ScopeEntry<Verdict>[]): Generator<void, void> {
    const inBase = new Map<string, Verdict>();
    let keys = 0;
    for (const entry of entries) {
      inBase.set(entry.payload.rule.key ?? '', entry.payload);
      keys += keysOf(entry);
    }
    this.#base = yield* createScopeIndexInSteps(entries);
    this.#baseKeys = keys;
    this.#inBase = inBase;
    this.#replaced = new Map();
    this.#over.clear();
    this.#overKeys = 0;
  }

  /** The index as it is now. */
  *build(): Generator<void, ScopeIndex<Verdict>> {
    if (this.#replaced.size === 0 && this.#over.size === 0) return this.#base;
    const entries = [...this.#over.values()].flat().sort((a, b) => compareVerdicts(a.payload, b.payload));
    return new LayeredIndex(this.#base, new Map(this.#replaced), yield* createScopeIndexInSteps(entries));
  }

  #setOver(key: string, entries: readonly ScopeEntry<Verdict>[]): void {
    for (const entry of this.#over.get(key) ?? []) this.#overKeys -= keysOf(entry);
    for (const entry of entries) this.#overKeys += keysOf(entry);
    if (entries.length === 0) this.#over.delete(key);
    else this.#over.set(key, entries);
  }
}

function keysOf(entry: ScopeEntry<Verdict>): number {
  return entry.filters.at(-1)?.values?.length ?? 1;
}
