/** Goes on with controls that have not met all events of their window: a slice a transaction, between the others. */
import type { Runtime } from 'fusewire/internal';

/** Who makes a control waits so long for it to have met every event; then it goes on behind its back. */
export const FILL_WAIT_MS = 5_000;
const RETRY_MS = 1_000;

interface Waiter {
  readonly controlId: string;
  readonly fromSlice: number;
  done(): void;
}

/** States: idle → running → idle; after a failure it waits and goes on (I9), until it is stopped. */
export class Filler {
  readonly #runtime: Runtime;
  readonly #step: () => Promise<readonly string[]>;
  readonly #waiting = new Set<Waiter>();
  /** Slices that were begun. */
  #slices = 0;
  #running = false;
  #again = false;
  #stopped = false;
  #retry: { cancel(): void } | undefined;

  /** `step` fills one slice and returns the ids of the controls that need more. */
  constructor(runtime: Runtime, step: () => Promise<readonly string[]>) {
    this.#runtime = runtime;
    this.#step = step;
  }

  /** Looks for what there is to fill. Never rejects, holds up nobody. */
  start(): void {
    this.#again = true;
    if (this.#running || this.#stopped) return;
    this.#running = true;
    void this.#run();
  }

  /** Resolves when the control has met every event, or after {@link FILL_WAIT_MS}. */
  async filled(controlId: string): Promise<void> {
    if (this.#stopped) return;
    await new Promise<void>((resolve) => {
      const limit = this.#runtime.setTimer(() => waiter.done(), FILL_WAIT_MS);
      const waiter: Waiter = {
        controlId,
        fromSlice: this.#slices + 1,
        done: () => {
          limit.cancel();
          this.#waiting.delete(waiter);
          resolve();
        },
      };
      this.#waiting.add(waiter);
      this.start();
    });
  }

  /** Begins nothing more. What is under way ends by itself. */
  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
    for (const waiter of this.#waiting) waiter.done();
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopped) {
        this.#again = false;
        this.#slices += 1;
        const open = new Set(await this.#step());
        for (const waiter of this.#waiting) {
          // Who came while the slice was under way is answered by the next one.
          if (waiter.fromSlice <= this.#slices && !open.has(waiter.controlId)) waiter.done();
        }
        if (open.size === 0 && !this.#again) break;
      }
    } catch (error) {
      if (!this.#stopped) {
        this.#runtime.log.error('a cost control could not meet its events; trying again', { error: String(error) });
        this.#retry = this.#runtime.setTimer(() => this.start(), RETRY_MS);
      }
    } finally {
      this.#running = false;
    }
  }
}
