/** Work that goes on after the answer: asked for by one request, its end read by another and metered once. */
import type { UsageReader, UsageReading } from '../providers/adapter.js';

/** Work that is remembered, and ends that were metered; the oldest is forgotten first (I10). */
const REMEMBERED_MAX = 10_000;

/** What one client asked for: `T` is what is known of a piece of work from its request. */
export class RememberedWork<T> {
  readonly #keyOf: (id: string) => string;
  readonly #asked = new Map<string, T>();
  readonly #metered = new Set<string>();

  /** `keyOf`: under what a piece of work is kept, where answers and requests spell its id differently. */
  constructor(keyOf: (id: string) => string = (id) => id) {
    this.#keyOf = keyOf;
  }

  /** The work of this id, if it was asked for here and its end was not metered. */
  askedFor(id: string | undefined): T | undefined {
    return id === undefined ? undefined : this.#asked.get(this.#keyOf(id));
  }

  /**
   * A reader that remembers `work`, where some is given, when its answer says that it goes on, and lets the end of a piece
   * of work be metered by one attempt only.
   */
  watch(reader: UsageReader, work: T | undefined): UsageReader {
    let mine = false;
    return {
      whole: (body) => reader.whole(body),
      chunk: (data) => reader.chunk(data),
      reading: (): UsageReading => {
        const reading = reader.reading();
        const id = reading.responseId;
        if (id === undefined) return reading;
        if (reading.pending && work !== undefined) this.#remember(id, work);
        if (!reading.finished || mine) return reading;
        if (this.#metered.has(id)) return { ...reading, finished: false };
        mine = true;
        this.#asked.delete(this.#keyOf(id));
        this.#metered.add(id);
        if (this.#metered.size > REMEMBERED_MAX) this.#metered.delete(this.#metered.values().next().value as string);
        return reading;
      },
    };
  }

  #remember(id: string, work: T): void {
    const key = this.#keyOf(id);
    if (this.#asked.has(key)) return;
    this.#asked.set(key, work);
    if (this.#asked.size > REMEMBERED_MAX) this.#asked.delete(this.#asked.keys().next().value as string);
  }
}
