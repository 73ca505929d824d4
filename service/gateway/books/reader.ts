/** Which balances are wanted, who waits for them, and the reads that bring them. */
import type { Runtime, Timer } from 'fusewire/internal';
import type { WorkOutcome } from './book-loop.js';
import type { Cell } from './cell.js';
import type { BookStore } from './parts.js';
import type { Standing } from './standing.js';

/** Balances of one read; more are read by the next. */
const CELLS_A_READ = 2_000;
/** Who waits for a read is told after so long that there is none. */
export const WAIT_MAX_MS = 2_000;

interface Waiting {
  readonly promise: Promise<boolean>;
  readonly resolve: (isRead: boolean) => void;
  readonly timer: Timer;
}

/** Reads one at a time, called by the loop. */
export class StandingReader {
  readonly #store: BookStore;
  readonly #runtime: Runtime;
  readonly #teamId: string;
  readonly #standing: Standing;
  readonly #wanted = new Set<Cell>();
  readonly #people = new Set<string>();
  #isWanted = false;
  #waiting: Waiting | undefined;
  #begun = 0;

  constructor(store: BookStore, runtime: Runtime, teamId: string, standing: Standing) {
    this.#store = store;
    this.#runtime = runtime;
    this.#teamId = teamId;
    this.#standing = standing;
  }

  /** How many reads have begun: what a later one brings is newer than now. */
  get begun(): number {
    return this.#begun;
  }

  /** The next read brings it. */
  want(cell: Cell): void {
    this.#wanted.add(cell);
  }

  /** The next read brings versions, with whatever else is wanted. */
  wantVersions(): void {
    this.#isWanted = true;
  }

  /** Resolves when a read that begins after now is over: whether it brought what is wanted. Shared by all who wait. */
  next(cells: readonly Cell[], person: string | undefined): Promise<boolean> {
    for (const cell of cells) this.#wanted.add(cell);
    if (person !== undefined) this.#people.add(person);
    this.#isWanted = true;
    this.#waiting ??= this.#wait();
    return this.#waiting.promise;
  }

  /** One read of what is wanted. Never rejects. */
  async read(): Promise<WorkOutcome> {
    if (!this.#isWanted && this.#wanted.size === 0 && !this.#standing.isStale) return 'idle';
    const cells = this.#take();
    const people = [...this.#people];
    this.#people.clear();
    this.#isWanted = this.#wanted.size > 0;
    const waiting = this.#waiting;
    // Some may be waiting for balances that did not fit into this read.
    if (this.#wanted.size === 0) this.#waiting = undefined;
    this.#begun += 1;
    const number = this.#begun;
    const atMs = this.#runtime.monotonicNow();
    const ask = this.#standing.ask(cells, people);
    try {
      const answer = await this.#store.gatewayStanding(this.#teamId, ask);
      this.#standing.read(answer, ask, atMs, number);
      if (waiting !== this.#waiting) end(waiting, true);
      return 'done';
    } catch (error) {
      this.#runtime.log.debug('balances could not be read', { teamId: this.#teamId, error: String(error) });
      for (const cell of cells) this.#wanted.add(cell);
      this.#isWanted = true;
      end(waiting, false);
      if (waiting === this.#waiting) this.#waiting = undefined;
      return 'failed';
    }
  }

  /** Nobody waits any more. */
  close(): void {
    end(this.#waiting, false);
    this.#waiting = undefined;
  }

  #take(): readonly Cell[] {
    const cells: Cell[] = [];
    for (const cell of this.#wanted) {
      if (cells.length >= CELLS_A_READ) break;
      cells.push(cell);
      this.#wanted.delete(cell);
    }
    return cells;
  }

  #wait(): Waiting {
    let resolve: (isRead: boolean) => void = () => undefined;
    const promise = new Promise<boolean>((done) => {
      resolve = done;
    });
    const timer = this.#runtime.setTimer(
      () => {
        if (this.#waiting?.promise === promise) this.#waiting = undefined;
        resolve(false);
      },
      WAIT_MAX_MS,
      { keepAlive: true },
    );
    return { promise, resolve, timer };
  }
}

function end(waiting: Waiting | undefined, isRead: boolean): void {
  waiting?.timer.cancel();
  waiting?.resolve(isRead);
}
