/** Compiled feeds as text: reading one costs nothing but the bytes. */
import type { Runtime } from 'fusewire/internal';
import type { FeedSnapshot } from '../store/store.js';
import type { CompiledFeed } from './compile-feed.js';
import { feedSnapshotOf } from './feed-body.js';

/** Current values alone are compiled again at most this often (DESIGN section 5); verdicts at once. */
export const VALUES_AGE_MAX_MS = 10_000;
/** Teams whose feeds are kept; more are compiled when they are read (I10). */
const TEAMS_MAX = 1_000;

interface Kept {
  readonly snapshot: FeedSnapshot;
  readonly rulesText: string | null;
  /** Monotonic. */
  compiledAt: number;
  validUntilMs: number;
  /** Values moved since. */
  stale: boolean;
}

/**
 * Keeps a feed per team until its revision moves, its window ends, or its values moved and it is old enough. Several
 * readers of a feed that has to be compiled share one compilation.
 */
export class FeedCache {
  readonly #runtime: Runtime;
  readonly #compile: (teamId: string) => Promise<CompiledFeed>;
  readonly #kept = new Map<string, Kept>();
  readonly #compiling = new Map<string, Promise<FeedSnapshot>>();
  /** The newest revision that was told, so that a compilation that began before it is not kept. */
  readonly #newest = new Map<string, number>();
  readonly #touchedMeanwhile = new Set<string>();
  readonly #omitting = new Set<string>();
  readonly #shared: boolean;

  /** `shared`: other processes write too, and do not tell whose values moved: every feed counts as touched. */
  constructor(
    runtime: Runtime,
    compile: (teamId: string) => Promise<CompiledFeed>,
    options: { shared?: boolean } = {},
  ) {
    this.#runtime = runtime;
    this.#compile = compile;
    this.#shared = options.shared ?? false;
  }

  /** The teams whose feeds are kept. */
  watched(): Iterable<string> {
    return this.#kept.keys();
  }

  /** The feed of a team: at once if the kept one holds. */
  async read(teamId: string): Promise<FeedSnapshot> {
    const kept = this.#kept.get(teamId);
    if (kept !== undefined && this.#holds(kept)) return kept.snapshot;
    let compiling = this.#compiling.get(teamId);
    if (compiling === undefined) {
      const started = this.#refresh(teamId).finally(() => {
        if (this.#compiling.get(teamId) === started) this.#compiling.delete(teamId);
      });
      compiling = started;
      this.#compiling.set(teamId, started);
    }
    return compiling;
  }

  /** The team's revision moved: what is kept or being compiled is out of date, unless it has that revision already. */
  moved(teamId: string, revision: number): void {
    if (revision <= (this.#newest.get(teamId) ?? 0)) return;
    if (revision <= (this.#kept.get(teamId)?.snapshot.revision ?? 0)) return;
    this.#newest.set(teamId, Math.max(revision, this.#newest.get(teamId) ?? 0));
    this.#kept.delete(teamId);
    this.#compiling.delete(teamId);
  }

  /** The team's values moved. */
  touched(teamId: string): void {
    const kept = this.#kept.get(teamId);
    if (kept !== undefined) kept.stale = true;
    if (this.#compiling.has(teamId)) this.#touchedMeanwhile.add(teamId);
  }

  #holds(kept: Kept): boolean {
    if (this.#runtime.now() >= kept.validUntilMs) return false;
    return !(kept.stale || this.#shared) || this.#runtime.monotonicNow() - kept.compiledAt < VALUES_AGE_MAX_MS;
  }

  async #refresh(teamId: string): Promise<FeedSnapshot> {
    const compiledAt = this.#runtime.monotonicNow();
    const before = this.#kept.get(teamId);
    this.#touchedMeanwhile.delete(teamId);
    const feed = await this.#compile(teamId);
    this.#sayOmitted(teamId, feed.omitted);
    const { revision, rulesText, validUntilMs } = feed;
    // The same rules at the same revision keep their bytes, and so their ETag: pollers get a 304.
    const same = before?.snapshot.revision === revision && before.rulesText === rulesText;
    const snapshot = same ? before.snapshot : feedSnapshotOf(feed, { departmentMaps: true });
    if (revision >= (this.#newest.get(teamId) ?? 0)) {
      if (this.#kept.size >= TEAMS_MAX) this.#kept.clear();
      // What moved while it was compiled may not be in it.
      const stale = this.#touchedMeanwhile.delete(teamId);
      this.#kept.set(teamId, { snapshot, rulesText, compiledAt, validUntilMs, stale });
    }
    return snapshot;
  }

  #sayOmitted(teamId: string, omitted: number): void {
    const { log } = this.#runtime;
    if (omitted > 0 === this.#omitting.has(teamId)) return;
    if (omitted > 0) {
      this.#omitting.add(teamId);
      log.error('a feed is longer than 1 MiB; some of its groups or rules are left out', { teamId, omitted });
    } else {
      this.#omitting.delete(teamId);
      log.info('a feed fits into 1 MiB again', { teamId });
    }
  }
}
