/** Finds which of many patterns start, end or occur in a text, at a cost that does not depend on how many there are. */

/** Characters of a pattern that the trie looks at; the rest is compared one by one. Bounds the memory (I10). */
export const PATTERN_CHARS_MAX = 32;

/** Where in the text a pattern must stand. */
export type PatternPlace = 'start' | 'end' | 'anywhere';

/** Nodes between two steps while the failure links are laid. */
const NODES_PER_STEP = 2_000;

/** The same while they are sorted, which costs a few nanoseconds a node. */
const NODES_PER_SORT_STEP = 50_000;

/**
 * A trie over UTF-16 units in typed arrays; for `anywhere` with the failure links of Aho and Corasick (1975). Patterns
 * are added, then {@link seal} is run to its end, then texts can be read.
 */
export class PatternTrie {
  readonly #place: PatternPlace;
  readonly #parent: Int32Array;
  readonly #unit: Uint16Array;
  readonly #depth: Uint8Array;
  /** The pattern that ends at a node, or -1. */
  readonly #pattern: Int32Array;
  /** The node of the longest proper suffix that is in the trie. */
  readonly #fail: Int32Array;
  /** The nearest node on the chain of suffixes where a pattern ends, or 0. */
  readonly #next: Int32Array;
  readonly #slots: Int32Array;
  readonly #mask: number;
  #nodes = 1;
  #patterns = 0;
  #seen = new Int32Array(0);
  #reading = 0;

  /** `unitsMax` is the sum of the lengths of all patterns that will be added, each at most {@link PATTERN_CHARS_MAX}. */
  constructor(place: PatternPlace, unitsMax: number) {
    const nodes = unitsMax + 1;
    let slots = 4;
    while (slots < nodes * 2) slots *= 2;
    const links = place === 'anywhere' ? nodes : 0;
    this.#place = place;
    this.#parent = new Int32Array(nodes);
    this.#unit = new Uint16Array(nodes);
    this.#depth = new Uint8Array(nodes);
    this.#pattern = new Int32Array(nodes).fill(-1);
    this.#fail = new Int32Array(links);
    this.#next = new Int32Array(links);
    this.#slots = new Int32Array(slots);
    this.#mask = slots - 1;
  }

  /** Adds a pattern that is not empty and at most {@link PATTERN_CHARS_MAX} long; returns its number. */
  add(pattern: string): number {
    let node = 0;
    const length = pattern.length;
    for (let i = 0; i < length; i += 1) {
      const unit = pattern.charCodeAt(this.#place === 'end' ? length - 1 - i : i);
      const slot = this.#slot(node, unit);
      let child = this.#slots[slot]!;
      if (child === 0) {
        child = this.#nodes;
        this.#nodes += 1;
        this.#slots[slot] = child;
        this.#parent[child] = node;
        this.#unit[child] = unit;
        this.#depth[child] = i + 1;
      }
      node = child;
    }
    if (this.#pattern[node] === -1) {
      this.#pattern[node] = this.#patterns;
      this.#patterns += 1;
    }
    return this.#pattern[node]!;
  }

  /** Makes the trie ready for reading; runs in steps. */
  *seal(): Generator<void, void> {
    this.#seen = new Int32Array(this.#patterns);
    if (this.#place !== 'anywhere') return;
    // A node's link leads to a smaller depth, so depth by depth; the root and its children keep link 0.
    const byDepth = yield* this.#nodesByDepth();
    for (let i = 0; i < byDepth.length; i += 1) {
      const node = byDepth[i]!;
      if (this.#depth[node]! > 1) {
        const unit = this.#unit[node]!;
        let link = this.#fail[this.#parent[node]!]!;
        let child = this.#child(link, unit);
        while (child === 0 && link !== 0) {
          link = this.#fail[link]!;
          child = this.#child(link, unit);
        }
        this.#fail[node] = child;
        this.#next[node] = this.#pattern[child] === -1 ? this.#next[child]! : child;
      }
      if (i % NODES_PER_STEP === NODES_PER_STEP - 1) yield;
    }
  }

  /** Begins a reading: patterns found before may be found again. A reading of two texts reports no pattern twice. */
  begin(): void {
    // Wraps, as the array that remembers it does.
    this.#reading = (this.#reading + 1) | 0;
  }

  /** Appends to `found` the numbers of the patterns that stand in `text` at this trie's place. */
  read(text: string, found: number[]): void {
    if (this.#place === 'anywhere') this.#readAnywhere(text, found);
    else this.#readEdge(text, found);
  }

  #readEdge(text: string, found: number[]): void {
    const last = text.length - 1;
    for (let i = 0, node = 0; i <= last; i += 1) {
      node = this.#child(node, text.charCodeAt(this.#place === 'end' ? last - i : i));
      if (node === 0) return;
      this.#report(this.#pattern[node]!, found);
    }
  }

  #readAnywhere(text: string, found: number[]): void {
    let node = 0;
    for (let i = 0; i < text.length; i += 1) {
      const unit = text.charCodeAt(i);
      let child = this.#child(node, unit);
      while (child === 0 && node !== 0) {
        node = this.#fail[node]!;
        child = this.#child(node, unit);
      }
      node = child;
      for (let end = node; end !== 0; end = this.#next[end]!) this.#report(this.#pattern[end]!, found);
    }
  }

  #report(pattern: number, found: number[]): void {
    if (pattern === -1 || this.#seen[pattern] === this.#reading) return;
    this.#seen[pattern] = this.#reading;
    found.push(pattern);
  }

  /** The child of `node` by `unit`, or 0 (the root is nobody's child). */
  #child(node: number, unit: number): number {
    return this.#slots[this.#slot(node, unit)]!;
  }

  #slot(node: number, unit: number): number {
    let hash = Math.imul(Math.imul(node, 0x9e3779b1) ^ unit, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const child = this.#slots[slot]!;
      if (child === 0 || (this.#parent[child] === node && this.#unit[child] === unit)) return slot;
    }
  }

  /** All nodes but the root, by counting sort. */
  *#nodesByDepth(): Generator<void, Int32Array> {
    const starts = new Int32Array(PATTERN_CHARS_MAX + 2);
    for (let node = 1; node < this.#nodes; node += 1) {
      starts[this.#depth[node]! + 1]! += 1;
      if (node % NODES_PER_SORT_STEP === 0) yield;
    }
    for (let depth = 1; depth < starts.length; depth += 1) starts[depth]! += starts[depth - 1]!;
    const sorted = new Int32Array(this.#nodes - 1);
    for (let node = 1; node < this.#nodes; node += 1) {
      const depth = this.#depth[node]!;
      sorted[starts[depth]!] = node;
      starts[depth]! += 1;
      if (node % NODES_PER_SORT_STEP === 0) yield;
    }
    return sorted;
  }
}
