/** A large index that stays as it is, and what changed since over it: a change costs what changed. */
import type { CallDimensions } from './decision.js';
import type { Acceptance, ScopeIndex } from './scope-index.js';
import type { Verdict } from './verdict.js';

/**
 * The order of the rules of one feed by which differences are applied: by rule id, then by key, by code units. Keys are
 * unique, so that two verdicts are equal only if they are of one rule.
 */
export function compareVerdicts(a: Verdict, b: Verdict): number {
  return compareKeys(Number(a.rule.ruleId), a.rule.key ?? '', Number(b.rule.ruleId), b.rule.key ?? '');
}

/** The same of ids and keys alone. */
export function compareKeys(idA: number, keyA: string, idB: number, keyB: string): number {
  if (idA !== idB) return idA - idB;
  return keyA < keyB ? -1 : keyA > keyB ? 1 : 0;
}

/**
 * Answers as an index of all current verdicts would. `replaced` says of verdicts of the base what is true now: another
 * verdict with the same filters, or `null` for none. `overlay` has the verdicts with other filters, and those of groups
 * that were breached since. Neither may change while this is in use.
 */
export class LayeredIndex implements ScopeIndex<Verdict> {
  readonly #base: ScopeIndex<Verdict>;
  readonly #replaced: ReadonlyMap<Verdict, Verdict | null>;
  readonly #overlay: ScopeIndex<Verdict>;
  #accept: Acceptance<Verdict> | undefined;

  constructor(base: ScopeIndex<Verdict>, replaced: ReadonlyMap<Verdict, Verdict | null>, overlay: ScopeIndex<Verdict>) {
    this.#base = base;
    this.#replaced = replaced;
    this.#overlay = overlay;
  }

  /** An upper bound: entries of the base that were replaced are counted too. */
  get size(): number {
    return this.#base.size + this.#overlay.size;
  }

  first(call: CallDimensions, accept?: Acceptance<Verdict>, nowMs = 0): Verdict | undefined {
    this.#accept = accept;
    const found = this.#base.first(call, this.#acceptCurrent, nowMs);
    const current = found === undefined ? undefined : (this.#current(found) ?? undefined);
    const changed = this.#overlay.first(call, accept, nowMs);
    if (current === undefined || changed === undefined) return current ?? changed;
    return compareVerdicts(current, changed) <= 0 ? current : changed;
  }

  firstFew(call: CallDimensions, max: number, accept?: Acceptance<Verdict>, nowMs = 0): readonly Verdict[] {
    this.#accept = accept;
    const found = this.#base.firstFew(call, max, this.#acceptCurrent, nowMs).map((verdict) => this.#current(verdict)!);
    return merged(found, this.#overlay.firstFew(call, max, accept, nowMs)).slice(0, max);
  }

  all(call: CallDimensions): readonly Verdict[] {
    const found: Verdict[] = [];
    for (const verdict of this.#base.all(call)) {
      const current = this.#current(verdict);
      if (current !== null) found.push(current);
    }
    return merged(found, this.#overlay.all(call));
  }

  #current(verdict: Verdict): Verdict | null {
    const current = this.#replaced.get(verdict);
    return current === undefined ? verdict : current;
  }

  readonly #acceptCurrent: Acceptance<Verdict> = (verdict, call, nowMs) => {
    const current = this.#current(verdict);
    if (current === null) return false;
    return this.#accept === undefined || this.#accept(current, call, nowMs);
  };
}

function merged(a: readonly Verdict[], b: readonly Verdict[]): readonly Verdict[] {
  const sorted = [...a, ...b].sort(compareVerdicts);
  return sorted.filter((verdict, i) => verdict !== sorted[i - 1]);
}
