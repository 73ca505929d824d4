/** What an index needs to know of the call it is asked about, each thing read once and only if a table asks. */
import type { CallDimensions } from './decision.js';
import { CANDIDATES_MAX, candidate, DIMENSION_COUNT } from './dimensions.js';
import { type PatternPlace, PatternTrie } from './pattern-trie.js';
import { StringIds } from './string-ids.js';

const PLACES: readonly PatternPlace[] = ['start', 'end', 'anywhere'];
const NOT_READ = -3;
/** The call has no such value. */
export const ABSENT = -2;
/** The call has a value, and no scope names it. */
export const UNNAMED = -1;

interface PatternSlot {
  unitsMax: number;
  trie: PatternTrie | undefined;
  /** The number of the call that `found` belongs to. */
  readAt: number;
  readonly found: number[];
}

/**
 * The words of all scopes of one index, and one call read in their numbers. Built in three phases: `expect` for each
 * pattern, then `add…`, then {@link seal}; from then on {@link begin} and the readers.
 */
export class CallReading {
  readonly #words: StringIds[] = Array.from({ length: DIMENSION_COUNT }, () => new StringIds());
  readonly #patterns: PatternSlot[] = Array.from({ length: DIMENSION_COUNT * PLACES.length }, () => ({
    unitsMax: 0,
    trie: undefined,
    readAt: 0,
    found: [],
  }));
  readonly #ids = new Int32Array(DIMENSION_COUNT * CANDIDATES_MAX);
  #call: CallDimensions = {};
  #calls = 0;

  /** Announces a pattern, so that its trie is made large enough. */
  expectPattern(slot: number, text: string): void {
    this.#patterns[slot]!.unitsMax += text.length;
  }

  /** The number of a pattern that was announced. */
  addPattern(slot: number, text: string): number {
    const pattern = this.#patterns[slot]!;
    pattern.trie ??= new PatternTrie(PLACES[slot % PLACES.length]!, pattern.unitsMax);
    return pattern.trie.add(text);
  }

  /** The number of a value that scopes name. */
  addWord(dimension: number, value: string): number {
    return this.#words[dimension]!.add(value);
  }

  /** Ends the building, in steps. */
  *seal(): Generator<void, void> {
    for (const { trie } of this.#patterns) if (trie !== undefined) yield* trie.seal();
  }

  /** Turns to another call. */
  begin(call: CallDimensions): void {
    this.#call = call;
    this.#ids.fill(NOT_READ);
    this.#calls += 1;
  }

  /** The number of the call's value, {@link UNNAMED} or {@link ABSENT}. */
  word(dimension: number, which: number): number {
    const at = dimension * CANDIDATES_MAX + which;
    const known = this.#ids[at]!;
    if (known !== NOT_READ) return known;
    const value = candidate(this.#call, dimension, which);
    const id = value === undefined ? ABSENT : this.#words[dimension]!.find(value);
    this.#ids[at] = id;
    return id;
  }

  /** The numbers of the patterns of a slot that the call's values contain. */
  patterns(slot: number): readonly number[] {
    const pattern = this.#patterns[slot]!;
    if (pattern.readAt === this.#calls || pattern.trie === undefined) return pattern.found;
    pattern.readAt = this.#calls;
    pattern.found.length = 0;
    pattern.trie.begin();
    for (let which = 0; which < CANDIDATES_MAX; which += 1) {
      const value = candidate(this.#call, Math.floor(slot / PLACES.length), which);
      if (value !== undefined) pattern.trie.read(value, pattern.found);
    }
    return pattern.found;
  }
}

/** The place of a pattern kind in a {@link CallReading}. */
export function patternSlot(dimension: number, place: PatternPlace): number {
  return dimension * PLACES.length + PLACES.indexOf(place);
}
