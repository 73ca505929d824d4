/**
 * One loop a team that delivers events into the ledger and reads balances from it, one after the other and never both:
 * that is why each event is, at a read, either certainly in the ledger or certainly not.
 *
 * States: idle ⇄ at work → closed. It is woken by an event or by somebody who wants to read, waits a little for others,
 * and goes on as long as there is something to do. What fails is tried again, ever slower; reading goes on meanwhile.
 */
import type { Runtime } from 'fusewire/internal';

/** `much`: done, and more waits soon. `idle`: there was nothing to do. `failed`: nothing could be done, try later. */
export type WorkOutcome = 'done' | 'much' | 'idle' | 'failed';

/** The two things that the loop does. */
export interface LoopWork {
  /** Delivers some events. Never rejects. */
  deliver(): Promise<WorkOutcome>;
  /** Reads what is wanted. Never rejects. */
  read(): Promise<WorkOutcome>;
}

/** Events that come within so long are delivered together: a commit costs the same, however few it serves. */
export const LINGER_MS = 20;
/** Where many come, they wait for more: a commit a tenth of a second, which nobody waits for who is decided on. */
const BUSY_LINGER_MS = 100;
/** A store that takes longer over one answer is taken for one that is away. */
const SLOW_MS = 2_000;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 5_000;

/** Runs from the first wake on. */
export class BookLoop {
  readonly #runtime: Runtime;
  readonly #work: LoopWork;
  #running: Promise<void> | undefined;
  #isClosed = false;
  #isWoken = false;
  #isUrgent = false;
  /** Ends the wait that is under way. */
  #endWait: (() => void) | undefined;
  /** Monotonic: not before this. */
  #deliverAt = 0;
  #readAt = 0;
  #deliveryFailures = 0;
  #readFailures = 0;
  /** Since when the store has been asked something that it has not answered. */
  #busySince: number | undefined;

  constructor(runtime: Runtime, work: LoopWork) {
    this.#runtime = runtime;
    this.#work = work;
  }

  /** There is something to do. `urgent`: somebody waits for it. */
  wake(urgent = false): void {
    this.#isWoken = true;
    this.#isUrgent ||= urgent;
    if (urgent) this.#endWait?.();
    if (this.#running !== undefined || this.#isClosed) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isWoken) this.wake(this.#isUrgent);
    });
  }

  /** Whether the last read failed, or the store has not answered for long: who would wait for a read need not. */
  get isBlind(): boolean {
    if (this.#readFailures > 0) return true;
    return this.#busySince !== undefined && this.#runtime.monotonicNow() - this.#busySince > SLOW_MS;
  }

  /** Ends when what is under way has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isWoken = false;
    this.#endWait?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    if (!this.#isUrgent) await this.#wait(LINGER_MS);
    while (!this.#isClosed) {
      this.#isWoken = false;
      this.#isUrgent = false;
      const outcomes = [await this.#readSome(), this.#isClosed ? 'idle' : await this.#deliverSome()];
      if (this.#isClosed) return;
      if (this.#isUrgent) continue;
      if (outcomes.includes('failed')) await this.#wait(RETRY_MIN_MS);
      else if (outcomes.includes('much')) await this.#wait(BUSY_LINGER_MS);
      else if (outcomes.includes('done') || this.#isWoken) await this.#wait(LINGER_MS);
      else return;
    }
  }

  async #readSome(): Promise<WorkOutcome> {
    const now = this.#runtime.monotonicNow();
    if (now < this.#readAt) return 'failed';
    this.#busySince = now;
    const outcome = await this.#work.read();
    this.#busySince = undefined;
    if (outcome !== 'idle') this.#readFailures = outcome === 'failed' ? this.#readFailures + 1 : 0;
    if (outcome === 'failed') this.#readAt = this.#runtime.monotonicNow() + backOff(this.#readFailures);
    return outcome;
  }

  async #deliverSome(): Promise<WorkOutcome> {
    const now = this.#runtime.monotonicNow();
    if (now < this.#deliverAt) return 'failed';
    this.#busySince = now;
    const outcome = await this.#work.deliver();
    this.#busySince = undefined;
    if (outcome !== 'idle') this.#deliveryFailures = outcome === 'failed' ? this.#deliveryFailures + 1 : 0;
    if (outcome === 'failed') this.#deliverAt = this.#runtime.monotonicNow() + backOff(this.#deliveryFailures);
    return outcome;
  }

  /** Until the time is over, or somebody waits. */
  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#endWait = undefined;
        resolve();
      };
      const timer = this.#runtime.setTimer(end, delayMs, { keepAlive: true });
      this.#endWait = end;
    });
  }
}

function backOff(failures: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (failures - 1));
}
