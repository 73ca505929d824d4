/** Station 4: one attempt, from the moment before it is sent to its one usage event. */
import type { CallDimensions, Decision, RefuseDecision } from '../../enforcement/decision.js';
import type { CallAdjustment, CallHold } from '../holds/call-hold.js';
import type { HoldShelf } from '../holds/hold-shelf.js';
import type { ResolvedMetadata } from '../metadata/resolver.js';
import type { RequestReading, StopReason, UsageReading } from '../providers/adapter.js';
import type { Runtime, Timer } from '../runtime.js';
import type { PromptFields } from '../wire/usage-event.js';
import type { AttemptObserver, AttemptWatch } from './attempt-observer.js';
import type { AttemptPart } from './attempt-part.js';
import { buildUsageEvent } from './build-usage-event.js';
import type { Outbox } from './outbox.js';

export type { AttemptObserver, AttemptWatch } from './attempt-observer.js';
export type { AttemptPart } from './attempt-part.js';

/** How an attempt ended. */
export type AttemptEnd =
  /** The answer was read to its end. */
  | 'completed'
  /** The caller left early: `break`, `abort()`, a signal. */
  | 'cancelled'
  /** The provider answered with an error status, an error arrived inside the answer, or the connection broke. */
  | 'failed'
  /** The client's own time limit passed. */
  | 'timed-out'
  /** An answer was there and nobody read it for 60 s, or until the process ended. */
  | 'abandoned';

/** More about an end that is not `completed`. */
export interface AttemptFailure {
  /** HTTP status of the provider, where there was an answer. */
  readonly status?: number;
  readonly reason?: string;
}

/** What attempts need of the instance that they belong to. */
export interface AttemptSink {
  readonly runtime: Runtime;
  readonly outbox: Outbox;
  readonly middlewareSource: string;
  /** Attempts that are not settled yet; settled at the latest when the instance closes. */
  readonly open: Set<Attempt>;
  /** A call was refused before it was sent. */
  refused(decision: RefuseDecision, call: CallDimensions): void;
  /** An attempt begins. */
  started(request: RequestReading, metered: boolean): void;
  /** Watches attempts for spans, metrics and summaries; absent where nobody does. Its methods must not throw. */
  readonly observer?: AttemptObserver | undefined;
  /** What is kept of prompt and answer (contract 5.12); absent where nothing ever is. */
  capture?(request: RequestReading, reading: UsageReading, metadata: ResolvedMetadata): PromptFields | undefined;
  /** Holds of work that goes on after the answer; absent where nothing is ever held. */
  readonly shelf?: HoldShelf | undefined;
  /** Estimates tokens of a text; for what an aborted answer cost (I5), never for bounds. */
  estimateTokens(text: string): number;
}

/** An answer that nobody reads is metered after this time (I4). */
export const UNREAD_LIMIT_MS = 60_000;
/**
 * An answer that was read in part, and of which nothing came or was read for this time, is abandoned too: whoever drops
 * a stream without closing it tells nobody. Longer than any pause of a provider within an answer.
 */
export const IDLE_LIMIT_MS = 15 * 60_000;

const ERROR_STATUS = 400;

const ALLOWED: Decision = Object.freeze({ outcome: 'allow', code: 'ALLOWED' });
const EMPTY_READING: UsageReading = { finished: false, outputText: '' };

/** What is fixed when an attempt begins, and what was learnt of it since. Times are of {@link Runtime}. */
export interface AttemptFacts {
  readonly attemptId: string;
  readonly request: RequestReading;
  readonly metadata: ResolvedMetadata;
  readonly bypassed: boolean;
  /** Wall clock, ms. */
  readonly requestedAtMs: number;
  /** What it was admitted against. */
  readonly holdId?: string | undefined;
  readonly adjustment?: CallAdjustment | undefined;
  /** Milliseconds from the request to the first token or the answer's head; `undefined` while none came. */
  readonly firstTokenMs: number | undefined;
  readonly answeredMs: number | undefined;
  readonly durationMs: number;
}

/** Of {@link Attempt}. */
export interface AttemptOptions {
  readonly bypassed: boolean;
  readonly decision?: Decision;
  /** @defaultValue `true` */
  readonly metered?: boolean;
  /** The attempt of the layer around, which this one meters from now on: its note ends where this one's begins. */
  readonly replaces?: string | undefined;
  /** What it was admitted against; ends with the attempt. */
  readonly hold?: CallHold | undefined;
  readonly adjustment?: CallAdjustment | undefined;
}

/**
 * One HTTP request of a call. States: sent → answered → settled; `settle` works once, from any state, and whatever
 * comes later changes nothing: one attempt, one event (I4). No method throws (I2).
 */
export class Attempt {
  /** A UUIDv7. The transaction id where the provider's own ids are not unique. */
  readonly id: string;
  readonly #sink: AttemptSink;
  readonly #request: RequestReading;
  readonly #metadata: ResolvedMetadata;
  readonly #bypassed: boolean;
  readonly #metered: boolean;
  readonly #requestedAtMs: number;
  readonly #startedAt: number;
  #answeredMs: number | undefined;
  #firstTokenMs: number | undefined;
  #watch: Timer | undefined;
  readonly #watcher: AttemptWatch | undefined;
  #lastReadAt: number | undefined;
  #settled = false;
  #withdrawn: 'layer' | 'gateway' | undefined;
  #gatewayId: string | undefined;
  #hold: CallHold | undefined;
  #adjustment: CallAdjustment | undefined;
  #reading: () => UsageReading = () => EMPTY_READING;
  #status: number | undefined;

  constructor(request: RequestReading, metadata: ResolvedMetadata, sink: AttemptSink, options: AttemptOptions) {
    this.id = sink.runtime.newId();
    this.#sink = sink;
    this.#request = request;
    this.#metadata = metadata;
    this.#bypassed = options.bypassed;
    this.#metered = options.metered ?? true;
    this.#hold = options.hold;
    this.#adjustment = options.adjustment;
    this.#requestedAtMs = sink.runtime.now();
    this.#startedAt = sink.runtime.monotonicNow();
    if (request.kind !== 'call') return;
    sink.started(request, this.#metered);
    if (!this.#metered) return;
    sink.open.add(this);
    this.#watcher = sink.observer?.began(this, metadata, options.decision ?? ALLOWED);
    sink.outbox.note(this.id, () => this.#event('recovered', EMPTY_READING, {}), options.replaces);
  }

  get request(): RequestReading {
    return this.#request;
  }

  /** How a hard budget changed the call before it was let through. */
  get adjustment(): CallAdjustment | undefined {
    return this.#adjustment;
  }

  /** What it was admitted against. */
  get hold(): CallHold | undefined {
    return this.#hold;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Whether it ended without an event, because somebody else meters it. */
  get withdrawn(): boolean {
    return this.#withdrawn !== undefined;
  }

  /** Whether a gateway on the way has it in its books, so that no layer around needs to meter the call. */
  get isMeteredByGateway(): boolean {
    return this.#withdrawn === 'gateway';
  }

  /** The id of the event that a gateway made of this attempt. */
  get gatewayId(): string | undefined {
    return this.#gatewayId;
  }

  /** What the answer says by now. */
  get answer(): UsageReading {
    return this.#readSafely();
  }

  /**
   * The transaction id of this attempt's event, as far as it is known: the gateway's where one metered it, the provider's
   * response id where those are unique, else this attempt's own id. Exposed to the caller as `_revenium_transaction_id`.
   */
  get transactionId(): string {
    return this.#gatewayId ?? transactionIdOf(this.id, this.#request, this.#readSafely());
  }

  /**
   * The head of the answer is there. `reading` tells what the answer says, at any time from now on. With an error's
   * `status` the attempt is `failed`, also where nobody ever reads why.
   */
  answered(reading: () => UsageReading, status?: number): void {
    this.#reading = reading;
    this.#status = status;
    this.#answeredMs ??= this.#elapsed();
    if (this.#settled) return;
    this.#watch ??= this.#sink.runtime.setTimer(() => this.#look(), UNREAD_LIMIT_MS);
  }

  /**
   * The work has a name by now, and its answer comes by another request: whoever meters it, after a crash too, does so
   * under that name. Arms no time limit.
   */
  goesOn(reading: UsageReading): void {
    if (this.#settled) return;
    this.#reading = () => reading;
    if (this.#metered) this.#sink.outbox.note(this.id, () => this.#event('recovered', reading, {}));
  }

  /** The layer that began this attempt could not wait for its hold before. One that ended meanwhile needs none. */
  keepHold(hold: CallHold | undefined): void {
    if (hold === undefined) return;
    hold.begin();
    if (this.#settled || this.#hold !== undefined) {
      hold.release();
      return;
    }
    this.#hold = hold;
    // Whoever meters it after a crash names the hold too.
    if (this.#metered) this.#sink.outbox.note(this.id, () => this.#event('recovered', EMPTY_READING, {}));
  }

  /** A layer inside holds for this call. */
  releaseHold(): void {
    this.#hold?.release();
    this.#hold = undefined;
  }

  /** The caller reads: the answer is not abandoned. Called for each chunk; cheap. */
  progressed(): void {
    this.#lastReadAt = this.#sink.runtime.monotonicNow();
  }

  /** The first token of a streamed answer was seen. */
  firstToken(): void {
    this.#firstTokenMs ??= this.#elapsed();
  }

  /** The answer outgrew what is kept of one (I10): its usage is estimated from what was read until then. */
  outgrew(bytesMax: number): void {
    this.#sink.runtime.log.warn('an answer is too long to be read for its usage', { attempt: this.id, bytesMax });
  }

  /** Ends the attempt. The first end counts; a cancel after the provider's own last event counts as its end. */
  settle(end: AttemptEnd, failure: AttemptFailure = {}): void {
    if (this.#settled) return;
    if (end === 'abandoned' && this.#status !== undefined && this.#status >= ERROR_STATUS) {
      this.settle('failed', { status: this.#status, reason: `HTTP ${this.#status}` });
      return;
    }
    this.#settled = true;
    this.#watch?.cancel();
    this.#sink.open.delete(this);
    try {
      const reading = this.#readSafely();
      if (!this.#metered || isNothingToMeter(this.#request, reading)) {
        this.#sink.outbox.forget(this.id);
        this.#watcher?.withdrawn();
        this.#leaveHold(reading);
        return;
      }
      if (this.#request.kind === 'poll') this.#hold = this.#sink.shelf?.take(this.#metadata);
      const actualEnd = reading.finished && end !== 'failed' ? 'completed' : end;
      const event = this.#event(actualEnd, reading, failure);
      this.#sink.outbox.append(this.id, event);
      this.#hold?.settle(event, this.id);
      this.#watcher?.metered(event, actualEnd);
    } catch (error) {
      this.#sink.runtime.log.error('an attempt could not be metered; please report this', { error: String(error) });
    }
  }

  /** Meters an answer inside this one as an event of its own, at once; the attempt itself goes on. */
  meterPart(part: AttemptPart): void {
    if (!this.#metered) return;
    const { runtime, outbox } = this.#sink;
    try {
      const requestedAtMs = part.startedAtMs ?? this.#requestedAtMs;
      const durationMs = Math.max(0, (part.endedAtMs ?? runtime.now()) - requestedAtMs);
      const { request, metadata } = part;
      const times = { requestedAtMs, firstTokenMs: undefined, answeredMs: durationMs, durationMs };
      const facts = { attemptId: part.transactionId ?? runtime.newId(), request, metadata, bypassed: false, ...times };
      // The outbox knows it by a key of its own: it is the ledger that tells a repetition, by the transaction id.
      outbox.append(runtime.newId(), buildUsageEvent(facts, part.end, part.reading, {}, this.#sink), true);
    } catch (error) {
      runtime.log.error('a part of an answer could not be metered; please report this', { error: String(error) });
    }
  }

  /** Somebody else meters this very call: a guarded client inside. It ends without an event. */
  withdraw(): void {
    this.#withdraw('layer');
  }

  /** A gateway on the way meters it, under `id` where that is known, or refused it. It ends without an event. */
  withdrawForGateway(id: string | undefined): void {
    if (!this.#settled) this.#gatewayId = id;
    this.#withdraw('gateway');
  }

  #withdraw(by: 'layer' | 'gateway'): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#withdrawn = by;
    this.#watch?.cancel();
    this.#sink.open.delete(this);
    this.#sink.outbox.forget(this.id);
    this.releaseHold();
    this.#watcher?.withdrawn();
  }

  /** What was asked for may go on: then it is held until its end is metered. */
  #leaveHold(reading: UsageReading): void {
    const hold = this.#hold;
    if (hold === undefined) return;
    const goesOn = this.#metered && reading.pending === true && this.#sink.shelf !== undefined;
    if (goesOn) this.#sink.shelf?.put(this.#metadata, hold);
    else hold.release();
  }

  /** A withdrawal was wrong: the attempt is open again, and its end is metered. Does nothing for any other attempt. */
  reinstate(): void {
    if (this.#withdrawn !== 'layer') return;
    this.#withdrawn = undefined;
    this.#settled = false;
    this.#sink.open.add(this);
  }

  /** Abandoned, or looked at again when it could be. */
  #look(): void {
    const { runtime } = this.#sink;
    const idleMs =
      this.#lastReadAt === undefined ? Number.POSITIVE_INFINITY : runtime.monotonicNow() - this.#lastReadAt;
    if (idleMs >= IDLE_LIMIT_MS) this.settle('abandoned');
    else this.#watch = runtime.setTimer(() => this.#look(), IDLE_LIMIT_MS - idleMs);
  }

  /** A reader that fails costs the counts, not the event: it is metered as an estimate. */
  #readSafely(): UsageReading {
    try {
      return this.#reading();
    } catch (error) {
      this.#sink.runtime.log.error('an answer could not be read; please report this', { error: String(error) });
      return EMPTY_READING;
    }
  }

  #elapsed(): number {
    return this.#sink.runtime.monotonicNow() - this.#startedAt;
  }

  #event(end: AttemptEnd | 'recovered', reading: UsageReading, failure: AttemptFailure) {
    const facts: AttemptFacts = {
      attemptId: this.id,
      request: this.#request,
      metadata: this.#metadata,
      bypassed: this.#bypassed,
      requestedAtMs: this.#requestedAtMs,
      holdId: this.#hold?.id,
      adjustment: this.#adjustment,
      firstTokenMs: this.#firstTokenMs,
      answeredMs: this.#answeredMs,
      durationMs: this.#elapsed(),
    };
    return buildUsageEvent(facts, end, reading, failure, this.#sink);
  }
}

/** A background response that is not finished, a poll that found nothing new, an endpoint that costs nothing. */
function isNothingToMeter(request: RequestReading, reading: UsageReading): boolean {
  if (request.kind === 'free') return true;
  // The end of the work was read, and nobody else meters it, also where the reader stopped there or the work had failed.
  if (request.kind === 'poll') return !reading.finished;
  // However its first answer ended, a background response goes on; its end is metered by the poll that reads it.
  return reading.pending === true;
}

/** The transaction id by I4: the provider's id only where it is unique. */
export function transactionIdOf(attemptId: string, request: RequestReading, reading: UsageReading): string {
  const unique = reading.idsAreUnique ?? request.idsAreUnique;
  return unique && reading.responseId !== undefined && reading.responseId !== '' ? reading.responseId : attemptId;
}

/** The stop reason that an end stands for where the provider gave none. */
export function stopReasonOf(end: AttemptEnd | 'recovered', given: StopReason | undefined): StopReason {
  if (end === 'completed') return given ?? 'END';
  if (end === 'failed') return 'ERROR';
  if (end === 'timed-out') return 'TIMEOUT';
  return 'CANCELLED';
}
