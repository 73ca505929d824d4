/** Things that are due a fixed time after they were put in: one timer for all of them, not one each. */
import type { Runtime, Timer } from 'fusewire/internal';

/** First in, first due. The timer is left to fire when a thing is taken out: arming one for each call costs more. */
export class DueQueue<T> {
  readonly #dueAt = new Map<T, number>();
  readonly #delayMs: number;
  readonly #runtime: Pick<Runtime, 'monotonicNow' | 'setTimer'>;
  readonly #onDue: (thing: T) => void;
  #timer: Timer | undefined;

  constructor(delayMs: number, runtime: Pick<Runtime, 'monotonicNow' | 'setTimer'>, onDue: (thing: T) => void) {
    this.#delayMs = delayMs;
    this.#runtime = runtime;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#dueAt.size;
  }

  /** Puts a thing in; one that is in already begins anew. */
  add(thing: T): void {
    this.#dueAt.delete(thing);
    this.#dueAt.set(thing, this.#runtime.monotonicNow() + this.#delayMs);
    this.#timer ??= this.#runtime.setTimer(() => this.#look(), this.#delayMs);
  }

  delete(thing: T): void {
    this.#dueAt.delete(thing);
  }

  /** Everything is due now, and the timer ends. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const things = [...this.#dueAt.keys()];
    this.#dueAt.clear();
    for (const thing of things) this.#onDue(thing);
  }

  #look(): void {
    this.#timer = undefined;
    const now = this.#runtime.monotonicNow();
    for (const [thing, dueAt] of this.#dueAt) {
      if (dueAt > now) {
        this.#timer ??= this.#runtime.setTimer(() => this.#look(), Math.ceil(dueAt - now));
        return;
      }
      this.#dueAt.delete(thing);
      this.#onDue(thing);
    }
  }
}
