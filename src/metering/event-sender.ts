/** One request with one or several metered events, and what its answer means for each of them. */
import type { Capabilities } from '../../cache/capabilities.js';
import type { Runtime } from '../runtime.js';
import type { UsageEvent } from '../wire/usage-event.js';
import { BATCH_ANSWER_BYTES_MAX, BATCH_EVENTS_MAX, encodeBatch, isRefusedRoute, readBatchResults } from './batch.js';
import type { DeliveryGate, Passage } from './delivery-gate.js';
import { BATCH_RESOURCE, resourceOfEvent, resourceUrl } from './metering-url.js';
import type { OutboxEntry } from './outbox.js';
import type { Poster, PostTarget } from './poster.js';
import { type DeliveryAnswer, type DeliveryVerdict, readAnswer } from './read-answer.js';

/** What an {@link EventSender} is made of. */
export interface EventSenderOptions {
  readonly runtime: Runtime;
  readonly gate: DeliveryGate;
  readonly poster: Poster;
  readonly capabilities: Capabilities;
  readonly userAgent: string;
  /** Gives up what is under way. */
  readonly signal: AbortSignal;
  readonly onRevision: (revision: number) => void;
}

/** What a request came to for each entry, in order; `undefined`: it was not sent, and can be at once. */
export type SendResults = readonly (DeliveryVerdict | undefined)[];

type OpenPassage = Extract<Passage, { open: true }>;

const BATCH = 'ingest-batch';
/** After so many batches in a row that were taken, a limit that a 413 lowered is raised again. */
const BATCHES_BEFORE_RAISE = 50;

/** Sends. Never throws meaning: what went wrong is a verdict. */
export class EventSender {
  readonly #options: EventSenderOptions;
  #batchMax = BATCH_EVENTS_MAX;
  #batchesTaken = 0;
  #targets: { readonly endpoint: string; readonly byResource: Map<string, PostTarget> } = {
    endpoint: '',
    byResource: new Map(),
  };
  #failed = 0;
  #batches = 0;
  #lastError: string | undefined;

  constructor(options: EventSenderOptions) {
    this.#options = options;
  }

  /** Requests, and events in batches, that were not answered with success. */
  get failed(): number {
    return this.#failed;
  }

  /** Requests with more than one event. */
  get batches(): number {
    return this.#batches;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** How many events may go into the next request. */
  eventsMax(passage: OpenPassage): number {
    // Where one request finds out whether the service is back, one event is enough.
    if (passage.concurrency === 'one') return 1;
    return this.#options.capabilities.has(passage.endpoint.origin, BATCH) ? this.#batchMax : 1;
  }

  /** Sends these entries in one request, or as many of them as fit. */
  async send(entries: readonly OutboxEntry[]): Promise<SendResults> {
    const unsent: SendResults = entries.map(() => undefined);
    const { gate, signal } = this.#options;
    const passage = gate.pass();
    if (!passage.open || signal.aborted) return unsent;
    const [first] = entries;
    if (entries.length > 1 && this.eventsMax(passage) > 1) return await this.#sendBatch(entries, passage);
    return [await this.#sendOne(first!, passage), ...unsent.slice(1)];
  }

  async #sendOne(entry: OutboxEntry, passage: OpenPassage): Promise<DeliveryVerdict | undefined> {
    const { event, idempotencyKey } = entry;
    const { runtime } = this.#options;
    if (runtime.log.isDebug()) {
      runtime.log.debug('sending a usage event', { idempotencyKey, event: withoutPrompts(event) });
    }
    const headers = { ...this.#headers(passage), 'idempotency-key': idempotencyKey };
    const target = this.#targetOf(passage, resourceOfEvent(event));
    const answer = await this.#post(target, headers, JSON.stringify(event), 0);
    if (answer === undefined) return undefined;
    const verdict = readAnswer(answer, runtime.now());
    this.#options.gate.learn(verdict, passage.apiKey);
    if (verdict.outcome === 'accepted') this.#tellRevision(verdict.revision);
    else this.#noteFailure(verdict, idempotencyKey);
    return verdict;
  }

  async #sendBatch(entries: readonly OutboxEntry[], passage: OpenPassage): Promise<SendResults> {
    const { runtime, gate } = this.#options;
    const { body, taken } = encodeBatch(entries);
    const rest: SendResults = entries.slice(taken).map(() => undefined);
    if (taken === 1) return [await this.#sendOne(entries[0]!, passage), ...rest];
    if (runtime.log.isDebug()) runtime.log.debug('sending usage events', { events: taken, characters: body.length });
    this.#batches += 1;
    const target = this.#targetOf(passage, BATCH_RESOURCE);
    const answer = await this.#post(target, this.#headers(passage), body, BATCH_ANSWER_BYTES_MAX);
    const unsent: SendResults = entries.map(() => undefined);
    if (answer === undefined) return unsent;
    if (answer.kind === 'answer' && answer.status === 413) return this.#halve(taken, unsent);
    if (isRefusedRoute(answer)) return this.#giveUpBatches(passage, answer, unsent);
    const verdict = readAnswer(answer, runtime.now());
    if (verdict.outcome === 'accepted') {
      const verdicts = readBatchResults(answer.kind === 'answer' ? answer.body : '', taken, runtime.now());
      if (verdicts === undefined) return this.#giveUpBatches(passage, answer, unsent);
      gate.learn(verdict, passage.apiKey);
      this.#tellRevision(verdict.revision);
      this.#raise();
      for (const [index, one] of verdicts.entries()) {
        if (one.outcome !== 'accepted') this.#noteFailure(one, entries[index]!.idempotencyKey);
      }
      return [...verdicts, ...rest];
    }
    // Never is a whole batch given up for one answer: what would reject a single event makes them go one by one.
    if (verdict.outcome === 'rejected' || (verdict.outcome === 'retryable' && !verdict.keep)) {
      return this.#giveUpBatches(passage, answer, unsent);
    }
    gate.learn(verdict, passage.apiKey);
    this.#noteFailure(verdict);
    return [...entries.slice(0, taken).map(() => verdict), ...rest];
  }

  /** `undefined`: delivery stops, and nothing is known. */
  async #post(
    target: PostTarget,
    headers: Record<string, string>,
    body: string,
    bodyBytesMax: number,
  ): Promise<DeliveryAnswer | undefined> {
    const { poster, signal, capabilities } = this.#options;
    const answer = await poster.post(target, headers, body, signal, bodyBytesMax);
    if (answer.kind === 'answer') capabilities.learn(target.origin, answer.status, answer.headers);
    return answer.kind === 'none' && signal.aborted ? undefined : answer;
  }

  #headers(passage: OpenPassage): Record<string, string> {
    return {
      'x-api-key': passage.apiKey,
      'content-type': 'application/json',
      accept: 'application/json',
      'user-agent': this.#options.userAgent,
    };
  }

  /** The service takes shorter bodies only: half as many events from now on. */
  #halve(count: number, unsent: SendResults): SendResults {
    this.#batchMax = Math.max(1, Math.floor(count / 2));
    this.#batchesTaken = 0;
    this.#options.runtime.log.debug('a batch of usage events was too long', { events: count });
    return unsent;
  }

  #raise(): void {
    this.#batchesTaken += 1;
    if (this.#batchesTaken % BATCHES_BEFORE_RAISE !== 0) return;
    this.#batchMax = Math.min(BATCH_EVENTS_MAX, this.#batchMax * 2);
  }

  #giveUpBatches(passage: OpenPassage, answer: DeliveryAnswer, unsent: SendResults): SendResults {
    this.#failed += 1;
    this.#lastError = `batch: ${answer.kind === 'answer' ? `HTTP ${answer.status}` : answer.reason}`;
    this.#options.capabilities.refuse(passage.endpoint.origin, BATCH);
    this.#options.runtime.log.debug('usage events go one by one for a time', { reason: this.#lastError });
    return unsent;
  }

  #noteFailure(verdict: Exclude<DeliveryVerdict, { outcome: 'accepted' }>, idempotencyKey?: string): void {
    this.#failed += 1;
    this.#lastError = verdict.reason;
    this.#options.runtime.log.debug('a usage event was not taken', { idempotencyKey, ...verdict });
  }

  #tellRevision(revision: number | undefined): void {
    if (revision === undefined) return;
    try {
      this.#options.onRevision(revision);
    } catch (error) {
      this.#options.runtime.log.error('the listener for revisions failed; please report this', {
        error: String(error),
      });
    }
  }

  /** The address is worked out once: parsing a URL for each event costs more than encoding the event. */
  #targetOf({ endpoint }: OpenPassage, resource: string): PostTarget {
    if (this.#targets.endpoint !== endpoint.href) this.#targets = { endpoint: endpoint.href, byResource: new Map() };
    let target = this.#targets.byResource.get(resource);
    if (target === undefined) {
      const url = resourceUrl(endpoint, resource);
      target = { origin: url.origin, path: url.pathname };
      // Bounded: resources are a closed list (contract 5.1).
      this.#targets.byResource.set(resource, target);
    }
    return target;
  }
}

/** An event as it may be logged: what prompt capture keeps is for the service alone (I12). */
function withoutPrompts(event: OutboxEntry['event']): object {
  const { systemPrompt: _system, inputMessages: _messages, outputResponse: _output, ...rest } = event as UsageEvent;
  return rest;
}
