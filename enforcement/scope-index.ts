/**
 * Finds the scopes that cover a call among any number of them. A question costs a few table lookups per signature
 * (the dimensions and kinds of operators that occur together), not per scope: the same with 10 scopes or 100,000.
 */
import type { RuleFilter } from '../src/wire/feed.js';
import { CallReading } from './call-reading.js';
import type { CallDimensions } from './decision.js';
import { type FilterRow, rowMatches } from './match-filters.js';
import { planScope } from './scope-plan.js';
import { ScopeTable } from './scope-table.js';

/** Something with a scope. */
export interface ScopeEntry<T> {
  /** All must hold; none covers every call. */
  readonly filters: readonly RuleFilter[];
  readonly payload: T;
}

/** A further condition on a payload, asked only of entries whose filters cover the call. Must not use the index. */
export type Acceptance<T> = (payload: T, call: CallDimensions, nowMs: number) => boolean;

/** Entries by scope. Agrees with `matchesFilters` for every entry and call. */
export interface ScopeIndex<T> {
  /** How many entries some call can match. */
  readonly size: number;
  /** The payload of the first entry, in the order given, that covers the call and is accepted. */
  first(call: CallDimensions, accept?: Acceptance<T>, nowMs?: number): T | undefined;
  /** The payloads of the first `max` such entries, in the order given, each once. For a small `max`. */
  firstFew(call: CallDimensions, max: number, accept?: Acceptance<T>, nowMs?: number): readonly T[];
  /** The payloads of all entries that cover the call, in the order given. */
  all(call: CallDimensions): readonly T[];
}

/** Entries between two steps of building. */
const ENTRIES_PER_STEP = 100;

/** Keys of one entry that are added without a step in between. */
const KEYS_AT_ONCE_MAX = 64;

/** An index over the entries. */
export function createScopeIndex<T>(entries: Iterable<ScopeEntry<T>>): ScopeIndex<T> {
  const steps = createScopeIndexInSteps(entries);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same in steps of well under a millisecond, for a caller that must not block its event loop. */
export function* createScopeIndexInSteps<T>(entries: Iterable<ScopeEntry<T>>): Generator<void, ScopeIndex<T>> {
  const words = new CallReading();
  const tables = new Map<string, ScopeTable>();
  const scopes: (readonly RuleFilter[])[] = [];
  const payloads: T[] = [];
  let taken = 0;
  for (const { filters, payload } of entries) {
    taken += 1;
    if (taken % ENTRIES_PER_STEP === 0) yield;
    const plan = planScope(filters);
    if (plan === undefined) continue;
    let table = tables.get(plan.signature);
    if (table === undefined) {
      table = new ScopeTable(plan, words, scopes.length);
      tables.set(plan.signature, table);
    }
    table.expect(plan);
    scopes.push(filters);
    payloads.push(payload);
  }
  for (const table of tables.values()) {
    yield;
    table.allocate();
  }
  const verify: (readonly FilterRow[] | undefined)[] = [];
  for (let scope = 0; scope < scopes.length; scope += 1) {
    // Planned twice rather than kept: what lives through a garbage collection is what makes it long.
    const plan = planScope(scopes[scope]!)!;
    const table = tables.get(plan.signature)!;
    if (plan.keys <= KEYS_AT_ONCE_MAX) table.add(plan, scope);
    else yield* table.addInSteps(plan, scope);
    verify.push(plan.verify);
    if (scope % ENTRIES_PER_STEP === 0) yield;
  }
  yield* words.seal();
  return new TabledIndex(words, [...tables.values()], payloads, verify);
}

/** Answers one question at a time; the fields with `#asked…` belong to the question under way. */
class TabledIndex<T> implements ScopeIndex<T> {
  readonly #words: CallReading;
  readonly #tables: readonly ScopeTable[];
  readonly #payloads: readonly T[];
  readonly #verify: readonly (readonly FilterRow[] | undefined)[];
  #askedCall: CallDimensions = {};
  #askedNowMs = 0;
  #askedAccept: Acceptance<T> | undefined;
  #askedAfter = -1;
  #best = 0;
  #found: number[] = [];

  constructor(
    words: CallReading,
    tables: readonly ScopeTable[],
    payloads: readonly T[],
    verify: readonly (readonly FilterRow[] | undefined)[],
  ) {
    this.#words = words;
    this.#tables = tables;
    this.#payloads = payloads;
    this.#verify = verify;
  }

  get size(): number {
    return this.#payloads.length;
  }

  first(call: CallDimensions, accept?: Acceptance<T>, nowMs = 0): T | undefined {
    if (this.#payloads.length === 0) return undefined;
    this.#begin(call, accept, nowMs);
    const scope = this.#firstAfter(-1);
    return scope === -1 ? undefined : this.#payloads[scope];
  }

  firstFew(call: CallDimensions, max: number, accept?: Acceptance<T>, nowMs = 0): readonly T[] {
    const few: T[] = [];
    if (this.#payloads.length === 0) return few;
    this.#begin(call, accept, nowMs);
    for (let scope = -1; few.length < max; ) {
      scope = this.#firstAfter(scope);
      if (scope === -1) break;
      const payload = this.#payloads[scope]!;
      // A payload may have several entries; it is one answer.
      if (!few.includes(payload)) few.push(payload);
    }
    return few;
  }

  all(call: CallDimensions): readonly T[] {
    this.#begin(call, undefined, 0);
    this.#found = [];
    for (const table of this.#tables) table.visit(this.#takeEvery);
    const scopes = this.#found.sort((a, b) => a - b);
    // A scope can be reached by several keys (id and e-mail).
    return scopes.filter((scope, i) => scope !== scopes[i - 1]).map((scope) => this.#payloads[scope]!);
  }

  #begin(call: CallDimensions, accept: Acceptance<T> | undefined, nowMs: number): void {
    this.#words.begin(call);
    this.#askedCall = call;
    this.#askedAccept = accept;
    this.#askedNowMs = nowMs;
  }

  #firstAfter(after: number): number {
    const none = this.#payloads.length;
    this.#askedAfter = after;
    this.#best = none;
    for (const table of this.#tables) {
      // Tables stand in the order of their first scope.
      if (table.firstScope >= this.#best) break;
      table.visit(this.#takeFirst);
    }
    return this.#best === none ? -1 : this.#best;
  }

  readonly #takeFirst = (scope: number): boolean => {
    if (scope >= this.#best) return false;
    if (scope <= this.#askedAfter || !this.#holds(scope)) return true;
    const accept = this.#askedAccept;
    if (accept !== undefined && !accept(this.#payloads[scope]!, this.#askedCall, this.#askedNowMs)) return true;
    this.#best = scope;
    return false;
  };

  readonly #takeEvery = (scope: number): boolean => {
    if (this.#holds(scope)) this.#found.push(scope);
    return true;
  };

  #holds(scope: number): boolean {
    const rows = this.#verify[scope];
    if (rows === undefined) return true;
    for (const row of rows) if (!rowMatches(row, this.#askedCall)) return false;
    return true;
  }
}
