/** A list in the order of names, of any length, that is changed one item at a time. */

/** Chunks are split beyond this; an insertion moves half of it on the average. */
const CHUNK_MAX = 512;

/** Items by name, compared by UTF-16 code units, as the feed is ordered. */
export class SortedList<T extends { readonly name: string }> {
  #chunks: T[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(name: string): T | undefined {
    const chunk = this.#chunks[this.#chunkFor(name)];
    const found = chunk?.[position(chunk, name)];
    return found?.name === name ? found : undefined;
  }

  /** Puts an item in its place, for the one with its name where there is one. */
  put(item: T): void {
    const at = this.#chunkFor(item.name);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      const last = this.#chunks.at(-1);
      if (last === undefined || last.length >= CHUNK_MAX) this.#chunks.push([item]);
      else last.push(item);
      this.#size += 1;
      return;
    }
    const index = position(chunk, item.name);
    if (chunk[index]?.name === item.name) {
      chunk[index] = item;
      return;
    }
    chunk.splice(index, 0, item);
    this.#size += 1;
    if (chunk.length > CHUNK_MAX) this.#chunks.splice(at + 1, 0, chunk.splice(CHUNK_MAX / 2));
  }

  delete(name: string): void {
    const at = this.#chunkFor(name);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return;
    const index = position(chunk, name);
    if (chunk[index]?.name !== name) return;
    chunk.splice(index, 1);
    this.#size -= 1;
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  *[Symbol.iterator](): Generator<T> {
    for (const chunk of this.#chunks) yield* chunk;
  }

  /** The first chunk whose last name is not before `name`. */
  #chunkFor(name: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#chunks[middle]!.at(-1)!.name < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The first place whose name is not before `name`. */
function position(items: readonly { readonly name: string }[], name: string): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (items[middle]!.name < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
