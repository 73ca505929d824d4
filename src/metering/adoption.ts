/** Takes over what dead processes left in a shared folder, a segment at a time. */
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Runtime } from '../runtime.js';
import type { CredentialSeal } from './credential-seal.js';
import { livenessOf, type ProcessIdentity } from './process-identity.js';
import { formatSegmentName, parseSegmentName, type SegmentName } from './segment-name.js';
import { type Outstanding, SegmentReader } from './segment-record.js';

/** What {@link Adoption} needs. */
export interface AdoptionOptions {
  readonly folder: string;
  readonly identity: ProcessIdentity;
  readonly runtime: Runtime;
  readonly seal: CredentialSeal;
  /** Segments of dead processes beyond this are deleted, the oldest first. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  /** How many entries can be taken now. */
  readonly room: () => number;
  /** Takes one entry over. When it returns, the entry is in the new owner's journal. */
  readonly take: (entry: Outstanding) => void;
  /** So many entries were in segments that were deleted unread or unsent. */
  readonly lost: (entries: number) => void;
}

interface Segment {
  readonly path: string;
  readonly name: SegmentName;
  readonly bytes: number;
  readonly modifiedAtMs: number;
}

/** Of another machine or container only the heartbeat is seen; one that stands still for this long is dead. */
const STILL_MS = 90_000;
/** By the wall clock, for a process that does not live long enough to see a heartbeat stand still. */
const STALE_MS = 15 * 60_000;
/** The event loop is given back after so many lines. */
const LINES_A_TURN = 100;

/**
 * Taking a segment over is one rename to a name that carries this process: of many who try, one succeeds, and should
 * this process die halfway, the segment is a dead process's again. Entries go to the journal of the new owner first and
 * the segment is deleted last; whoever dies in between leaves an entry twice, under one idempotency key.
 */
export class Adoption {
  readonly #options: AdoptionOptions;
  /** Segments whose heartbeat was seen to stand still, with the modification time and since when. */
  readonly #still = new Map<string, { readonly modifiedAtMs: number; readonly since: number }>();
  #held: { readonly path: string; readonly remaining: Outstanding[] } | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: AdoptionOptions) {
    this.#options = options;
  }

  /** Whether a segment was taken that did not fit at once. */
  get hasMore(): boolean {
    return this.#held !== undefined;
  }

  /** Takes over what there is room for. One run at a time; a second call waits for the first. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#takeAll()
      .catch((error: unknown) => {
        this.#options.runtime.log.debug('segments of other processes could not be read', { error: String(error) });
      })
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  /** Waits for what runs, and frees a segment that is only half taken. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return;
    const free = formatSegmentName({ owner: undefined, id: this.#options.runtime.newId() });
    await rename(held.path, join(this.#options.folder, free)).catch(() => {});
  }

  async #takeAll(): Promise<void> {
    await this.#unload();
    if (this.#held !== undefined || this.#stopped) return;
    const dead = await this.#prune(await this.#findDead());
    for (const segment of dead) {
      if (this.#stopped || this.#options.room() <= 0) return;
      await this.#takeOver(segment);
      await this.#unload();
      if (this.#held !== undefined) return;
    }
  }

  async #takeOver(segment: Segment): Promise<void> {
    const { folder, identity, runtime } = this.#options;
    const path = join(folder, formatSegmentName({ owner: identity, id: segment.name.id }));
    try {
      await rename(segment.path, path);
    } catch {
      return; // Somebody else was faster.
    }
    this.#held = { path, remaining: await this.#read(path) };
    const events = this.#held.remaining.length;
    if (events > 0) runtime.log.info('usage events of a process that ended are taken over', { events });
  }

  /** Moves entries of the held segment to the journal, as many as fit, and deletes the segment after the last. */
  async #unload(): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    for (let taken = 1; held.remaining.length > 0 && this.#options.room() > 0; taken += 1) {
      this.#options.take(held.remaining.shift()!);
      if (taken % LINES_A_TURN === 0) await nextTurn();
      if (this.#stopped) return;
    }
    if (held.remaining.length > 0) return;
    await rm(held.path, { force: true });
    this.#held = undefined;
  }

  async #read(path: string): Promise<Outstanding[]> {
    const reader = new SegmentReader(this.#options.seal);
    const lines = (await readFile(path, 'utf8')).split('\n');
    for (let i = 0; i < lines.length; i += 1) {
      reader.line(lines[i]!);
      if (i % LINES_A_TURN === LINES_A_TURN - 1) await nextTurn();
    }
    return reader.outstanding();
  }

  /** Segments whose process is dead, oldest first. */
  async #findDead(): Promise<Segment[]> {
    const found: Segment[] = [];
    for (const fileName of await readdir(this.#options.folder)) {
      const name = parseSegmentName(fileName);
      if (name === undefined) continue;
      const path = join(this.#options.folder, fileName);
      const facts = await stat(path).catch(() => undefined);
      if (facts === undefined) continue;
      const segment = { path, name, bytes: facts.size, modifiedAtMs: facts.mtimeMs };
      if (this.#isDead(segment)) found.push(segment);
    }
    return found.sort((a, b) => a.modifiedAtMs - b.modifiedAtMs);
  }

  #isDead(segment: Segment): boolean {
    const { owner } = segment.name;
    if (owner === undefined) return true;
    const liveness = livenessOf(owner, this.#options.identity);
    if (liveness !== 'unknown') return liveness === 'dead';
    const { runtime } = this.#options;
    const now = runtime.monotonicNow();
    const seen = this.#still.get(segment.path);
    if (seen === undefined || seen.modifiedAtMs !== segment.modifiedAtMs) {
      this.#still.set(segment.path, { modifiedAtMs: segment.modifiedAtMs, since: now });
      return runtime.now() - segment.modifiedAtMs > STALE_MS;
    }
    return now - seen.since > STILL_MS;
  }

  /** Deletes dead segments that are too old, and the oldest of those that are too many. Returns the others. */
  async #prune(dead: readonly Segment[]): Promise<Segment[]> {
    const { maxBytes, maxAgeMs, runtime } = this.#options;
    const kept: Segment[] = [];
    let bytes = 0;
    for (const segment of [...dead].reverse()) {
      bytes += segment.bytes;
      const isOld = runtime.now() - segment.modifiedAtMs > maxAgeMs;
      if (bytes <= maxBytes && !isOld) {
        kept.unshift(segment);
        continue;
      }
      const entries = segment.bytes > maxBytes ? 0 : (await this.#read(segment.path).catch(() => [])).length;
      await rm(segment.path, { force: true });
      this.#options.lost(entries);
      const why = isOld ? 'too old' : 'too many';
      runtime.log.warn('usage events of a process that ended are dropped', { events: entries, why });
    }
    return kept;
  }
}
