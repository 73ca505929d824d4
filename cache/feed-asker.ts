/** Asks for the feed of a team: at which path, with what the service announced. */
import type { Dispatcher } from 'undici';
import type { Runtime } from '../src/runtime.js';
import type { Capabilities } from './capabilities.js';
import type { FeedAddress } from './feed-address.js';
import { type FeedAnswer, type FeedExtensions, requestFeed } from './request-feed.js';
import type { StatusBook } from './status.js';
import { WaitLength } from './wait-length.js';

/** What a {@link FeedAsker} is made of. */
export interface FeedAskerOptions {
  readonly runtime: Runtime;
  readonly address: FeedAddress;
  /** Made at the first request. */
  readonly dispatcher: () => Promise<Dispatcher>;
  readonly userAgent: string;
  readonly capabilities: Capabilities;
  readonly book: StatusBook;
}

/** One question. */
export interface FeedQuestion {
  readonly apiKey: string;
  readonly teamId: string;
  /** Of the rules in force. */
  readonly etag: string | undefined;
  /** Whether those came without the bound of 1 MiB; an ETag is never used for the other kind. */
  readonly isWhole: boolean;
  /** Whether a difference to them can be applied. */
  readonly canChange: boolean;
  readonly signal: AbortSignal;
  /** Set where the answer may wait for a change; its abort ends the wait. */
  readonly interrupt: AbortSignal | undefined;
}

/** Nothing beyond the contract is sent to a service that did not announce it. */
export class FeedAsker {
  readonly #options: FeedAskerOptions;
  readonly #waitLength = new WaitLength();

  constructor(options: FeedAskerOptions) {
    this.#options = options;
  }

  /** Whether the next answer will be without the bound of 1 MiB. */
  get asksWhole(): boolean {
    return this.#can('feed-whole');
  }

  /** Whether the feed will come in a form that differences can be applied to. */
  get asksDifferences(): boolean {
    return this.#can('feed-whole') && this.#can('feed-delta');
  }

  /** Whether the service can wait. */
  get canWait(): boolean {
    return this.#can('feed-wait');
  }

  /** One attempt: the path that answered last, and after a 404 the other one. The one that answers is remembered. */
  async ask(question: FeedQuestion): Promise<FeedAnswer> {
    const { address } = this.#options;
    const answer = await this.#askAt(address.path(question.teamId), question);
    const otherPath = address.otherPath(question.teamId);
    if (answer.kind !== 'rejected' || answer.status !== 404 || otherPath === undefined) return answer;
    const other = await this.#askAt(otherPath, question);
    if (other.kind === 'body' || other.kind === 'not-modified' || other.kind === 'difference') address.switchPath();
    return other.kind === 'rejected' && other.status === 404 ? answer : other;
  }

  async #askAt(path: string, question: FeedQuestion): Promise<FeedAnswer> {
    const { address, userAgent, dispatcher, runtime, book, capabilities } = this.#options;
    book.requested();
    const { apiKey, signal } = question;
    const etag = question.isWhole === this.asksWhole ? question.etag : undefined;
    const extensions = this.#extensions(question, etag);
    const onAnswer = (status: number, headers: Parameters<Capabilities['learn']>[2]) =>
      capabilities.learn(address.origin, status, headers);
    const request = { origin: address.origin, path, apiKey, userAgent, etag, signal, extensions, onAnswer };
    const answer = await requestFeed(request, await dispatcher(), runtime);
    if (extensions.waitSeconds > 0) this.#learnWait(answer);
    return answer;
  }

  #extensions({ canChange, interrupt }: FeedQuestion, etag: string | undefined): FeedExtensions {
    const mayWait = interrupt !== undefined && etag !== undefined && this.canWait;
    if (mayWait) this.#options.book.counters.waits += 1;
    return {
      whole: this.asksWhole,
      difference: canChange && etag !== undefined && this.asksDifferences,
      waitSeconds: mayWait ? this.#waitLength.seconds : 0,
      interrupt: mayWait ? interrupt : undefined,
    };
  }

  #learnWait(answer: FeedAnswer): void {
    if (answer.kind === 'interrupted' || answer.kind === 'rejected') return;
    if (answer.kind === 'retryable') this.#waitLength.failed();
    else this.#waitLength.answered();
  }

  #can(capability: Parameters<Capabilities['has']>[1]): boolean {
    return this.#options.capabilities.has(this.#options.address.origin, capability);
  }
}
