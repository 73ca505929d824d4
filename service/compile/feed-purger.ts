/** Purges what changed in feeds long ago, a bounded part at a time. */
import type { Runtime, Timer } from 'fusewire/internal';

const PERIOD_MS = 60_000;
/** Where there is more, the next part follows soon; others work in between. */
const NEXT_PART_MS = 50;

/** States: stopped → waiting ⇄ purging → stopped. A failure is tried again in the next period (I9). */
export class FeedPurger {
  readonly #runtime: Runtime;
  readonly #purge: () => Promise<boolean>;
  #timer: Timer | undefined;
  #underWay: Promise<void> = Promise.resolve();
  #stopped = false;

  /** `purge` does one part and resolves to whether there may be more. */
  constructor(runtime: Runtime, purge: () => Promise<boolean>) {
    this.#runtime = runtime;
    this.#purge = purge;
  }

  start(): void {
    this.#arm(PERIOD_MS);
  }

  /** Begins nothing more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#underWay;
  }

  #arm(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = this.#runtime.setTimer(() => {
      this.#underWay = this.#run();
    }, delayMs);
  }

  async #run(): Promise<void> {
    let more = false;
    try {
      more = await this.#purge();
    } catch (error) {
      this.#runtime.log.debug('changes of feeds could not be purged; later', { error: String(error) });
    }
    this.#arm(more ? NEXT_PART_MS : PERIOD_MS);
  }
}
