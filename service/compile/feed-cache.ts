/** Compiled feeds by team: reading one costs the bytes, a change what it changed. */
import type { Runtime } from 'fusewire/internal';
import { isNoneMatch, newestRevision } from '../feed/etag.js';
import type { FeedAnswer, FeedAsk, FeedDesk, FeedSnapshot } from '../store/store.js';
import { boundedRules, quietRules, shown } from './bounded-rules.js';
import { FeedBody, inSlices, toBytes } from './feed-body.js';
import type { FeedReads } from './feed-compiler.js';
import { TeamDesk } from './team-desk.js';

export { VALUES_AGE_MAX_MS } from './team-desk.js';

/** Teams whose feeds are kept; more are compiled when they are read (I10). */
const TEAMS_MAX = 1_000;
/** UTF-16 code units of all feeds together: what nobody watches goes first, the longest unread of it first. */
const CHARS_MAX = 256 * 1_048_576;

/** Keeps the feeds that are read, and forgets those that are not where there are too many. */
export class FeedCache implements FeedDesk {
  readonly #runtime: Runtime;
  readonly #reads: FeedReads;
  /** In the order in which they were read last. */
  readonly #desks = new Map<string, TeamDesk>();
  readonly #omitting = new Map<string, number>();
  #closed = false;

  constructor(runtime: Runtime, reads: FeedReads) {
    this.#runtime = runtime;
    this.#reads = reads;
  }

  /** The teams whose feeds are kept. */
  kept(): Iterable<string> {
    return this.#desks.keys();
  }

  async answer(teamId: string, ask: FeedAsk): Promise<FeedAnswer> {
    const { ifNoneMatch, form } = ask;
    const known = (etag: string): boolean => isNoneMatch(ifNoneMatch, etag);
    const atLeast = newestRevision(ifNoneMatch);
    const { feed, bodies } = await this.#desk(teamId).current(atLeast);
    const { revision } = feed;
    const etag = bodies.etag(form);
    if (known(etag)) return { kind: 'same', revision, etag };
    if (feed.size === 0) return { kind: 'empty', revision, etag };
    if (ask.difference && form === 'whole') {
      for (const base of (ifNoneMatch ?? '').split(',')) {
        const body = bodies.difference(base.trim());
        if (body !== undefined) return { kind: 'difference', revision, etag, body, base: base.trim() };
      }
    }
    const body = await bodies.body(form, known, Math.min(atLeast, revision));
    if (form === 'bounded') this.#sayOmitted(teamId, body.omitted);
    return { kind: 'feed', revision: body.revision, etag: body.etag, body };
  }

  /** Whether the feed that is ready is another one than what is named. */
  differs(teamId: string, { ifNoneMatch, form }: FeedAsk): boolean {
    const ready = this.#desks.get(teamId)?.last;
    return ready !== undefined && !isNoneMatch(ifNoneMatch, ready.bodies.etag(form));
  }

  watch(teamId: string, changed: () => void): () => void {
    return this.#desk(teamId).watch(changed);
  }

  omitted(): number {
    let sum = 0;
    for (const omitted of this.#omitting.values()) sum += omitted;
    return sum;
  }

  /** The feed as a public client gets it, or the rules of one control. */
  async read(teamId: string, controlId?: string): Promise<FeedSnapshot> {
    const ask = { form: 'bounded', difference: false } as const;
    const answer = controlId === undefined ? await this.answer(teamId, ask) : await this.narrowed(teamId, controlId);
    const { revision, etag } = answer;
    return { revision, etag, body: 'body' in answer ? answer.body.bytes.toString() : null };
  }

  /** The rules of one control, without department maps (contract 2.1); none where it is not known. */
  async narrowed(teamId: string, controlId: string): Promise<FeedAnswer & { readonly kind: 'feed' }> {
    const { feed } = await this.#desk(teamId).current();
    const { revision, compiledAtMs } = feed;
    const states = feed.rulesOf(controlId);
    const rules = feed.bypass === undefined ? boundedRules(shown(states)) : quietRules(shown(states));
    const { parts, omitted } = await inSlices(rules, this.#runtime.monotonicNow);
    const begin = `{"revision":${revision},"compiledAt":"${new Date(compiledAtMs).toISOString()}","rules":`;
    const etag = `"${revision}-${states.map(({ tally }) => tally.hash).join('')}r"`;
    const bytes = await toBytes([begin, ...parts, '}']);
    return { kind: 'feed', revision, etag, body: new FeedBody(revision, etag, bytes, omitted) };
  }

  /** The team's revision moved. */
  moved(teamId: string, revision: number): void {
    this.#desks.get(teamId)?.moved(revision);
  }

  /** The team's values moved. */
  touched(teamId: string): void {
    this.#desks.get(teamId)?.touched();
  }

  close(): void {
    this.#closed = true;
    for (const desk of this.#desks.values()) desk.close();
  }

  #desk(teamId: string): TeamDesk {
    let desk = this.#desks.get(teamId);
    if (desk === undefined) {
      desk = new TeamDesk(this.#runtime, this.#reads, teamId);
      if (this.#closed) desk.close();
      else this.#makeRoom();
    } else this.#desks.delete(teamId);
    this.#desks.set(teamId, desk);
    return desk;
  }

  #makeRoom(): void {
    let chars = 0;
    for (const desk of this.#desks.values()) chars += desk.chars;
    for (const [teamId, desk] of this.#desks) {
      if (this.#desks.size < TEAMS_MAX && chars < CHARS_MAX) return;
      if (desk.watched) continue;
      chars -= desk.chars;
      desk.close();
      this.#desks.delete(teamId);
      this.#omitting.delete(teamId);
    }
  }

  #sayOmitted(teamId: string, omitted: number): void {
    const { log } = this.#runtime;
    const before = this.#omitting.has(teamId);
    if (omitted > 0) {
      this.#omitting.set(teamId, omitted);
      if (before) return;
      log.error('a feed is longer than 1 MiB; some of its groups or rules are left out', { teamId, omitted });
    } else if (before) {
      this.#omitting.delete(teamId);
      log.info('a feed fits into 1 MiB again', { teamId });
    }
  }
}
