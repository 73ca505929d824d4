/**
 * Events that the ledger did not take. They are kept in files, and count in the books as what they cost for as long as they
 * are there: no call is free because something failed. Who brings them into the ledger, or removes them, ends that.
 */
import {
  hasDeadLetters,
  type Log,
  type Runtime,
  readDeadLetters,
  stampOfDeadLetters,
  type Timer,
} from 'fusewire/internal';
import type { EventTools } from '../../ingest/canonical-fields.js';
import { prepareFound } from './prepare-event.js';
import type { SettledEvent } from './settled-event.js';

/** What operators do about them, in logs and documents. */
export const REPLAY_COMMAND = 'fusewire dead-letters replay';
/** Each weighs by itself in memory; with more of them nothing is let through (I10). */
export const LETTERS_MAX = 10_000;
/** So long after files have changed that is seen. */
const LOOK_MS = 10_000;

/** Of one team. */
export interface DeadLetterBookParts {
  readonly runtime: Pick<Runtime, 'setTimer'>;
  readonly log: Log;
  readonly teamId: string;
  readonly tools: EventTools;
  /** Where the files are. */
  folder(): string | undefined;
  /** Counts an event from now on. */
  weigh(prepared: ReturnType<typeof prepareFound>): SettledEvent;
}

/** States: unread → read → closed. Until it was read nobody knows what was spent. */
export class DeadLetterBook {
  readonly #parts: DeadLetterBookParts;
  readonly #weighing = new Map<string, SettledEvent>();
  /** Those that could not be written: they count until this process ends. */
  readonly #unwritten = new Set<SettledEvent>();
  #isRead = false;
  #isMore = false;
  #stamp = '';
  /** How many were added, and how many of them before the last look at the files. */
  #added = 0;
  #seen = 0;
  #reading: Promise<void> | undefined;
  #timer: Timer | undefined;
  #untold = 0;
  #isClosed = false;

  constructor(parts: DeadLetterBookParts) {
    this.#parts = parts;
    const folder = parts.folder();
    this.#isRead = folder !== undefined && !hasDeadLetters(folder);
    void this.read();
  }

  /** How many count. */
  get size(): number {
    return this.#weighing.size + this.#unwritten.size;
  }

  /** Why nothing can be decided on; `undefined`: it can. */
  trouble(): string | undefined {
    if (!this.#isRead) return 'usage events that were put aside are not read yet';
    if (!this.#isMore && this.size <= LETTERS_MAX) return undefined;
    return `more than ${LETTERS_MAX} usage events could not be recorded (${REPLAY_COMMAND})`;
  }

  /** It was put aside, and goes on to count, where it did. `isWritten`: it is in the files. */
  add(idempotencyKey: string, event: SettledEvent | undefined, isWritten: boolean, reason: string): void {
    if (event !== undefined && isWritten) this.#weighing.set(idempotencyKey, event);
    else if (event !== undefined) this.#unwritten.add(event);
    this.#added += 1;
    this.#untold += 1;
    // The first is told at once, and those of the next seconds with the look after them.
    if (this.#untold === 1) this.#tell(reason);
  }

  /** Reads the files where they are others than before. One at a time. Never rejects; what fails is tried again. */
  read(): Promise<void> {
    this.#reading ??= this.#read()
      .catch((error: unknown) => {
        const { log, teamId } = this.#parts;
        log.error('usage events that were put aside cannot be read', { teamId, error: String(error) });
      })
      .finally(() => {
        this.#reading = undefined;
        this.#lookLater();
      });
    return this.#reading;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #read(): Promise<void> {
    const { log, teamId, tools } = this.#parts;
    const folder = this.#parts.folder();
    if (folder === undefined) return;
    const before = [...this.#weighing.keys()];
    const added = this.#added;
    const stamp = await stampOfDeadLetters(folder);
    if (this.#isRead && added === this.#seen && stamp === this.#stamp) return;
    const { letters, torn } = await readDeadLetters(folder);
    const there = new Set<string>();
    this.#isMore = letters.length > LETTERS_MAX;
    for (const { idempotencyKey, event, createdAtMs } of letters.slice(0, LETTERS_MAX)) {
      there.add(idempotencyKey);
      if (this.#weighing.has(idempotencyKey)) continue;
      this.#weighing.set(idempotencyKey, this.#parts.weigh(prepareFound(event, createdAtMs, tools)));
    }
    const gone = before.filter((key) => !there.has(key));
    if (gone.length > 0) await this.#forget(folder, gone);
    if (torn > 0) log.error('lines of the dead letters are torn and count nowhere', { teamId, folder, lines: torn });
    if (!this.#isRead && this.size > 0) this.#tell('put aside before this start');
    this.#isRead = true;
    this.#stamp = stamp;
    this.#seen = added;
  }

  /** Files are renamed while they are gone through: only what a second look does not find either is gone. */
  async #forget(folder: string, gone: readonly string[]): Promise<void> {
    const { letters } = await readDeadLetters(folder);
    const there = new Set(letters.map(({ idempotencyKey }) => idempotencyKey));
    for (const key of gone) {
      if (there.has(key)) continue;
      // In the ledger, if it is: whoever reads that next knows.
      this.#weighing.get(key)?.end();
      this.#weighing.delete(key);
    }
  }

  #tell(reason: string): void {
    const { log, teamId } = this.#parts;
    const facts = { teamId, reason, events: this.size, folder: this.#parts.folder(), replay: REPLAY_COMMAND };
    log.error('usage events could not be recorded; they count as spent here until they are replayed', facts);
  }

  #lookLater(): void {
    this.#timer?.cancel();
    if (this.#isClosed) return;
    this.#timer = this.#parts.runtime.setTimer(() => {
      if (this.#untold > 1) this.#tell(`${this.#untold} in ${LOOK_MS / 1_000} s`);
      this.#untold = 0;
      void this.read();
    }, LOOK_MS);
  }
}
