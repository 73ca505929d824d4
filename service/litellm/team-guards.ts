/**
 * The guard of each team, on the feed as it is compiled now: parsed, compiled and asked by the SDK's own code, so that
 * the proxy's guardrail decides as a guarded client with the newest feed would.
 */
import {
  applyDifference,
  type CallDimensions,
  createGuard,
  type Decision,
  type FeedReading,
  type Guard,
  type KeptFeed,
  type LoadedRules,
  type Log,
  OddDifference,
  type Runtime,
  readDifferenceInSteps,
  readFeedInSteps,
} from 'fusewire/internal';
import { inSlices } from '../compile/feed-body.js';
import type { FeedAnswer, FeedDesk } from '../store/store.js';

/** Teams whose rules are kept compiled; the one that was asked longest ago is forgotten first (I10). */
const TEAMS_MAX = 200;

/** What stands where no rules could be read. */
export type FailMode = 'open' | 'closed';

/** The decision, and the revision of the rules that made it. */
export interface TeamDecision {
  readonly decision: Decision;
  readonly revision: number | undefined;
}

/** Decides on calls of any team. */
export class TeamGuards {
  readonly #feeds: FeedDesk;
  readonly #runtime: Pick<Runtime, 'now' | 'monotonicNow'>;
  readonly #log: Log;
  readonly #teams = new Map<string, TeamRules>();

  constructor(feeds: FeedDesk, runtime: Pick<Runtime, 'now' | 'monotonicNow'>, log: Log) {
    this.#feeds = feeds;
    this.#runtime = runtime;
    this.#log = log;
  }

  /** @throws StoreError where the store gives no feed */
  async decide(teamId: string, call: CallDimensions): Promise<TeamDecision> {
    const rules = this.#rulesOf(teamId);
    await rules.refresh();
    return { decision: rules.guard.decide(call), revision: rules.revision };
  }

  #rulesOf(teamId: string): TeamRules {
    const known = this.#teams.get(teamId) ?? new TeamRules(teamId, this.#feeds, this.#runtime, this.#log);
    this.#teams.delete(teamId);
    this.#teams.set(teamId, known);
    if (this.#teams.size > TEAMS_MAX) this.#teams.delete(this.#teams.keys().next().value as string);
    return known;
  }
}

/** One team's rules: read again when the feed is another one; those that ask meanwhile wait for the same reading. */
export class TeamRules {
  readonly guard: Guard;
  /** Of the rules that are in force; `undefined`: none were read yet. */
  revision: number | undefined;
  readonly #log: Log;
  readonly #teamId: string;
  readonly #feeds: FeedDesk;
  readonly #runtime: Pick<Runtime, 'now' | 'monotonicNow'>;
  #etag: string | undefined;
  /** The feed in force, for differences. */
  #kept: KeptFeed | undefined;
  #loaded: LoadedRules | undefined;
  #bypassUntilMs = 0;
  #refreshing: Promise<void> | undefined;
  #unwatch: (() => void) | undefined;

  constructor(teamId: string, feeds: FeedDesk, runtime: Pick<Runtime, 'now' | 'monotonicNow'>, log: Log) {
    this.#teamId = teamId;
    this.#feeds = feeds;
    this.#runtime = runtime;
    this.#log = log;
    const isBypassed = () => runtime.now() < this.#bypassUntilMs;
    this.guard = createGuard({
      state: () => ({ enabled: true, bypassed: isBypassed(), configured: true, failMode: 'open' }),
      rules: () => this.#loaded,
      now: () => runtime.now(),
      log,
    });
  }

  /** Reads the rules whenever they are others, and calls `changed` then, so that {@link decide} need not wait. */
  watch(changed: () => void): void {
    const look = (): void => {
      changed();
      this.fresh().catch((error: unknown) => {
        this.#log.warn('the rules of a team could not be read', { teamId: this.#teamId, error: String(error) });
      });
    };
    this.#unwatch ??= this.#feeds.watch(this.#teamId, look);
  }

  /** Ends it. */
  unwatch(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  /** By the rules as they were read last; `undefined`: none were read yet. */
  decide(call: CallDimensions): TeamDecision | undefined {
    return this.#loaded === undefined ? undefined : { decision: this.guard.decide(call), revision: this.revision };
  }

  /** As {@link refresh}, by a reading that begins after now. */
  async fresh(): Promise<void> {
    await this.#refreshing?.catch(() => undefined);
    await this.refresh();
  }

  /** @throws StoreError where the store gives no feed */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #read(): Promise<void> {
    const kept = this.#kept;
    try {
      await this.#readFeed(kept);
    } catch (error) {
      if (!(error instanceof OddDifference)) throw error;
      this.#etag = undefined;
      await this.#readFeed(undefined);
    }
  }

  /** A team of ten thousand rules of which one changes is not parsed anew: what changed is applied to what is `kept`. */
  async #readFeed(kept: KeptFeed | undefined): Promise<void> {
    const answer = await this.#feeds.answer(this.#teamId, {
      ifNoneMatch: this.#etag,
      form: 'whole',
      difference: kept !== undefined,
    });
    if (answer.kind === 'same') return;
    // Until all of it is applied, it is neither the one feed nor the other.
    this.#kept = undefined;
    const reading: FeedReading = await inSlices(readingOf(answer, kept), () => this.#runtime.monotonicNow());
    if (reading.kind === 'malformed') throw new Error(`the compiled feed cannot be read: ${reading.reason}`);
    const bypass = reading.bypass === 'malformed' ? undefined : reading.bypass;
    this.#loaded = { ruleSet: reading.ruleSet, generation: (this.#loaded?.generation ?? 0) + 1 };
    this.#bypassUntilMs = bypass?.untilMs ?? 0;
    this.#kept = reading.kept;
    this.#etag = answer.etag;
    this.revision = answer.revision;
  }
}

/** @throws OddDifference where a difference does not fit what is kept */
function* readingOf(
  answer: Exclude<FeedAnswer, { kind: 'same' }>,
  kept: KeptFeed | undefined,
): Generator<void, FeedReading> {
  if (answer.kind === 'empty') return yield* readFeedInSteps('', 204, true);
  const body = answer.body.bytes.toString('utf8');
  if (answer.kind === 'feed') return yield* readFeedInSteps(body, 200, true);
  if (kept === undefined) throw new OddDifference('it is to another feed');
  return yield* applyDifference(kept, yield* readDifferenceInSteps([body]));
}
