/** The feed of one team, kept up to date: when it is read, and while somebody watches also by itself. */
import type { Runtime, Timer } from 'fusewire/internal';
import { FeedBodies } from './feed-bodies.js';
import { FeedCompiler, type FeedReads } from './feed-compiler.js';
import type { TeamFeed } from './team-feed.js';

/** Current values alone are read again at most this often (DESIGN section 5); verdicts at once. */
export const VALUES_AGE_MAX_MS = 10_000;
/** What happens within so long of a change is told together with it. */
const COALESCE_MS = 4;
/** The clock may jump: a feed that is watched is looked at this often at the least. */
const LOOK_MAX_MS = 30_000;
const RETRY_MS = 1_000;

/** What is ready to be sent. */
export interface ReadyFeed {
  readonly feed: TeamFeed;
  readonly bodies: FeedBodies;
}

/** One update at a time; readers who come meanwhile share it, or the next where it began too early for them. */
export class TeamDesk {
  readonly #runtime: Runtime;
  readonly #teamId: string;
  readonly #compiler: FeedCompiler;
  readonly #watchers = new Set<() => void>();
  #ready: ReadyFeed | undefined;
  #updating: Promise<void> | undefined;
  /** The newest revision that was told. */
  #newest = 0;
  /** How often values were told to have moved, and how often when they were last read. */
  #touches = 0;
  #touchesRead = 0;
  /** Monotonic. */
  #valuesReadAt = 0;
  #validUntilMs = 0;
  /** By the wall clock: when values were last read, and until when they hold though nothing is told to have moved. */
  #valuesOfMs = 0;
  #valuesUntilMs = Number.MAX_SAFE_INTEGER;
  #timer: Timer | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #failing = false;
  #closed = false;

  constructor(runtime: Runtime, reads: FeedReads, teamId: string) {
    this.#runtime = runtime;
    this.#teamId = teamId;
    this.#compiler = new FeedCompiler(reads, teamId);
  }

  get watched(): boolean {
    return this.#watchers.size > 0;
  }

  /** UTF-16 code units that it keeps. */
  get chars(): number {
    return this.#ready?.feed.chars ?? 0;
  }

  /** What was ready last, however old. */
  get last(): ReadyFeed | undefined {
    return this.#ready;
  }

  /**
   * The feed: at once if what is ready still holds. A reader that knows `atLeastRevision` makes it look into the store
   * where what is ready is older.
   */
  async current(atLeastRevision = 0): Promise<ReadyFeed> {
    const wanted = Math.max(this.#newest, atLeastRevision);
    // An update that is under way may have begun too early for this reader; the next one has not.
    for (let turn = 0; turn < 3; turn += 1) {
      if (this.#ready !== undefined && this.#holds(this.#ready.feed, wanted)) return this.#ready;
      const joined = this.#updating !== undefined;
      await this.#update();
      if (!joined && this.#ready !== undefined) return this.#ready;
    }
    return this.#ready!;
  }

  moved(revision: number): void {
    this.#newest = Math.max(this.#newest, revision);
    this.#arm();
  }

  touched(): void {
    this.#touches += 1;
    this.#arm();
  }

  /** Calls `changed` whenever the feed is another one, until the returned function is called. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    this.#arm();
    return () => {
      this.#watchers.delete(changed);
      if (this.#watchers.size === 0) this.#disarm();
    };
  }

  close(): void {
    this.#closed = true;
    this.#watchers.clear();
    this.#disarm();
  }

  /** Values may have moved since they were read. */
  get #stale(): boolean {
    return this.#touches !== this.#touchesRead || this.#runtime.now() >= this.#valuesUntilMs;
  }

  #holds(feed: TeamFeed, revision: number): boolean {
    if (feed.revision < revision || this.#runtime.now() >= this.#validUntilMs) return false;
    return !this.#stale || this.#runtime.monotonicNow() < this.#valuesReadAt + VALUES_AGE_MAX_MS;
  }

  #update(): Promise<void> {
    this.#updating ??= this.#run().finally(() => {
      this.#updating = undefined;
    });
    return this.#updating;
  }

  async #run(): Promise<void> {
    const now = this.#runtime.monotonicNow();
    const nowMs = this.#runtime.now();
    const touches = this.#touches;
    const before = this.#ready?.feed.etag;
    const values = this.#stale && now >= this.#valuesReadAt + VALUES_AGE_MAX_MS;
    const how = await this.#compiler.update(values);
    const feed = this.#compiler.feed!;
    if (how === 'whole' || values) {
      this.#touchesRead = touches;
      this.#valuesReadAt = now;
      this.#valuesOfMs = nowMs;
    }
    this.#valuesUntilMs = feed.valuesHoldUntilMs(this.#valuesOfMs);
    this.#validUntilMs = feed.validUntilMs;
    if (this.#ready?.feed !== feed) this.#ready = { feed, bodies: new FeedBodies(this.#runtime, feed) };
    if (feed.etag !== before) for (const changed of [...this.#watchers]) changed();
  }

  /** Sets the timer for the next thing that changes the feed by itself; there is none while nobody watches. */
  #arm(): void {
    if (!this.watched || this.#closed) return;
    const now = this.#runtime.monotonicNow();
    let delayMs = Math.min(LOOK_MAX_MS, Math.max(COALESCE_MS, this.#validUntilMs - this.#runtime.now()));
    const staleInMs = this.#stale ? 0 : this.#valuesUntilMs - this.#runtime.now();
    const valuesInMs = Math.max(COALESCE_MS, staleInMs, this.#valuesReadAt + VALUES_AGE_MAX_MS - now);
    delayMs = Math.min(delayMs, valuesInMs);
    if (this.#ready === undefined || this.#ready.feed.revision < this.#newest) delayMs = COALESCE_MS;
    if (this.#failing) delayMs = RETRY_MS;
    if (now + delayMs >= this.#dueAt) return;
    this.#disarm();
    this.#dueAt = now + delayMs;
    this.#timer = this.#runtime.setTimer(() => void this.#look(), delayMs);
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  async #look(): Promise<void> {
    this.#disarm();
    try {
      await this.current();
      if (this.#failing) this.#runtime.log.info('a feed that is watched is compiled again', { teamId: this.#teamId });
      this.#failing = false;
    } catch (error) {
      if (!this.#failing && !this.#closed) {
        const fields = { teamId: this.#teamId, error: String(error) };
        this.#runtime.log.error('a feed that is watched could not be compiled; trying again', fields);
      }
      this.#failing = true;
    }
    this.#arm();
  }
}
