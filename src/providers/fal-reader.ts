/** Reads what an answer of fal.ai says was made, and what fal bills for it (contract 6.5). */
import { isRecord } from '../wire/is-record.js';
import type { MediaFields } from '../wire/usage-event.js';
import type { RequestReading, UsageReader, UsageReading } from './adapter.js';
import type { FalRequestReading } from './fal.js';
import { falMediaOf, falResolution, falSeconds } from './fal-input.js';
import { type FalOperation, falOperationOf } from './fal-media.js';
import { falSubtypeOf } from './fal-subtype.js';
import { chatStopReason } from './openai-stop-reason.js';
import { readOpenAIUsage } from './openai-usage.js';

type Fields = Readonly<Record<string, unknown>>;

/** Text kept for the estimate of an answer without counts, in characters (I10). */
const OUTPUT_TEXT_MAX = 1024 * 1024;
/** fal's own request ids; a proxy may put anything into the header. */
const REQUEST_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether an id is one that fal gives to a request: a UUID, unique for ever. */
export function isFalRequestId(id: unknown): id is string {
  return typeof id === 'string' && REQUEST_ID.test(id);
}

/** Reads one answer: of a run, a stream, a submission or a queued request's result. */
export class FalReader implements UsageReader {
  readonly #request: FalRequestReading;
  #responseId: string | undefined;
  #units: number | undefined;
  #answer: Fields | undefined;
  #operation: FalOperation | undefined;
  #text = '';
  #usage: Fields | undefined;
  #finishReason: unknown;
  #errorReason: string | undefined;
  #finished = false;
  #pending = false;

  constructor(request: RequestReading) {
    this.#request = request as FalRequestReading;
    this.#responseId = this.#request.queuedId;
  }

  responseHead(_status: number, header: (name: string) => string | undefined): void {
    const id = header('x-fal-request-id');
    if (this.#responseId === undefined && isFalRequestId(id)) this.#responseId = id;
    const units = Number(header('x-fal-billable-units') || Number.NaN);
    if (Number.isFinite(units) && units >= 0) this.#units = units;
  }

  whole(body: unknown): void {
    if (isRecord(body) && this.#isQueued(body)) {
      this.#responseId = body['request_id'] as string;
      this.#pending = true;
      return;
    }
    this.chunk(body);
    if (this.#errorReason === undefined) this.#finished = true;
  }

  chunk(data: unknown): void {
    if (!isRecord(data)) {
      // Frames of bytes or a bare value: something came, and what it is nobody says.
      this.#answer ??= {};
      return;
    }
    this.#answer = data;
    this.#operation = falOperationOf(data) ?? this.#operation;
    if (isRecord(data['usage'])) this.#usage = data['usage'];
    this.#readText(data);
    const { error } = data;
    const message = isRecord(error) ? error['message'] : error;
    if (typeof message === 'string' && message !== '') this.#errorReason ??= message;
  }

  reading(): UsageReading {
    const operation = this.#operation ?? this.#request.operationType;
    const usage = readOpenAIUsage(this.#usage);
    const cost = this.#usage?.['cost'];
    const isCorrected = operation !== this.#request.operationType;
    const media = operation === 'CHAT' ? undefined : this.#media(operation as FalOperation, isCorrected);
    return known({
      responseId: this.#responseId,
      idsAreUnique: isFalRequestId(this.#responseId) ? true : undefined,
      operationType: isCorrected ? operation : undefined,
      operationSubtype: isCorrected ? this.#subtype(operation as FalOperation) : undefined,
      ...usage,
      rawUsage: this.#usage,
      totalCostUsd: typeof cost === 'number' && cost >= 0 ? cost : undefined,
      stopReason: typeof this.#finishReason === 'string' ? chatStopReason(this.#finishReason) : undefined,
      media,
      isUnknownShape: this.#isUnknown(operation as FalOperation, media) || undefined,
      errorReason: this.#errorReason,
      pending: this.#pending || undefined,
      attributes: this.#units === undefined ? undefined : { billableUnits: this.#units },
      finished: this.#finished,
      outputText: this.#text,
    });
  }

  /** The answer to a submission; to the question for a result where the work is not done. */
  #isQueued(body: Fields): boolean {
    if (typeof body['request_id'] !== 'string') return false;
    const goesOn = body['status'] === 'IN_QUEUE' || body['status'] === 'IN_PROGRESS';
    return this.#request.submits || (goesOn && this.#request.queuedId !== undefined);
  }

  /** `output` of fal's own language endpoints is the whole text so far; a `delta` is what is new. */
  #readText(data: Fields): void {
    const { output, choices } = data;
    if (typeof output === 'string') this.#text = output.slice(0, OUTPUT_TEXT_MAX);
    if (!Array.isArray(choices)) return;
    const choice: unknown = choices[0];
    if (!isRecord(choice)) return;
    const message = isRecord(choice['delta']) ? choice['delta'] : choice['message'];
    const text = isRecord(message) ? message['content'] : undefined;
    if (typeof text === 'string') this.#text = (this.#text + text).slice(0, OUTPUT_TEXT_MAX);
    this.#finishReason = choice['finish_reason'] ?? this.#finishReason;
  }

  #subtype(operation: FalOperation): string | undefined {
    const subtype = falSubtypeOf(operation, this.#request.model ?? '', this.#request.input);
    // Its endpoint's name says nothing of sound: text with times was heard, anything else was made.
    if (operation !== 'AUDIO' || typeof this.#answer?.['text'] !== 'string') return subtype;
    return subtype === 'translation' ? subtype : 'transcription';
  }

  /** What was made. After a correction the facts of the request count as those of the new kind. */
  #media(operation: FalOperation, isCorrected: boolean): MediaFields | undefined {
    const asked = isCorrected
      ? falMediaOf(operation, this.#subtype(operation), this.#request.input)
      : this.#request.media;
    const answer = this.#answer;
    const made = answer === undefined || this.#pending ? {} : madeOf(operation, answer, asked);
    const media = { ...(isCorrected ? asked : {}), ...made };
    if (operation === 'VIDEO') return this.#billed(media);
    return nonEmpty(media);
  }

  /**
   * A credit of a video's event is one unit that fal bills by. Without a length it is the only measure there is; with
   * both, whoever declares prices chooses, so that no unit is named.
   */
  #billed(media: MediaFields): MediaFields | undefined {
    const { durationSeconds } = media;
    if (this.#units === undefined)
      return durationSeconds === undefined ? nonEmpty(media) : { ...media, billingUnit: 'PER_SECOND' };
    const unit = durationSeconds === undefined ? { billingUnit: 'CREDITS' } : {};
    return { ...media, ...unit, creditsConsumed: this.#units };
  }

  /** An answer came, and nothing in it is of a kind that is known. */
  #isUnknown(operation: FalOperation, media: MediaFields | undefined): boolean {
    if (this.#answer === undefined || this.#pending || this.#errorReason !== undefined) return false;
    if (operation === 'CHAT') return this.#text === '' && this.#usage === undefined;
    if (operation === 'IMAGE') return media?.actualImageCount === undefined;
    if (operation === 'AUDIO') return this.#operation === undefined && typeof this.#answer['text'] !== 'string';
    return this.#operation === undefined;
  }
}

function madeOf(operation: FalOperation, answer: Fields, asked: MediaFields | undefined): MediaFields {
  if (operation === 'IMAGE') return imagesOf(answer);
  if (operation === 'AUDIO') return soundOf(answer);
  const video = isRecord(answer['video']) ? answer['video'] : {};
  if (falOperationOf(answer) !== 'VIDEO') return {};
  // A length that was asked for is the one that is made; the answer rarely repeats it.
  const seconds = falSeconds(video['duration']) ?? falSeconds(answer['duration']) ?? asked?.requestedDurationSeconds;
  return known({ durationSeconds: seconds, resolution: falResolution(sized(video)) });
}

function imagesOf(answer: Fields): MediaFields {
  const { images, image } = answer;
  if (Array.isArray(images)) {
    const first: unknown = images[0];
    return known({ actualImageCount: images.length, resolution: falResolution(sized(first)) });
  }
  if (image === undefined || image === null || image === '') return {};
  return known({ actualImageCount: 1, resolution: falResolution(sized(image)) });
}

function soundOf(answer: Fields): MediaFields {
  const audio = isRecord(answer['audio']) ? answer['audio'] : {};
  const seconds =
    falSeconds(audio['duration']) ?? falSeconds(answer['duration']) ?? falSeconds(answer['audio_duration']);
  return known({ durationSeconds: seconds });
}

function nonEmpty(media: MediaFields): MediaFields | undefined {
  return Object.keys(media).length === 0 ? undefined : media;
}

/** Only what has a width and a height has a resolution. */
function sized(value: unknown): unknown {
  return isRecord(value) ? value : undefined;
}

function known<T extends object>(fields: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
