/** The durable outbox: what is in it survives `kill -9`, and processes that share the directory help each other. */
import type { Runtime, Timer } from '../runtime.js';
import type { MeteredEvent, UsageEvent } from '../wire/usage-event.js';
import { Adoption } from './adoption.js';
import { BoundNotice } from './bound-notice.js';
import { type CredentialSeal, createCredentialSeal } from './credential-seal.js';
import { createDeadLetters, type DeadLetters } from './dead-letters.js';
import { EntryQueue } from './entry-queue.js';
import { Journal } from './journal.js';
import { DEFAULT_CAPACITY, DEFAULT_MAX_AGE_MS } from './memory-outbox.js';
import { isSafeId, type Outbox, type OutboxCounters, type OutboxEntry } from './outbox.js';
import { ensurePrivateFolder, type OutboxOwner, ownerFolder, ownerHash } from './owner-folder.js';
import { readOwnIdentity } from './process-identity.js';
import { createRejectionLog } from './rejection-log.js';
import { formatDone, formatRecord, type Outstanding } from './segment-record.js';

/** Options of {@link openDiskOutbox}. */
export interface DiskOutboxOptions {
  /** Shared by any number of processes and owners; created where it is missing. */
  readonly directory: string;
  /** Asked until it is known; as long as it is not, events are kept in memory only. The first answer counts. */
  readonly owner: OutboxOwner | (() => OutboxOwner | undefined);
  /** Events kept by this process, the oldest are dropped first. Default 1000. */
  readonly capacity?: number;
  /** Default 24 h. */
  readonly maxAgeMs?: number;
  /** Of this process's file, of what dead processes left, and of each of the two dead-letter files. Default 64 MiB. */
  readonly maxBytes?: number;
  readonly runtime: Runtime;
  /** The metering key, to encrypt `subscriber.credential.value` with; without it the value is not kept on disk (I12). */
  readonly secret?: () => string | undefined;
  /** Writes and returns the bytes written; for tests that fill the disk. */
  readonly write?: (fd: number, text: string) => number;
  /**
   * What comes close together is written by one write, which is called when `gather` calls its argument; who must know
   * that something is on the disk asks {@link DiskOutbox.whenWritten}. @defaultValue everything is written at once
   */
  readonly gather?: ((write: () => void) => void) | undefined;
}

/** An outbox on disk. */
export interface DiskOutbox extends Outbox {
  /** Takes over what dead processes of the same owner left; happens by itself at the first use and every 30 s. */
  adopt(): Promise<void>;
  /** Whether what is added now reaches the disk. */
  isDurable(): boolean;
  /**
   * Calls `task` when everything so far is on the disk, or cannot be: at once where nothing waits to be written. A request
   * is sent from there, so that its note is on the disk before it leaves (I4).
   */
  whenWritten(task: () => void): void;
  /**
   * As of every outbox. `json`: the event as it is to be read after a crash, on one line and without a live key, where
   * somebody has written it already.
   */
  append(attemptId: string, event: MeteredEvent, isBulk?: boolean, json?: string): void;
  /** The service has all of these: as `acknowledge` for each, with one write. */
  acknowledgeAll(entries: readonly OutboxEntry[]): void;
  /**
   * As `reject`, also of an entry that a bound has removed; but one that cannot be written to the dead letters stays, and
   * can be claimed again after a minute. Returns whether it is among them.
   */
  putAside(entry: OutboxEntry, reason: string): boolean;
  onDrop(listener: (entry: OutboxEntry) => void): void;
  /** Where its files are; `undefined` while nobody knows whose they are. */
  folder(): string | undefined;
}

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
/** Attempts under way at the same time; beyond it the oldest note is given up. */
const NOTES_MAX = 10_000;
const HEARTBEAT_MS = 10_000;
const ASIDE_AGAIN_MS = 60_000;
const ADOPT_EVERY_BEATS = 3;

/**
 * Opens the outbox of an owner. Nothing is read or written before the first note or append. Never throws: where the disk
 * fails, it goes on in memory, says so once, and returns to the disk by itself.
 */
export function openDiskOutbox(options: DiskOutboxOptions): DiskOutbox {
  return new FileOutbox(options);
}

/** What exists once the owner is known. */
interface Disk {
  readonly journal: Journal;
  readonly adoption: Adoption;
  readonly deadLetters: DeadLetters;
  readonly seal: CredentialSeal;
}

class FileOutbox implements DiskOutbox {
  readonly #options: DiskOutboxOptions;
  readonly #runtime: Runtime;
  readonly #capacity: number;
  readonly #maxAgeMs: number;
  readonly #queue: EntryQueue;
  readonly #notes = new Map<string, OutboxEntry>();
  readonly #manyNotes: BoundNotice;
  readonly #reportDropped: (entry: OutboxEntry, reason: string) => void;
  #disk: Disk | undefined;
  #timer: Timer | undefined;
  #beats = 0;
  #lastBeatMs = 0;
  #closed = false;

  constructor(options: DiskOutboxOptions) {
    const { runtime, capacity = DEFAULT_CAPACITY, maxAgeMs = DEFAULT_MAX_AGE_MS } = options;
    this.#options = options;
    this.#runtime = runtime;
    this.#capacity = capacity;
    this.#maxAgeMs = maxAgeMs;
    this.#queue = new EntryQueue({ capacity, maxAgeMs, runtime, onDrop: (entry) => this.#end(entry.idempotencyKey) });
    this.#reportDropped = createRejectionLog(runtime, 'it is dropped');
    this.#manyNotes = new BoundNotice(
      runtime.log,
      'too many attempts are under way at once; the oldest are no longer noted on disk',
      'all attempts under way are noted on disk again',
    );
  }

  note(attemptId: string, estimate: () => UsageEvent, replaces?: string): void {
    this.#harmless(() => {
      this.#open();
      if (this.#closed || !isSafeId(attemptId) || this.#queue.has(attemptId)) return;
      const entry = { idempotencyKey: attemptId, event: estimate(), createdAtMs: this.#runtime.now() };
      this.#notes.set(attemptId, entry);
      const isReplacing = replaces !== undefined && this.#notes.delete(replaces);
      this.#write('note', entry, isReplacing ? formatDone(replaces) : '');
      if (this.#notes.size <= NOTES_MAX) return;
      this.#manyNotes.reached({ limit: NOTES_MAX });
      this.forget(this.#notes.keys().next().value!);
    });
  }

  forget(attemptId: string): void {
    this.#harmless(() => {
      if (this.#notes.delete(attemptId)) this.#end(attemptId);
    });
  }

  append(attemptId: string, event: MeteredEvent, isBulk?: boolean, json?: string): void {
    this.#harmless(() => {
      this.#open();
      const idempotencyKey = this.#queue.keyFor(attemptId);
      if (this.#notes.delete(attemptId) && this.#notes.size < NOTES_MAX / 2) this.#manyNotes.over();
      const entry = { idempotencyKey, event, createdAtMs: this.#runtime.now() };
      // First to the queue: a compaction of the file writes what is in it.
      if (this.#queue.add(entry, isBulk === true ? 'bulk' : 'appended')) this.#write('event', entry, '', json);
    });
  }

  claim(max: number, includeDelayed?: boolean): readonly OutboxEntry[] {
    return this.#harmless(() => this.#queue.claim(max, includeDelayed)) ?? [];
  }

  acknowledge(entry: OutboxEntry): void {
    this.#harmless(() => {
      if (!this.#queue.settle(entry, 'acknowledged')) return;
      this.#end(entry.idempotencyKey);
      this.#adoptMore();
    });
  }

  acknowledgeAll(entries: readonly OutboxEntry[]): void {
    this.#harmless(() => {
      const ended = entries.filter((entry) => this.#queue.settle(entry, 'acknowledged'));
      if (ended.length === 0) return;
      this.#endAll(ended.map(({ idempotencyKey }) => formatDone(idempotencyKey)).join(''), ended.length);
      this.#adoptMore();
    });
  }

  release(entry: OutboxEntry, delayMs?: number): void {
    this.#harmless(() => this.#queue.release(entry, delayMs));
  }

  reject(entry: OutboxEntry, reason: string): void {
    this.#harmless(() => {
      if (!this.#queue.settle(entry, 'rejected')) return;
      if (this.#disk === undefined) this.#reportDropped(entry, reason);
      else this.#disk.deadLetters.add(entry, reason);
      this.#end(entry.idempotencyKey);
    });
  }

  putAside(entry: OutboxEntry, reason: string): boolean {
    return (
      this.#harmless(() => {
        const isWritten = this.#disk?.deadLetters.add(entry, reason) ?? false;
        if (!isWritten) this.#queue.release(entry, ASIDE_AGAIN_MS);
        else if (this.#queue.settle(entry, 'rejected')) this.#end(entry.idempotencyKey);
        return isWritten;
      }) ?? false
    );
  }

  folder(): string | undefined {
    const { directory, owner } = this.#options;
    const known = typeof owner === 'function' ? owner() : owner;
    return known === undefined ? undefined : ownerFolder(directory, known);
  }

  depth(): number {
    return this.#queue.depth();
  }

  counters(): OutboxCounters {
    return this.#queue.counters();
  }

  onAppend(listener: () => void): void {
    this.#queue.onAppend(listener);
  }

  onDrop(listener: (entry: OutboxEntry) => void): void {
    this.#queue.onDrop(listener);
  }

  isDurable(): boolean {
    return this.#disk?.journal.isWriting ?? false;
  }

  whenWritten(task: () => void): void {
    if (this.#disk === undefined) task();
    else this.#disk.journal.whenWritten(task);
  }

  adopt(): Promise<void> {
    this.#harmless(() => this.#open());
    return this.#closed ? Promise.resolve() : (this.#disk?.adoption.run() ?? Promise.resolve());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    await this.#disk?.adoption.stop();
    this.#disk?.journal.close(this.#queue.depth() + this.#notes.size > 0);
  }

  #open(): void {
    if (this.#disk !== undefined || this.#closed) return;
    const { owner } = this.#options;
    const known = typeof owner === 'function' ? owner() : owner;
    if (known === undefined) return;
    this.#disk = this.#openDisk(known);
    this.#disk.journal.heartbeat();
    this.#lastBeatMs = this.#runtime.now();
    this.#arm(0);
  }

  #openDisk(owner: OutboxOwner): Disk {
    const { directory, secret = () => undefined, maxBytes = DEFAULT_MAX_BYTES, write, gather } = this.#options;
    const folder = ownerFolder(directory, owner);
    const shared = { folder, identity: readOwnIdentity(), runtime: this.#runtime, maxBytes };
    const seal = createCredentialSeal(ownerHash(owner), secret);
    const journal = new Journal({
      ...shared,
      ensureFolder: () => ensurePrivateFolder(folder),
      live: () => this.#liveLines(seal),
      gather,
      ...(write === undefined ? {} : { write }),
    });
    const adoption = new Adoption({
      ...shared,
      seal,
      maxAgeMs: this.#maxAgeMs,
      // Half is left for events of this process.
      room: () => Math.ceil(this.#capacity / 2) - this.#queue.depth(),
      take: (entry) => this.#take(entry),
      lost: (entries) => this.#queue.countLost(entries),
    });
    return { journal, adoption, deadLetters: createDeadLetters(folder, maxBytes, this.#runtime), seal };
  }

  #arm(delayMs: number): void {
    this.#timer = this.#runtime.setTimer(() => this.#harmless(() => this.#beat()), delayMs);
  }

  #beat(): void {
    if (this.#closed || this.#disk === undefined) return;
    const { journal, adoption } = this.#disk;
    this.#arm(HEARTBEAT_MS);
    journal.heartbeat();
    const now = this.#runtime.now();
    // After a sleep of this machine the heartbeats of others are as old as ours: give them a turn to show that they live.
    const slept = Math.abs(now - this.#lastBeatMs) > 3 * HEARTBEAT_MS;
    this.#lastBeatMs = now;
    if (adoption.hasMore || (this.#beats % ADOPT_EVERY_BEATS === 0 && !slept)) void adoption.run();
    this.#beats += 1;
  }

  #take(entry: Outstanding): void {
    const { idempotencyKey, event, createdAtMs } = entry;
    if (this.#queue.add({ idempotencyKey, event, createdAtMs }, 'recovered')) this.#write('event', entry);
  }

  #write(kind: 'note' | 'event', entry: OutboxEntry, end = '', json?: string): void {
    this.#disk?.journal.append(formatRecord(kind, entry, this.#disk.seal, json), end);
  }

  #adoptMore(): void {
    if (this.#disk?.adoption.hasMore && this.#queue.depth() < this.#capacity / 4) void this.#disk.adoption.run();
  }

  #end(id: string): void {
    this.#endAll(formatDone(id), 1);
  }

  #endAll(text: string, lines: number): void {
    this.#disk?.journal.end(text, lines);
    if (this.#notes.size === 0 && this.#queue.depth() === 0) this.#disk?.journal.empty();
  }

  *#liveLines(seal: CredentialSeal): Iterable<string> {
    for (const note of this.#notes.values()) yield formatRecord('note', note, seal);
    for (const entry of this.#queue.entries()) yield formatRecord('event', entry, seal);
  }

  #harmless<T>(task: () => T): T | undefined {
    try {
      return task();
    } catch (error) {
      this.#runtime.log.error('the outbox failed; please report this', { error: String(error) });
      return undefined;
    }
  }
}
