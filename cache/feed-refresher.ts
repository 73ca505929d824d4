/** Stations 10 to 11: one refresh, from the request to the rule set in force and on disk. */
import type { Runtime } from '../src/runtime.js';
import { type OperatorBypass, readBypass } from '../src/wire/feed-bypass.js';
import type { DiskMirror } from './disk-mirror.js';
import { Episode } from './episode.js';
import { ownerOf } from './feed-address.js';
import type { FeedAsker } from './feed-asker.js';
import { applyDifference, readDifferenceInSteps } from './feed-difference.js';
import { type FeedReading, readFeedInSteps } from './feed-reader.js';
import { type KeptFeed, OddDifference } from './kept-feed.js';
import { type MirrorReading, readMirror, readMirrorNow } from './mirror-reading.js';
import type { FeedAnswer } from './request-feed.js';
import { requestWithRetry } from './request-with-retry.js';
import { RevisionGate } from './revision-gate.js';
import type { RuleCache } from './rule-cache.js';
import { runInSlices } from './run-in-slices.js';
import { sleep } from './sleep.js';
import type { StatusBook } from './status.js';

/** Who asks. Read anew at each refresh, so that a key that is set late or rotated heals by itself (I9). */
export interface FeedCredentials {
  readonly apiKey: string;
  readonly teamId: string;
}

/** What one refresh came to. */
export type RefreshResult =
  | { readonly kind: 'activated'; readonly generation: number; readonly revision: number | undefined }
  | { readonly kind: 'not-modified' }
  /** Nothing was asked, or the answer was not waited for. */
  | {
      readonly kind: 'skipped';
      readonly reason: 'cool-down' | 'unconfigured' | 'dormant' | 'stopped' | 'interrupted';
    }
  /** The rules in force stay. */
  | { readonly kind: 'failed'; readonly reason: string };

/** What a refresh works on. */
export interface RefresherParts {
  readonly runtime: Runtime;
  readonly credentials: () => FeedCredentials | undefined;
  /** The service's origin. */
  readonly origin: string;
  readonly asker: FeedAsker;
  readonly rules: RuleCache;
  readonly mirror: DiskMirror | undefined;
  readonly book: StatusBook;
  readonly pollIntervalMs: number;
  /** Called after a rule set was put in force, before it is mirrored. */
  readonly onActivated: () => void;
  /** Called when the operators' bypass of the feed in force may have changed. */
  readonly onBypass: (bypass: OperatorBypass | undefined) => void;
}

interface Identity {
  readonly apiKey: string;
  readonly teamId: string;
  readonly owner: string;
}

type Body = Extract<FeedAnswer, { kind: 'body' }>;
type Difference = Extract<FeedAnswer, { kind: 'difference' }>;
type Feed = Extract<FeedReading, { kind: 'feed' }>;

/** A retry is put off by up to this part of its delay, so that clients of a service that comes back do not come in step. */
const RETRY_SPREAD = 0.25;
/** Whether to ask for the whole feed is decided anew at most so often, where several versions answer in turn. Milliseconds. */
const SWITCH_SPACING_MS = 10_000;

/**
 * Does one refresh at a time; its caller sees to that. The order is the point (I8): the answer is parsed and compiled in
 * full, then put in force, then mirrored, and only then its ETag is kept. An ETag is therefore always that of the rules
 * that are both in force and on disk; where one step fails, the next poll gets the whole feed again.
 */
export class FeedRefresher {
  readonly #parts: RefresherParts;
  readonly #gate: RevisionGate;
  readonly #fetchTrouble: Episode;
  readonly #mirrorTrouble: Episode;
  readonly #unconfigured: Episode;
  /** `undefined` while the credentials are missing. */
  #identity: Identity | undefined;
  /** Whose rules are in force; stays while the credentials are missing for a time. */
  #owner: string | undefined;
  #etag: string | undefined;
  /** Whether the rules in force came without the bound of 1 MiB. */
  #isWhole = false;
  /** Monotonic: when the other kind was asked for at once. */
  #switchedAt = Number.NEGATIVE_INFINITY;
  /** The feed that {@link #etag} names, where differences to it can be applied. */
  #kept: KeptFeed | undefined;
  /** The owner whose mirror was looked at. Once is enough: whatever came later came from the wire. */
  #mirrorReadFor: string | undefined;
  /** Monotonic. */
  #coolDownUntil = Number.NEGATIVE_INFINITY;

  constructor(parts: RefresherParts) {
    this.#parts = parts;
    this.#gate = new RevisionGate(parts.pollIntervalMs);
    this.#fetchTrouble = new Episode(parts.runtime.log);
    this.#mirrorTrouble = new Episode(parts.runtime.log);
    // The guard warns of it; here it is only noted.
    this.#unconfigured = new Episode(parts.runtime.log, 'info');
  }

  /** How long the service is still to be left alone; 0 when it is not. Milliseconds. */
  coolDownLeftMs(): number {
    return Math.max(0, this.#coolDownUntil - this.#parts.runtime.monotonicNow());
  }

  /** Why the mirror could not be written last. */
  get mirrorError(): string | undefined {
    return this.#mirrorTrouble.reason;
  }

  /** Whether key and team id were there when they were last looked for. */
  get isConfigured(): boolean {
    return this.#identity !== undefined;
  }

  /** Puts a small mirror in force at once, so that the very first check has it. A large one is left to {@link refresh}. */
  loadMirrorNow(): void {
    const { mirror } = this.#parts;
    const identity = this.#identify();
    if (mirror === undefined || identity === undefined || this.#mirrorReadFor === identity.owner) return;
    const read = readMirrorNow(mirror, identity.owner);
    if (read.kind === 'large') return;
    this.#mirrorReadFor = identity.owner;
    this.#acceptMirror(read);
  }

  /** Refreshes. Never throws. `signal` ends what waits; with `interrupt` the service may wait for a change. */
  async refresh(signal: AbortSignal, interrupt?: AbortSignal): Promise<RefreshResult> {
    const { book, asker, runtime } = this.#parts;
    try {
      const identity = this.#identify();
      if (identity === undefined) return { kind: 'skipped', reason: 'unconfigured' };
      await this.#loadMirror(identity);
      if (signal.aborted) return { kind: 'skipped', reason: 'stopped' };
      if (this.coolDownLeftMs() > 0) return { kind: 'skipped', reason: 'cool-down' };
      book.counters.polls += 1;
      // Only the first attempt waits: a service that comes back says at once that it is there.
      let mayWait = interrupt;
      const { answer, coolDownMs } = await requestWithRetry(
        () => {
          const asked = this.#ask(identity, signal, mayWait);
          mayWait = undefined;
          return asked;
        },
        async (delayMs) => {
          const spread = asker.canWait ? 1 + RETRY_SPREAD * runtime.random() : 1;
          await sleep(runtime, delayMs * spread, signal);
          return !signal.aborted;
        },
      );
      if (signal.aborted) return { kind: 'skipped', reason: 'stopped' };
      if (coolDownMs !== undefined) this.#coolDown(coolDownMs);
      if (answer.kind !== 'difference') return await this.#take(identity, answer, signal);
      const result = await this.#acceptDifference(identity, answer, signal);
      if (result !== undefined) return result;
      return await this.#take(identity, await this.#ask(identity, signal, undefined), signal);
    } catch (error) {
      return this.#fail(`unexpected: ${String(error)}`);
    }
  }

  /** When to poll again after a refresh that succeeded: see {@link Pollable.next}. */
  next(): 'now' | 'wait' | 'interval' {
    const { asker, runtime } = this.#parts;
    if (this.#etag === undefined) return 'interval';
    if (this.#isWhole === asker.asksWhole) return asker.canWait ? 'wait' : 'interval';
    // The service says only with its answer that it has more to give.
    const now = runtime.monotonicNow();
    if (now < this.#switchedAt + SWITCH_SPACING_MS) return 'interval';
    this.#switchedAt = now;
    return 'now';
  }

  /** Forgets everything that belongs to a team. */
  clear(): void {
    this.#parts.rules.clear();
    this.#parts.book.cleared();
    this.#gate.clear();
    this.#owner = undefined;
    this.#etag = undefined;
    this.#kept = undefined;
    this.#mirrorReadFor = undefined;
    this.#parts.onBypass(undefined);
  }

  /** Reads the credentials. The rules of another team than before are dropped at once. */
  #identify(): Identity | undefined {
    const { runtime, origin } = this.#parts;
    let given: FeedCredentials | undefined;
    try {
      given = this.#parts.credentials();
    } catch (error) {
      runtime.log.debug('the credentials could not be read', { error: String(error) });
    }
    if (given === undefined) {
      this.#identity = undefined;
      this.#unconfigured.begin('enforcement has no rules to ask for', 'the API key or REVENIUM_TEAM_ID is missing');
      return undefined;
    }
    this.#unconfigured.end('enforcement has a key and a team now');
    const owner = ownerOf(origin, given.teamId);
    if (this.#owner !== undefined && this.#owner !== owner) {
      runtime.log.info('the team has changed: the rules of the former one are dropped');
      this.clear();
    }
    this.#owner = owner;
    this.#identity = { apiKey: given.apiKey, teamId: given.teamId, owner };
    return this.#identity;
  }

  #ask(identity: Identity, signal: AbortSignal, interrupt: AbortSignal | undefined): Promise<FeedAnswer> {
    const { apiKey, teamId } = identity;
    const known = { etag: this.#etag, isWhole: this.#isWhole, canChange: this.#kept !== undefined };
    return this.#parts.asker.ask({ apiKey, teamId, ...known, signal, interrupt });
  }

  async #take(identity: Identity, answer: FeedAnswer, signal: AbortSignal): Promise<RefreshResult> {
    if (answer.kind === 'body') return await this.#accept(identity, answer, signal);
    if (answer.kind === 'not-modified') return await this.#renew(identity);
    if (answer.kind === 'interrupted') return { kind: 'skipped', reason: 'interrupted' };
    if (answer.kind === 'difference') return this.#fail('a difference that was not asked for');
    return this.#fail(answer.reason);
  }

  async #accept(identity: Identity, answer: Body, signal: AbortSignal): Promise<RefreshResult> {
    const { runtime, rules, book, asker } = this.#parts;
    const keep = answer.isWhole && asker.asksDifferences;
    const reading = await runInSlices(readFeedInSteps(answer.parts, answer.status, keep), runtime);
    if (signal.aborted) return { kind: 'skipped', reason: 'stopped' };
    if (reading.kind === 'malformed') {
      book.counters.malformed += 1;
      return this.#fail(`malformed feed: ${reading.reason}`);
    }
    const revision = reading.revision ?? answer.revision;
    const active = rules.peek()?.revision;
    const verdict = this.#gate.judge(active, revision, runtime.monotonicNow());
    if (verdict === 'refuse') return this.#refuseOlder();
    if (verdict === 'reset') {
      runtime.log.warn(`the service counts anew, from revision ${revision}: its rules replace revision ${active}`);
    }
    this.#isWhole = answer.isWhole;
    return await this.#putInForce(identity, reading, revision, answer.etag, verdict === 'reset', signal);
  }

  /** `undefined`: the difference does not fit, and the whole feed is to be asked for. */
  async #acceptDifference(
    identity: Identity,
    answer: Difference,
    signal: AbortSignal,
  ): Promise<RefreshResult | undefined> {
    const { runtime, rules, book } = this.#parts;
    const kept = this.#kept;
    const base = this.#etag;
    try {
      if (kept === undefined || base === undefined || answer.baseEtag !== base) {
        throw new OddDifference('it is to another feed');
      }
      const difference = await runInSlices(readDifferenceInSteps(answer.parts), runtime);
      if (signal.aborted) return { kind: 'skipped', reason: 'stopped' };
      const verdict = this.#gate.judge(rules.peek()?.revision, difference.revision, runtime.monotonicNow());
      if (verdict === 'refuse') return this.#refuseOlder();
      if (verdict === 'reset') throw new OddDifference('the service counts anew');
      // Until it is applied whole, what is kept is neither the one feed nor the other.
      this.#kept = undefined;
      this.#etag = undefined;
      const reading = await runInSlices(applyDifference(kept, difference), runtime);
      if (signal.aborted) return { kind: 'skipped', reason: 'stopped' };
      book.counters.differences += 1;
      return await this.#putInForce(identity, reading, difference.revision, answer.etag, false, signal);
    } catch (error) {
      if (!(error instanceof OddDifference)) throw error;
      this.#kept = undefined;
      this.#etag = undefined;
      book.counters.differencesRefused += 1;
      runtime.log.debug('a difference of the rule feed does not fit; the whole feed is fetched', {
        reason: error.message,
      });
      return undefined;
    }
  }

  #refuseOlder(): RefreshResult {
    this.#parts.book.counters.olderRevisions += 1;
    return this.#fail('the answer is older than the rules in force');
  }

  /** Activates, mirrors, and then keeps the ETag, in this order (I8). */
  async #putInForce(
    identity: Identity,
    feed: Feed,
    revision: number | undefined,
    etag: string | undefined,
    afterReset: boolean,
    signal: AbortSignal,
  ): Promise<RefreshResult> {
    // From here on the kept ETag is no longer that of the rules in force; a 304 to it would renew the wrong ones.
    this.#etag = undefined;
    this.#kept = feed.kept;
    const loaded = this.#activate(feed, revision, 'wire');
    this.#parts.book.succeeded();
    this.#fetchTrouble.end('the rule feed is back');
    if (await this.#remember(identity, feed, revision, afterReset, signal)) this.#etag = etag;
    return { kind: 'activated', generation: loaded.generation, revision };
  }

  /** Writes the mirror. Resolves to whether the rules in force are safe: on disk, or not meant to be there. */
  async #remember(
    identity: Identity,
    feed: Feed,
    revision: number | undefined,
    afterReset: boolean,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { mirror, book } = this.#parts;
    if (mirror === undefined) return true;
    const { rawRules, departments } = feed;
    const bypass = feed.bypass === 'malformed' ? undefined : feed.bypass;
    const write = await mirror.write(identity.owner, { rawRules, departments, bypass, revision, afterReset }, signal);
    if (write.kind === 'failed') {
      if (write.reason === 'stopped') return false;
      book.counters.mirrorFailures += 1;
      this.#mirrorTrouble.begin('the rules could not be written to the cache directory', write.reason);
      return false;
    }
    this.#mirrorTrouble.end('the rules are written to the cache directory again');
    if (write.kind === 'superseded') return false;
    book.mirrored();
    return true;
  }

  /** The service said that nothing changed. */
  async #renew(identity: Identity): Promise<RefreshResult> {
    const { rules, book, mirror } = this.#parts;
    rules.renew();
    book.counters.notModified += 1;
    book.succeeded();
    this.#fetchTrouble.end('the rule feed is back');
    // Somebody emptied the directory: without the ETag the next poll gets the whole feed, and writes it again.
    if (mirror !== undefined && !(await mirror.isThere(identity.owner))) this.#etag = undefined;
    return { kind: 'not-modified' };
  }

  async #loadMirror(identity: Identity): Promise<void> {
    const { mirror, runtime } = this.#parts;
    if (mirror === undefined || this.#mirrorReadFor === identity.owner) return;
    this.#mirrorReadFor = identity.owner;
    this.#acceptMirror(await readMirror(mirror, identity.owner, runtime));
  }

  #acceptMirror(read: MirrorReading): void {
    const { book, runtime } = this.#parts;
    if (read.kind === 'failed') book.counters.mirrorUnreadable += 1;
    if (read.kind !== 'found') return;
    const { reading, files } = read;
    if (reading.kind === 'malformed') {
      book.counters.mirrorUnreadable += 1;
      runtime.log.warn(`the rules in the cache directory are not used: ${reading.reason}`);
      return;
    }
    const bypass = readBypass(files.owner.bypass);
    const feed = { ...reading, bypass: bypass === 'none' ? undefined : bypass };
    this.#activate(feed, files.owner.revision ?? undefined, 'disk');
    runtime.log.info(`${reading.ruleCount} rules from the cache directory are in force until the service answers`);
  }

  #activate(feed: Feed, revision: number | undefined, source: 'wire' | 'disk') {
    const { rules, book, runtime } = this.#parts;
    const loaded = rules.activate(feed.ruleSet, revision, source);
    book.activated(source, feed.ruleCount);
    book.counters.droppedRules += feed.droppedRules;
    if (feed.droppedRules > 0) runtime.log.debug('rules were dropped', { dropped: feed.droppedReasons });
    if (feed.bypass === 'malformed') {
      book.counters.malformedBypasses += 1;
      runtime.log.debug('the bypass in the rule feed means nothing and is ignored');
    }
    this.#parts.onBypass(feed.bypass === 'malformed' ? undefined : feed.bypass);
    this.#parts.onActivated();
    return loaded;
  }

  #coolDown(durationMs: number): void {
    const { runtime, book } = this.#parts;
    book.counters.coolDowns += 1;
    // A shorter one never shortens one that is running (contract 2.7).
    this.#coolDownUntil = Math.max(this.#coolDownUntil, runtime.monotonicNow() + durationMs);
  }

  #fail(reason: string): RefreshResult {
    this.#parts.book.failed(reason);
    this.#fetchTrouble.begin('the rules could not be refreshed; those in force stay', reason);
    return { kind: 'failed', reason };
  }
}
