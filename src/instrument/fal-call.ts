/** One call of fal's client, from its method to its requests. */
import type { Admission, CallPath } from '../call.js';
import type { Attempt } from '../metering/attempt.js';
import { type FalRequestReading, falAdapter, readFalRequest } from '../providers/fal.js';
import { falUrlOf } from '../providers/fal-url.js';
import type { FalOptions } from './fal-client.js';
import { nameAdjustment, TRANSACTION_ID_PROPERTY } from './metered-call.js';
import { carriedMetadata, withoutMetadata } from './split-usage-metadata.js';

/** What a request of the client belongs to. */
export interface FalScope {
  readonly call?: FalCall;
  readonly metadata: unknown;
  /** The endpoint that a queued request was asked about with. */
  readonly endpointId?: string;
  /** The subscription around a submission. */
  readonly outer?: FalScope;
  /** Under which a subscription was queued. */
  requestId?: string;
}

/** A call of `run`, `stream` or `queue.submit`. */
export class FalCall {
  readonly method: 'run' | 'stream' | 'submit';
  /** What the client gets: as given, without usage metadata. */
  readonly options: FalOptions | undefined;
  readonly metadata: unknown;
  readonly reading: FalRequestReading | undefined;
  readonly #path: CallPath;
  #admission: Admission | undefined;
  #attempt: Attempt | undefined;

  constructor(
    path: CallPath,
    method: FalCall['method'],
    options: FalOptions | undefined,
    metadata: unknown,
    reading: FalRequestReading | undefined,
    admission: Admission | undefined,
  ) {
    this.#path = path;
    this.method = method;
    this.options = options;
    this.metadata = metadata;
    this.reading = reading;
    this.#admission = admission;
  }

  get wasSent(): boolean {
    return this.#attempt !== undefined;
  }

  /** Whether a request that was seen leaving is this call's, and not an upload for it. */
  isFor(reading: FalRequestReading): boolean {
    return reading.kind === 'call' && this.reading !== undefined && reading.submits === this.reading.submits;
  }

  /** The call's reading for a request to a host that is not fal's: a middleware of the program sends it elsewhere. */
  readingAt(url: string): FalRequestReading | undefined {
    const { model } = this.reading ?? {};
    return model !== undefined && model !== '' && pathOf(url).includes(model) ? this.reading : undefined;
  }

  /** The decision, for the first request; a retry is decided anew. */
  takeAdmission(): Admission | undefined {
    const admission = this.#admission;
    this.#admission = undefined;
    return admission;
  }

  /** The method is over: where no request was seen leaving for it, nothing is held for one. */
  unsent(): void {
    this.#admission?.hold?.release();
  }

  /** A request of this call is an attempt. */
  began(attempt: Attempt): void {
    this.#attempt = attempt;
  }

  /** Begins the attempt of a call whose request nobody saw. */
  begin(): Attempt {
    const admission = this.takeAdmission() ?? this.#path.admit(this.reading as FalRequestReading, this.metadata);
    this.#attempt = this.#path.begin(admission);
    return this.#attempt;
  }

  /** Meters a call whose request nobody saw from what it returned. */
  whole(value: unknown): void {
    if (this.reading === undefined) return;
    const reader = falAdapter.createUsageReader(this.reading);
    const attempt = this.begin();
    const data: unknown = Reflect.get(Object(value), 'data');
    const requestId: unknown = Reflect.get(Object(value), 'requestId');
    reader.responseHead?.(200, (name) => (name === 'x-fal-request-id' ? String(requestId) : undefined));
    reader.whole(data ?? value);
    attempt.answered(() => reader.reading());
    attempt.settle(reader.reading().errorReason === undefined ? 'completed' : 'failed');
  }

  /** Names the usage event on what the call returned; a frozen answer goes without. */
  expose(value: unknown): void {
    if (this.#attempt === undefined) return;
    nameEvent(value, this.#attempt.transactionId);
    if (typeof value === 'object' && value !== null) nameAdjustment(value, this.#attempt.adjustment);
  }
}

/** Puts the id of the usage event on an answer, unseen. */
export function nameEvent(value: unknown, transactionId: string): void {
  if (typeof value !== 'object' || value === null) return;
  Reflect.defineProperty(value, TRANSACTION_ID_PROPERTY, {
    value: transactionId,
    enumerable: false,
    configurable: true,
    writable: true,
  });
}

/** The options without usage metadata, which may stand beside the input or in it. The caller's objects stay as they are. */
export function splitOptions(options: FalOptions | undefined): { options: FalOptions | undefined; metadata: unknown } {
  if (typeof options !== 'object' || options === null) return { options, metadata: undefined };
  const own = carriedMetadata(options);
  const clean = own.carried ? withoutMetadata(options) : options;
  const { input } = options;
  if (typeof input !== 'object' || input === null) return { options: clean, metadata: own.metadata };
  const inside = carriedMetadata(input);
  const metadata = own.metadata ?? inside.metadata;
  return { options: inside.carried ? { ...clean, input: withoutMetadata(input) } : clean, metadata };
}

/** Reads a call before it makes a request. */
export function readingOfCall(
  method: FalCall['method'],
  endpointId: string,
  options: FalOptions | undefined,
): FalRequestReading | undefined {
  const request = { method: (options?.method ?? 'post').toUpperCase(), body: options?.input };
  if (method === 'stream') {
    const path = String(endpointId).endsWith('/stream') ? '' : '/stream';
    const reading = readFalRequest({ ...request, url: options?.url ?? falUrlOf(String(endpointId), { path }) });
    return reading === undefined ? undefined : { ...reading, endpoint: 'stream', streaming: true };
  }
  const subdomain = method === 'submit' ? { subdomain: 'queue' } : {};
  const webhook = method === 'submit' && options?.webhookUrl !== undefined ? '?fal_webhook=1' : '';
  return readFalRequest({ ...request, url: `${falUrlOf(String(endpointId), subdomain)}${webhook}` });
}

function pathOf(url: string): string {
  return url.replace(/^[a-z]+:\/\/[^/]*/i, '').replace(/[?#].*$/s, '');
}
