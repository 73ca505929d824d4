/** The bodies of one feed: each made when it is first asked for, and kept until the feed changes. */
import type { Runtime } from 'fusewire/internal';
import { boundedRules, quietRules, shown, wholeRules } from './bounded-rules.js';
import { FeedBody, inSlices, toBytes } from './feed-body.js';
import type { TeamFeed } from './team-feed.js';

/** A feed beyond this costs tens of milliseconds to write out: one version of it serves all for a moment. */
const LARGE_CHARS = 1_048_576;
/** … for this long. A client that knows the differences is told of a verdict at once all the same. */
const LARGE_AGE_MAX_MS = 1_000;

interface Kept {
  readonly body: Promise<FeedBody>;
  readonly etag: string;
  readonly revision: number;
  /** Monotonic. */
  readonly madeAt: number;
}

/** Which body: everything, or what a public client can read. */
export type BodyForm = 'whole' | 'bounded';

/** Makes and keeps bodies. */
export class FeedBodies {
  readonly #runtime: Runtime;
  readonly #feed: TeamFeed;
  readonly #kept = new Map<BodyForm, Kept>();
  #differences = new Map<string, FeedBody | undefined>();
  #differencesOf = '';

  constructor(runtime: Runtime, feed: TeamFeed) {
    this.#runtime = runtime;
    this.#feed = feed;
  }

  /** The name of the feed as it is now, in a form. */
  etag(form: BodyForm): string {
    const { etag } = this.#feed;
    return form === 'whole' ? etag : `${etag.slice(0, -1)}p"`;
  }

  /**
   * The body. A large one may be up to a second old, but never older than `atLeastRevision`, nor one that `known` names
   * already.
   */
  body(form: BodyForm, known: (etag: string) => boolean, atLeastRevision: number): Promise<FeedBody> {
    const etag = this.etag(form);
    const kept = this.#kept.get(form);
    if (kept?.etag === etag) return kept.body;
    if (kept !== undefined && this.#feed.chars > LARGE_CHARS) {
      const age = this.#runtime.monotonicNow() - kept.madeAt;
      if (age < LARGE_AGE_MAX_MS && kept.revision >= atLeastRevision && !known(kept.etag)) return kept.body;
    }
    const { revision } = this.#feed;
    const body = form === 'whole' ? this.#whole(etag) : this.#bounded(etag);
    this.#kept.set(form, { body, etag, revision, madeAt: this.#runtime.monotonicNow() });
    // One that failed is made anew.
    body.catch(() => this.#kept.delete(form));
    return body;
  }

  /** What changed since `base`; `undefined` where that is not known, or more than half of the feed. */
  difference(base: string): FeedBody | undefined {
    const { etag } = this.#feed;
    if (this.#differencesOf !== etag) {
      this.#differencesOf = etag;
      this.#differences = new Map();
    }
    if (this.#differences.has(base)) return this.#differences.get(base);
    const made = this.#difference(base);
    // What is not known is not kept: whoever asks may name anything.
    if (made !== undefined) this.#differences.set(base, made);
    return made;
  }

  #difference(base: string): FeedBody | undefined {
    const { revision, etag, chain, chars } = this.#feed;
    const steps = chain.since(base);
    if (steps === undefined) return undefined;
    const length = steps.reduce((sum, step) => sum + step.length, 0);
    if (length > 1_024 && length > chars / 2) return undefined;
    return new FeedBody(revision, etag, Buffer.from(`${this.#begin()},"steps":[${steps}]}`));
  }

  // The texts are gathered at once and joined in slices: the feed may change meanwhile.

  async #whole(etag: string): Promise<FeedBody> {
    const { revision } = this.#feed;
    const envelope = this.#feed.envelope({ verdicts: true }) + this.#feed.bypassMember;
    const parts = [this.#begin(), ',"rules":', ...wholeRules(shown(this.#feed.controls)), `${envelope}}`];
    return new FeedBody(revision, etag, await toBytes(parts));
  }

  async #bounded(etag: string): Promise<FeedBody> {
    const { revision, bypass } = this.#feed;
    const controls = shown(this.#feed.controls);
    const envelope = this.#feed.envelope({ verdicts: bypass === undefined });
    const begin = this.#begin();
    const steps = bypass === undefined ? boundedRules(controls) : quietRules(controls);
    const { parts, omitted } = await inSlices(steps, this.#runtime.monotonicNow);
    const bytes = await toBytes([begin, ',"rules":', ...parts, `${envelope}}`]);
    return new FeedBody(revision, etag, bytes, omitted);
  }

  #begin(): string {
    const { revision, compiledAtMs } = this.#feed;
    return `{"revision":${revision},"compiledAt":"${new Date(compiledAtMs).toISOString()}"`;
  }
}
