/** Stations 10 to 11: one refresh, from the request to the rule set in force and on disk. */
import type { Dispatcher } from 'undici';
import type { Runtime } from '../src/runtime.js';
import type { DiskMirror } from './disk-mirror.js';
import { Episode } from './episode.js';
import { type FeedAddress, ownerOf } from './feed-address.js';
import { type FeedReading, readFeedInSteps } from './feed-reader.js';
import { type MirrorFiles, mirrorBodyInSteps } from './mirror-text.js';
import { type FeedAnswer, requestFeed } from './request-feed.js';
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
  /** Nothing was asked. */
  | { readonly kind: 'skipped'; readonly reason: 'cool-down' | 'unconfigured' | 'dormant' | 'stopped' }
  /** The rules in force stay. */
  | { readonly kind: 'failed'; readonly reason: string };

/** What a refresh works on. */
export interface RefresherParts {
  readonly runtime: Runtime;
  readonly credentials: () => FeedCredentials | undefined;
  readonly address: FeedAddress;
  /** Made at the first request. */
  readonly dispatcher: () => Promise<Dispatcher>;
  readonly userAgent: string;
  readonly rules: RuleCache;
  readonly mirror: DiskMirror | undefined;
  readonly book: StatusBook;
  readonly pollIntervalMs: number;
  /** Called after a rule set was put in force, before it is mirrored. */
  readonly onActivated: () => void;
}

interface Identity {
  readonly apiKey: string;
  readonly teamId: string;
  readonly owner: string;
}

type Body = Extract<FeedAnswer, { kind: 'body' }>;
type Feed = Extract<FeedReading, { kind: 'feed' }>;

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
    const { mirror, book } = this.#parts;
    const identity = this.#identify();
    if (mirror === undefined || identity === undefined || this.#mirrorReadFor === identity.owner) return;
    const read = mirror.readNow(identity.owner);
    if (read.kind === 'large') return;
    this.#mirrorReadFor = identity.owner;
    if (read.kind === 'failed') book.counters.mirrorUnreadable += 1;
    if (read.kind !== 'found') return;
    try {
      this.#acceptMirror(read.files, drain(readFeedInSteps(drain(mirrorBodyInSteps(read.files)), 200)));
    } catch (error) {
      this.#acceptMirror(read.files, { kind: 'malformed', reason: String(error) });
    }
  }

  /** Refreshes. Never throws. `signal` ends what waits. */
  async refresh(signal: AbortSignal): Promise<RefreshResult> {
    const { book } = this.#parts;
    try {
      const identity = this.#identify();
      if (identity === undefined) return { kind: 'skipped', reason: 'unconfigured' };
      await this.#loadMirror(identity);
      if (signal.aborted) return { kind: 'skipped', reason: 'stopped' };
      if (this.coolDownLeftMs() > 0) return { kind: 'skipped', reason: 'cool-down' };
      book.counters.polls += 1;
      const { answer, coolDownMs } = await requestWithRetry(
        () => this.#ask(identity, signal),
        async (delayMs) => {
          await sleep(this.#parts.runtime, delayMs, signal);
          return !signal.aborted;
        },
      );
      if (signal.aborted) return { kind: 'skipped', reason: 'stopped' };
      if (coolDownMs !== undefined) this.#coolDown(coolDownMs);
      if (answer.kind === 'body') return await this.#accept(identity, answer, signal);
      if (answer.kind === 'not-modified') return await this.#renew(identity);
      return this.#fail(answer.reason);
    } catch (error) {
      return this.#fail(`unexpected: ${String(error)}`);
    }
  }

  /** Forgets everything that belongs to a team. */
  clear(): void {
    this.#parts.rules.clear();
    this.#parts.book.cleared();
    this.#gate.clear();
    this.#owner = undefined;
    this.#etag = undefined;
    this.#mirrorReadFor = undefined;
  }

  /** Reads the credentials. The rules of another team than before are dropped at once. */
  #identify(): Identity | undefined {
    const { runtime, address } = this.#parts;
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
    const owner = ownerOf(address.origin, given.teamId);
    if (this.#owner !== undefined && this.#owner !== owner) {
      runtime.log.info('the team has changed: the rules of the former one are dropped');
      this.clear();
    }
    this.#owner = owner;
    this.#identity = { apiKey: given.apiKey, teamId: given.teamId, owner };
    return this.#identity;
  }

  /** One attempt: the path that answered last, and after a 404 the other one. The one that answers is remembered. */
  async #ask(identity: Identity, signal: AbortSignal): Promise<FeedAnswer> {
    const { address } = this.#parts;
    const answer = await this.#askAt(address.path(identity.teamId), identity, signal);
    const otherPath = address.otherPath(identity.teamId);
    if (answer.kind !== 'rejected' || answer.status !== 404 || otherPath === undefined) return answer;
    const other = await this.#askAt(otherPath, identity, signal);
    if (other.kind === 'body' || other.kind === 'not-modified') address.switchPath();
    return other.kind === 'rejected' && other.status === 404 ? answer : other;
  }

  async #askAt(path: string, identity: Identity, signal: AbortSignal): Promise<FeedAnswer> {
    const { address, userAgent, dispatcher, runtime, book } = this.#parts;
    book.requested();
    const request = { origin: address.origin, path, apiKey: identity.apiKey, userAgent, etag: this.#etag, signal };
    return await requestFeed(request, await dispatcher(), runtime);
  }

  async #accept(identity: Identity, answer: Body, signal: AbortSignal): Promise<RefreshResult> {
    const { runtime, rules, book } = this.#parts;
    const reading = await runInSlices(readFeedInSteps(answer.parts, answer.status), runtime);
    if (signal.aborted) return { kind: 'skipped', reason: 'stopped' };
    if (reading.kind === 'malformed') {
      book.counters.malformed += 1;
      return this.#fail(`malformed feed: ${reading.reason}`);
    }
    const revision = reading.revision ?? answer.revision;
    const active = rules.peek()?.revision;
    const verdict = this.#gate.judge(active, revision, runtime.monotonicNow());
    if (verdict === 'refuse') {
      book.counters.olderRevisions += 1;
      return this.#fail('the answer is older than the rules in force');
    }
    if (verdict === 'reset') {
      runtime.log.warn(`the service counts anew, from revision ${revision}: its rules replace revision ${active}`);
    }
    // From here on the kept ETag is no longer that of the rules in force; a 304 to it would renew the wrong ones.
    this.#etag = undefined;
    const loaded = this.#activate(reading, revision, 'wire');
    book.succeeded();
    this.#fetchTrouble.end('the rule feed is back');
    if (await this.#remember(identity, reading, revision, verdict === 'reset', signal)) this.#etag = answer.etag;
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
    const write = await mirror.write(identity.owner, { rawRules, departments, revision, afterReset }, signal);
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
    const { mirror, book, runtime } = this.#parts;
    if (mirror === undefined || this.#mirrorReadFor === identity.owner) return;
    this.#mirrorReadFor = identity.owner;
    const read = await mirror.read(identity.owner);
    if (read.kind === 'failed') book.counters.mirrorUnreadable += 1;
    if (read.kind !== 'found') return;
    try {
      const body = await runInSlices(mirrorBodyInSteps(read.files), runtime);
      this.#acceptMirror(read.files, await runInSlices(readFeedInSteps(body, 200), runtime));
    } catch (error) {
      this.#acceptMirror(read.files, { kind: 'malformed', reason: String(error) });
    }
  }

  #acceptMirror(files: MirrorFiles, reading: FeedReading): void {
    const { book, runtime } = this.#parts;
    if (reading.kind === 'malformed') {
      book.counters.mirrorUnreadable += 1;
      runtime.log.warn(`the rules in the cache directory are not used: ${reading.reason}`);
      return;
    }
    this.#activate(reading, files.owner.revision ?? undefined, 'disk');
    runtime.log.info(`${reading.ruleCount} rules from the cache directory are in force until the service answers`);
  }

  #activate(feed: Feed, revision: number | undefined, source: 'wire' | 'disk') {
    const { rules, book, runtime } = this.#parts;
    const loaded = rules.activate(feed.ruleSet, revision, source);
    book.activated(source, feed.ruleCount);
    book.counters.droppedRules += feed.droppedRules;
    if (feed.droppedRules > 0) runtime.log.debug('rules were dropped', { dropped: feed.droppedReasons });
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

function drain<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
