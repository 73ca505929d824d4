/** All scopes of one signature: a composite key leads to them in one step, in the order in which they were given. */
import { ABSENT, type CallReading, patternSlot } from './call-reading.js';
import type { ScopePlan } from './scope-plan.js';
import { TupleTable } from './tuple-table.js';

const EMPTY = new Int32Array(0);
const EMPTY_TABLE = new TupleTable(0, 0);

/** Keys of one scope between two steps of building. */
const KEYS_PER_STEP = 500;

/** Told of each scope that a call reaches, in ascending order within one list; `false` ends that list. */
export type ScopeVisitor = (scope: number) => boolean;

/**
 * Key → lists of scope numbers. A signature without an IS_NOT row has one list a key; one with an IS_NOT row has a list
 * for each excluded value, and the lists of a key stand in the order of their first scope. So the first match of a key
 * is the head of one of the first three lists, however many there are: a call excludes at most two of them.
 */
export class ScopeTable {
  readonly #words: CallReading;
  readonly #exact: readonly number[];
  readonly #patternSlot: number;
  readonly #excludedDimension: number;
  readonly #width: number;
  readonly #tuple: Int32Array;
  #capacity = 0;
  #keys = EMPTY_TABLE;
  #lists = EMPTY_TABLE;
  // A list is a chain of postings; the lists of a key are a chain too. Numbers are one too high, 0 ends a chain.
  #firstList = EMPTY;
  #lastList = EMPTY;
  #nextList = EMPTY;
  #excludedWord = EMPTY;
  #firstPosting = EMPTY;
  #lastPosting = EMPTY;
  #nextPosting = EMPTY;
  #scope = EMPTY;
  #postings = 0;

  /** `firstScope` is the smallest scope number that will be in the table. */
  constructor(
    plan: ScopePlan,
    words: CallReading,
    readonly firstScope: number,
  ) {
    this.#words = words;
    this.#exact = plan.exact;
    this.#patternSlot = plan.pattern === undefined ? -1 : patternSlot(plan.pattern.dimension, plan.pattern.place);
    this.#excludedDimension = plan.excluded?.dimension ?? -1;
    this.#width = plan.exact.length + (plan.pattern === undefined ? 0 : 1);
    this.#tuple = new Int32Array(this.#width + 1);
  }

  /** Announces a scope, so that the tables are made large enough. */
  expect(plan: ScopePlan): void {
    this.#capacity += plan.keys;
    if (plan.pattern !== undefined) this.#words.expectPattern(this.#patternSlot, plan.pattern.text);
  }

  /** Makes room for what was announced. */
  allocate(): void {
    const capacity = this.#capacity;
    const hasExcluded = this.#excludedDimension !== -1;
    this.#keys = new TupleTable(this.#width, capacity);
    if (hasExcluded) {
      this.#lists = new TupleTable(this.#width + 1, capacity);
      this.#firstList = new Int32Array(capacity);
      this.#lastList = new Int32Array(capacity);
      this.#nextList = new Int32Array(capacity);
      this.#excludedWord = new Int32Array(capacity);
    }
    this.#firstPosting = new Int32Array(capacity);
    this.#lastPosting = new Int32Array(capacity);
    this.#nextPosting = new Int32Array(capacity);
    this.#scope = new Int32Array(capacity);
  }

  /** Adds an announced scope. Scope numbers ascend. */
  add(plan: ScopePlan, scope: number): void {
    for (let key = 0; key < plan.keys; key += 1) this.#addKey(plan, key, scope);
  }

  /** The same for a scope of many keys. */
  *addInSteps(plan: ScopePlan, scope: number): Generator<void, void> {
    for (let key = 0; key < plan.keys; key += 1) {
      this.#addKey(plan, key, scope);
      if (key % KEYS_PER_STEP === KEYS_PER_STEP - 1) yield;
    }
  }

  /** The keys of a scope are numbered as if each exact dimension were a digit. */
  #addKey(plan: ScopePlan, key: number, scope: number): void {
    let rest = key;
    for (let i = 0; i < plan.exact.length; i += 1) {
      const values = plan.exactValues[i]!;
      const digit = rest % values.length;
      rest = (rest - digit) / values.length;
      this.#tuple[i] = this.#words.addWord(plan.exact[i]!, values[digit]!);
    }
    if (plan.pattern !== undefined) {
      this.#tuple[this.#width - 1] = this.#words.addPattern(this.#patternSlot, plan.pattern.text);
    }
    this.#append(this.#listOf(plan), scope);
  }

  /** Tells `visitor` of every scope that the call's keys lead to; the rows left open are not verified yet. */
  visit(visitor: ScopeVisitor): void {
    this.#visitFrom(0, visitor);
  }

  /** Fills the key place by place; a dimension with two values, or a text with several patterns, gives several keys. */
  #visitFrom(place: number, visitor: ScopeVisitor): void {
    if (place < this.#exact.length) {
      const first = this.#words.word(this.#exact[place]!, 0);
      if (first >= 0) {
        this.#tuple[place] = first;
        this.#visitFrom(place + 1, visitor);
      }
      const second = this.#words.word(this.#exact[place]!, 1);
      if (second >= 0 && second !== first) {
        this.#tuple[place] = second;
        this.#visitFrom(place + 1, visitor);
      }
    } else if (place < this.#width) {
      const found = this.#words.patterns(this.#patternSlot);
      for (let i = 0; i < found.length; i += 1) {
        this.#tuple[place] = found[i]!;
        this.#visitKey(visitor);
      }
    } else this.#visitKey(visitor);
  }

  #visitKey(visitor: ScopeVisitor): void {
    const key = this.#keys.find(this.#tuple);
    if (key === -1) return;
    if (this.#excludedDimension === -1) {
      this.#visitList(key, visitor);
      return;
    }
    const first = this.#words.word(this.#excludedDimension, 0);
    const second = this.#words.word(this.#excludedDimension, 1);
    if (first === ABSENT && second === ABSENT) return;
    for (let list = this.#firstList[key]! - 1; list >= 0; list = this.#nextList[list]! - 1) {
      const excluded = this.#excludedWord[list];
      if (excluded === first || excluded === second) continue;
      // The next list begins later than this one: if the visitor wants none of this one, it wants none of the next.
      if (!this.#visitList(list, visitor)) return;
    }
  }

  /** Whether the visitor took at least the head of the list. */
  #visitList(list: number, visitor: ScopeVisitor): boolean {
    let isHead = true;
    for (let posting = this.#firstPosting[list]! - 1; posting >= 0; posting = this.#nextPosting[posting]! - 1) {
      if (!visitor(this.#scope[posting]!)) return !isHead;
      isHead = false;
    }
    return true;
  }

  #listOf(plan: ScopePlan): number {
    const key = this.#keys.add(this.#tuple);
    if (plan.excluded === undefined) return key;
    const word = this.#words.addWord(plan.excluded.dimension, plan.excluded.value);
    this.#tuple[this.#width] = word;
    const list = this.#lists.add(this.#tuple);
    if (this.#firstPosting[list] === 0) {
      this.#excludedWord[list] = word;
      if (this.#firstList[key] === 0) this.#firstList[key] = list + 1;
      else this.#nextList[this.#lastList[key]! - 1] = list + 1;
      this.#lastList[key] = list + 1;
    }
    return list;
  }

  #append(list: number, scope: number): void {
    const posting = this.#postings;
    this.#postings += 1;
    this.#scope[posting] = scope;
    if (this.#firstPosting[list] === 0) this.#firstPosting[list] = posting + 1;
    else this.#nextPosting[this.#lastPosting[list]! - 1] = posting + 1;
    this.#lastPosting[list] = posting + 1;
  }
}
