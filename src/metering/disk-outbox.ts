/** The durable outbox: what is in it survives `kill -9`, and processes that share the directory help each other. */
import type { Runtime, Timer } from '../runtime.js';
import type { UsageEvent } from '../wire/usage-event.js';
import { Adoption } from './adoption.js';
import { BoundNotice } from './bound-notice.js';
import { type CredentialSeal, createCredentialSeal } from './credential-seal.js';
import { createDeadLetters, type DeadLetters } from './dead-letters.js';
import { EntryQueue } from './entry-queue.js';
import { Journal } from './journal.js';
import { DEFAULT_CAPACITY, DEFAULT_MAX_AGE_MS } from './memory-outbox.js';
import type { Outbox, OutboxCounters, OutboxEntry } from './outbox.js';
import { ensurePrivateFolder, type OutboxOwner, ownerFolder, ownerHash } from './owner-folder.js';
import { readOwnIdentity } from './process-identity.js';
import { createRejectionLog } from './rejection-log.js';
import { formatDone, formatRecord, isSafeId, type Outstanding } from './segment-record.js';

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
}

/** An outbox on disk. */
export interface DiskOutbox extends Outbox {
  /** Takes over what dead processes of the same owner left; happens by itself at the first use and every 30 s. */
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
    const { directory, secret = () => undefined, maxBytes = DEFAULT_MAX_BYTES, write } = this.#options;
    const folder = ownerFolder(directory, owner);
    const shared = { folder, identity: readOwnIdentity(), runtime: this.#runtime, maxBytes };
    const seal = createCredentialSeal(ownerHash(owner), secret);
    const journal = new Journal({
      ...shared,
      ensureFolder: () => ensurePrivateFolder(folder),
      live: () => this.#liveLines(seal),
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

  #write(kind: 'note' | 'event', entry: OutboxEntry): void {
    this.#disk?.journal.append(formatRecord(kind, entry, this.#disk.seal));
  }

  #end(id: string): void {
    this.#disk?.journal.append(formatDone(id), true);
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
