/** The metering of one forwarded call: its attempt, what is read of the answer, and the one end of both. */
import type { IncomingHttpHeaders } from 'node:http';
import {
  AnswerWatch,
  Attempt,
  type AttemptEnd,
  type AttemptFailure,
  type AttemptSink,
  CallHold,
  coverOf,
  type Runtime,
  type StreamCover,
  type WatchedAttempt,
} from 'fusewire/internal';
import type { GatewayCall } from '../types.js';
import { AnswerUsage } from './answer-usage.js';
import { CallSink, TicketEnd } from './call-sink.js';
import { EncodedBody, encodingOf } from './encoded-body.js';
import type { Admitted } from './exchange.js';
import { reasonOfStatus } from './kept-reason.js';
import { failureReason, type UpstreamFailure } from './upstream-failure.js';

const NOTHING = new Uint8Array(0);
const REDIRECTS = 300;
const ERRORS = 400;
/** What nginx says of a caller that went away before there was an answer. No upstream sends it. */
const CALLER_LEFT = 499;

/**
 * Noted from its beginning, settled by the first of its ends: the answer's, a failure's, the caller's. Whatever ends it
 * also ends the ticket, as the event says or, where there is none, by a release.
 */
export class CallMeter implements WatchedAttempt {
  readonly #call: GatewayCall;
  readonly #attempt: Attempt;
  readonly #usage: AnswerUsage;
  readonly #end: TicketEnd;
  #status: number | undefined;
  #watch: AnswerWatch | undefined;
  #encoded: EncodedBody | undefined;
  readonly #hold: Admitted['hold'];
  readonly #sink: AttemptSink;
  #cover: StreamCover | undefined;

  constructor(call: GatewayCall, admission: Admitted, team: AttemptSink, runtime: Runtime) {
    const { decision, bypassed, ticket, hold, observe } = admission;
    this.#call = call;
    this.#hold = hold;
    this.#end = new TicketEnd(ticket, team.observer);
    const sink = new CallSink(team, runtime, this.#end);
    this.#sink = sink;
    this.#usage = new AnswerUsage(call, sink);
    this.#attempt = new Attempt(call.reading, call.metadata, sink, {
      decision,
      bypassed,
      adjustment: call.adjustment,
      hold: hold === undefined ? undefined : new CallHold(hold, call.bound, observe),
    });
  }

  /** The transaction id of the call's event. */
  get id(): string {
    return this.#attempt.id;
  }

  /** Whether the caller gets other bytes than those that come. */
  get rewrites(): boolean {
    return this.#watch?.rewrites === true;
  }

  /** The head of the answer. */
  head(status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#usage.isUnbilled = status >= REDIRECTS;
    this.#usage.responseHead(status, (name) => firstOf(headers[name]));
    this.#attempt.answered(() => this.#usage.settled(), status);
    const encoding = encodingOf(headers['content-encoding']);
    if (encoding !== undefined) this.#encoded = new EncodedBody(encoding);
    const { reading, upstream, rewrite } = this.#call;
    if (this.#hold !== undefined && encoding === undefined && status < REDIRECTS)
      this.#cover = this.#coverOf(this.#hold);
    this.#usage.cover = this.#cover;
    this.#watch = new AnswerWatch({ status, contentType: firstOf(headers['content-type']) ?? '' }, this, this.#usage, {
      streaming: reading.streaming,
      endsWithMark: upstream.protocol === 'anthropic',
      rewrite: encoding === undefined ? rewrite : undefined,
      cover: this.#cover,
    });
  }

  /** Of a stream that comes as it is: what is compressed can be ended by nobody but who compresses it. */
  #coverOf(ticket: NonNullable<Admitted['hold']>): StreamCover | undefined {
    const { reading, bound, rewrite } = this.#call;
    const { runtime } = this.#sink;
    return coverOf({ ticket, worst: bound }, reading, {
      inputTokens: () => this.#sink.estimateTokens(reading.promptText()),
      nowMs: () => runtime.now(),
      newId: () => this.#attempt.id,
      isUsageAsked: rewrite === undefined ? undefined : false,
    });
  }

  /** What the caller has to wait for before more of the answer is read; absent as a rule. */
  get waiting(): Promise<void> | undefined {
    return this.#cover?.waiting;
  }

  /** What the call holds is used up, and no more is to be had: the answer has to be cut. */
  get isSpent(): boolean {
    return this.#cover?.isSpent === true;
  }

  /** Ends the answer in its own dialect; returns the bytes for it. */
  cut(): Uint8Array {
    return this.#watch!.cut();
  }

  /** Bytes of the answer; returns what the caller gets: the very same, but for a rewrite. */
  take(chunk: Buffer): Uint8Array {
    this.#usage.bodyBytes += chunk.length;
    if (this.#encoded === undefined) return this.#watch!.bytes(chunk);
    this.#encoded.push(chunk);
    return chunk;
  }

  /** The answer is whole. Returns bytes that were held back. */
  finish(): Uint8Array {
    this.#decode();
    return this.#watch!.end();
  }

  /** The answer broke. Returns bytes that were held back. */
  broke(error: unknown): Uint8Array {
    this.#decode();
    return this.#watch!.failed(new Error(`the answer broke off: ${failureReason(error)}`));
  }

  /** The caller left, and nothing more is read: what was seen is metered, at least what was asked. */
  left(): void {
    this.#decode();
    if (this.#watch !== undefined) this.#watch.cancelled();
    else this.settle('cancelled');
  }

  /** The caller left, and the request was never sent. */
  unsent(): void {
    this.#usage.isUnbilled = true;
    this.settle('failed', { status: CALLER_LEFT, reason: 'the caller left before the request was sent' });
  }

  /**
   * No answer came. A provider may have begun to work on what it was sent and bill it, Ollama bills nobody; what was not
   * sent cost nothing.
   */
  unanswered(failure: UpstreamFailure, error: unknown, sent: boolean): void {
    const reason = `${failure.code}: ${failureReason(error)}`;
    this.#usage.isUnbilled = !sent || this.#call.upstream.protocol === 'ollama';
    this.settle('failed', this.#usage.isUnbilled ? { status: failure.status, reason } : { reason });
  }

  /** Of {@link WatchedAttempt}: called by the watch, once. */
  settle(end: AttemptEnd, failure?: AttemptFailure): void {
    const status = this.#status;
    // Its reading is what it is metered by, also where no head came.
    if (status === undefined) this.#attempt.answered(() => this.#usage.settled());
    if (status !== undefined && status >= REDIRECTS && status < ERRORS) {
      this.#attempt.settle('failed', { status, reason: `HTTP ${status}: redirects are not followed` });
    } else if (status !== undefined && status >= ERRORS) {
      this.#attempt.settle(end, { ...failure, reason: reasonOfStatus(status, failure?.reason) });
    } else this.#attempt.settle(end, failure);
    this.#end.release();
  }

  answered(): void {
    // Told of the head by itself.
  }

  progressed(): void {
    this.#attempt.progressed();
  }

  firstToken(): void {
    this.#attempt.firstToken();
  }

  outgrew(bytesMax: number): void {
    this.#attempt.outgrew(bytesMax);
  }

  #decode(): void {
    const decoded = this.#encoded?.decoded() ?? NOTHING;
    this.#encoded = undefined;
    if (decoded.length > 0) this.#watch?.bytes(decoded);
  }
}

function firstOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : header?.[0];
}
