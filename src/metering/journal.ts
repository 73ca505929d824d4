/** The segment file of one outbox: lines appended synchronously, compacted, healed after a failing disk. */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Runtime } from '../runtime.js';
import { BoundNotice } from './bound-notice.js';
import type { ProcessIdentity } from './process-identity.js';
import { formatSegmentName } from './segment-name.js';

/** What {@link Journal} needs. */
export interface JournalOptions {
  readonly folder: string;
  readonly identity: ProcessIdentity;
  readonly runtime: Runtime;
  /** Above this size nothing is written but ends; what is new then lives in memory only, until there is room. */
  readonly maxBytes: number;
  /** The lines of everything that is open, for a compacted file. */
  readonly live: () => Iterable<string>;
  /** Creates the folder where it is not there. */
  readonly ensureFolder: () => void;
  /** Writes and returns the bytes written; replaced by tests that fill the disk. */
  readonly write?: (fd: number, text: string) => number;
  /**
   * Lines wait for each other and are written together: it is called with the first line that waits, and has to see to it
   * that `write` is called soon. @defaultValue each line is written at once
   */
  readonly gather?: ((write: () => void) => void) | undefined;
}

/** Rubbish below this size is left in the file: a compaction for less would cost more than it saves. */
const COMPACT_AT_BYTES = 1024 * 1024;
const RETRY_INTERVAL_MS = 1000;
/** Lines are gathered to this size, when a file is written anew and where they wait for each other. */
const CHUNK_CHARACTERS = 64 * 1024;

/**
 * States: closed → open ⇄ failed → closed. A page that was written survives the death of the process, so there is no
 * fsync: it would cost milliseconds on the caller's path, and guards only against the loss of power.
 *
 * After any error nothing is written to the file again: a half-written line must not swallow the next. The state goes
 * on in memory, and a new file with all of it replaces the old one as soon as the disk takes it (I9).
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #write: (fd: number, text: string) => number;
  readonly #failing: BoundNotice;
  readonly #full: BoundNotice;
  #file: { readonly fd: number; readonly path: string } | undefined;
  #bytes = 0;
  #liveBytes = 0;
  /** Lines of the file when it was last written anew, and lines since. */
  #liveLines = 0;
  #newLines = 0;
  /** Something open is in memory only, for want of room. */
  #isFull = false;
  #failed = true;
  #closed = false;
  #retryAt = Number.NEGATIVE_INFINITY;
  /** Lines that wait to be written together, and who waits for them. */
  #gathered = '';
  #gatheredLines = 0;
  #waiting: (() => void)[] = [];

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#write = options.write ?? ((fd, text) => writeSync(fd, text));
    const { log } = options.runtime;
    this.#failing = new BoundNotice(
      log,
      'the outbox cannot be written to disk; usage events are kept in memory until it can',
      'the outbox is written to disk again',
    );
    this.#full = new BoundNotice(
      log,
      'the outbox file reached its size; new events are kept in memory only',
      'the outbox file has room again',
    );
  }

  /** Whether what is appended now reaches the disk. */
  get isWriting(): boolean {
    return !this.#failed && !this.#closed;
  }

  get path(): string | undefined {
    return this.#file?.path;
  }

  /** Appends a line, and the line that ends another one in the same write. Never throws. */
  append(line: string, end = ''): void {
    if (!this.#isOpen()) return;
    if (this.#hasRoom(line.length + end.length)) this.#add(line + end);
    else if (end !== '') this.#add(end);
  }

  /** Appends a line that ends another one, or several: they are written even where there is no room. Never throws. */
  end(text: string, lines = 1): void {
    if (!this.#isOpen()) return;
    this.#add(text, lines);
    if (this.#isFull && this.#isWorthRewriting()) this.#tryTo(() => this.#rewrite());
  }

  /** Calls `task` when everything that was appended so far is written, or could not be: at once where nothing waits. */
  whenWritten(task: () => void): void {
    if (this.#gathered === '') task();
    else this.#waiting.push(task);
  }

  /** Nothing is open: what is in the file is rubbish. */
  empty(): void {
    if (this.#failed || this.#bytes < COMPACT_AT_BYTES / 4) return;
    this.#tryTo(() => this.#truncate());
  }

  /** Now and then: shows others that this process lives, and repairs what can be repaired. */
  heartbeat(): void {
    if (this.#closed) return;
    if (this.#failed) {
      this.#retry();
      return;
    }
    this.#tryTo(() => {
      const { fd, path } = this.#file!;
      const seconds = this.#options.runtime.now() / 1000;
      const there = statSync(path, { throwIfNoEntry: false });
      if (there === undefined || there.ino !== fstatSync(fd).ino) {
        // Somebody removed the folder, or took the file over because this process slept for long. Start anew; what
        // was taken over has the same idempotency keys, so nothing is counted twice.
        this.#options.runtime.log.warn('the outbox file is gone; it is written anew', { path });
        this.#rewrite();
        return;
      }
      futimesSync(fd, seconds, seconds);
    });
  }

  /** Ends writing. A file with open lines becomes free for the next process, an empty one is removed. */
  close(hasLive: boolean): void {
    this.#writeGathered();
    const file = this.#file;
    this.#file = undefined;
    this.#closed = true;
    if (file === undefined) return;
    try {
      closeSync(file.fd);
      const free = formatSegmentName({ owner: undefined, id: this.#options.runtime.newId() });
      if (hasLive) renameSync(file.path, join(this.#options.folder, free));
      else rmSync(file.path, { force: true });
    } catch {
      // The process's death frees the file as well.
    }
  }

  #isOpen(): boolean {
    return !this.#closed && (!this.#failed || this.#retry());
  }

  #add(text: string, lines = 1): void {
    if (this.#failed) return;
    const { gather } = this.#options;
    if (gather === undefined) {
      this.#append(text, lines);
      return;
    }
    const isFirst = this.#gathered === '';
    this.#gathered += text;
    this.#gatheredLines += lines;
    if (this.#gathered.length > CHUNK_CHARACTERS) this.#writeGathered();
    else if (isFirst) gather(() => this.#writeGathered());
  }

  #writeGathered(): void {
    const text = this.#gathered;
    const lines = this.#gatheredLines;
    this.#forgetGathered();
    if (text !== '') this.#append(text, lines);
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const task of waiting) task();
  }

  #forgetGathered(): void {
    this.#gathered = '';
    this.#gatheredLines = 0;
  }

  #append(text: string, lines: number): void {
    if (this.#failed) return;
    try {
      this.#bytes += this.#put(this.#file!.fd, text);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#newLines += lines;
    if (this.#bytes > COMPACT_AT_BYTES + 2 * this.#liveBytes) this.#tryTo(() => this.#rewrite());
  }

  #put(fd: number, text: string): number {
    const length = Buffer.byteLength(text);
    const written = this.#write(fd, text);
    if (written !== length) throw new Error(`only ${written} of ${length} bytes were written`);
    this.#failing.over();
    return written;
  }

  #hasRoom(added: number): boolean {
    const { maxBytes } = this.#options;
    const bytes = this.#gathered.length + added;
    if (this.#bytes + bytes > maxBytes && this.#isWorthRewriting()) {
      this.#tryTo(() => this.#rewrite());
      if (this.#failed) return false;
    }
    const hasRoom = this.#bytes + this.#gathered.length + added <= maxBytes;
    if (hasRoom && !this.#isFull) this.#full.over();
    else if (!hasRoom) {
      this.#isFull = true;
      this.#full.reached({ maxBytes });
    }
    return hasRoom;
  }

  /** A quarter of what was open may be rubbish by now. Less would not pay for writing all of a full file again. */
  #isWorthRewriting(): boolean {
    return this.#newLines > 0 && this.#newLines * 4 >= this.#liveLines;
  }

  #retry(): boolean {
    const now = this.#options.runtime.monotonicNow();
    if (now < this.#retryAt) return false;
    this.#retryAt = now + RETRY_INTERVAL_MS;
    this.#tryTo(() => {
      this.#options.ensureFolder();
      this.#rewrite();
    });
    return !this.#failed;
  }

  /** Writes what is open, as far as there is room, to a new file, then removes the old one. In between, both lie there: same keys, no harm. */
  #rewrite(): void {
    const { folder, identity, runtime, live, maxBytes } = this.#options;
    const path = join(folder, formatSegmentName({ owner: identity, id: runtime.newId() }));
    const fd = openSync(path, 'ax', 0o600);
    let bytes = 0;
    let lines = 0;
    let room = maxBytes;
    let isFull = false;
    try {
      let chunk = '';
      for (const line of live()) {
        const length = Buffer.byteLength(line);
        if (length > room) {
          isFull = true;
          continue;
        }
        room -= length;
        lines += 1;
        chunk += line;
        if (chunk.length < CHUNK_CHARACTERS) continue;
        bytes += this.#put(fd, chunk);
        chunk = '';
      }
      if (chunk !== '') bytes += this.#put(fd, chunk);
    } catch (error) {
      closeSync(fd);
      rmSync(path, { force: true });
      throw error;
    }
    // What waited is in the new file, as far as it is still open.
    this.#forgetGathered();
    const old = this.#file;
    this.#file = { fd, path };
    this.#bytes = bytes;
    this.#liveBytes = bytes;
    this.#liveLines = lines;
    this.#newLines = 0;
    this.#isFull = isFull;
    this.#failed = false;
    if (old === undefined) return;
    closeSync(old.fd);
    rmSync(old.path, { force: true });
  }

  #truncate(): void {
    ftruncateSync(this.#file!.fd, 0);
    this.#forgetGathered();
    this.#bytes = 0;
    this.#liveBytes = 0;
    this.#liveLines = 0;
    this.#newLines = 0;
    this.#isFull = false;
  }

  #tryTo(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failed = true;
    this.#forgetGathered();
    this.#retryAt = this.#options.runtime.monotonicNow() + RETRY_INTERVAL_MS;
    this.#failing.reached({ folder: this.#options.folder, error: String(error) });
  }
}
