/**
 * What an answer through the gateway says of its usage: the adapter's reading, completed by an estimate wherever the
 * adapter must say that it does not know. A garbled answer is then neither free nor, as an unknown price, a reason to
 * refuse its customer for the rest of the month.
 */
import {
  type AttemptSink,
  COUNT_MAX,
  type RequestReading,
  type StreamCover,
  type UsageReader,
  type UsageReading,
} from 'fusewire/internal';
import type { GatewayCall } from '../types.js';

/** For bytes in which no text was found. */
const BYTES_PER_TOKEN = 4;

/** Reads one answer. Tells the raw reading while it is watched, and the completed one when it is settled. */
export class AnswerUsage implements UsageReader {
  /** Bytes of the answer's body so far. */
  bodyBytes = 0;
  /** Nothing was computed: the upstream was not reached, or answered with an error. What it did not report is zero. */
  isUnbilled = false;
  /** Of a stream under a hold: counts what passes. */
  cover: StreamCover | undefined;
  readonly #call: GatewayCall;
  readonly #inner: UsageReader;
  readonly #sink: AttemptSink;
  /** Pieces of the answer that were read: about one token each where Ollama streams. */
  #pieces = 0;

  constructor(call: GatewayCall, sink: AttemptSink) {
    this.#call = call;
    this.#inner = call.adapter.createUsageReader(call.reading);
    this.#sink = sink;
  }

  get ignoresWhole(): boolean {
    return this.#inner.ignoresWhole === true;
  }

  responseHead(status: number, header: (name: string) => string | undefined): void {
    this.#inner.responseHead?.(status, header);
  }

  whole(body: unknown): void {
    this.#pieces += 1;
    this.#inner.whole(body);
  }

  text(text: string): void {
    this.#inner.text?.(text);
  }

  chunk(data: unknown): void {
    this.#pieces += 1;
    this.#inner.chunk(data);
  }

  skim(data: string): boolean {
    if (this.#inner.skim?.(data) !== true) return false;
    this.#pieces += 1;
    return true;
  }

  reading(): UsageReading {
    return this.#inner.reading();
  }

  /** What is metered. */
  settled(): UsageReading {
    const said = this.#inner.reading();
    const read = possible(this.cover === undefined ? said : this.cover.reading(said));
    if (this.isUnbilled) return unbilled(read);
    if (isMedia(this.#call.reading, read)) return this.#media(read);
    if (isCounted(read)) return withOwnId(read);
    if (isRefusal(read, this.bodyBytes)) return { ...withOwnId(read), inputTokens: 0, outputTokens: 0 };
    return this.#estimated(read);
  }

  #estimated(read: UsageReading): UsageReading {
    const { bound, reading } = this.#call;
    const inputTokens = read.inputTokens ?? this.#sink.estimateTokens(reading.promptText());
    const reported = read.outputTokens ?? 0;
    // Where the request names no limit, the bound is what was assumed, and a hold may have grown beyond it.
    const passed = bound.isOutputLimited ? 0 : (this.cover?.gauge.outputTokens ?? 0);
    const most = Math.max(bound.outputTokensMax, passed);
    const outputTokens = Math.max(reported, Math.min(this.#outputSeen(read), most));
    return {
      ...withOwnId(read),
      inputTokens,
      outputTokens,
      totalTokens: undefined,
      pending: false,
      isPartial: true,
      isUnknownShape: false,
      // It is counted above, and bounded; only where it is to be kept it is needed once more.
      outputText: this.#sink.capture === undefined ? '' : read.outputText,
    } as UsageReading;
  }

  /** Tokens of what came, as far as anybody can tell. */
  #outputSeen(read: UsageReading): number {
    // Work that goes on behind this answer is not seen again: it is taken for as long as it can be.
    if (read.pending === true) return this.#call.bound.outputTokensMax;
    const isOllama = this.#call.upstream.protocol === 'ollama' && this.#call.reading.streaming;
    const pieces = isOllama ? this.#pieces : 0;
    if (read.outputText !== '') return Math.max(pieces, this.#sink.estimateTokens(read.outputText));
    const isUnread = this.#pieces === 0 || read.isUnknownShape === true || isNameless(read);
    return Math.max(pieces, isUnread ? Math.ceil(this.bodyBytes / BYTES_PER_TOKEN) : 0);
  }

  /** Where neither side says how long it takes, it is as long as it can be at most. */
  #media(read: UsageReading): UsageReading {
    const { bound, reading } = this.#call;
    const own = { ...withOwnId(read), pending: false, isUnknownShape: false };
    const operation = read.operationType ?? reading.operationType;
    const known = { ...reading.media, ...read.media };
    const isMeasured =
      operation === 'IMAGE' ||
      (known.durationSeconds ?? known.characterCount ?? known.requestedDurationSeconds) !== undefined ||
      (known.inputAudioTokenCount ?? known.outputAudioTokenCount ?? known.creditsConsumed) !== undefined;
    if (isMeasured || bound.mediaSeconds === 0 || (read.totalTokens ?? 0) > 0) return own;
    return { ...own, isPartial: true, media: { ...read.media, durationSeconds: bound.mediaSeconds } };
  }
}

/**
 * Counts that cannot be are none: more than an event can hold, or a text that took no token at all. What came is
 * estimated then, as where nothing was said.
 */
function possible(read: UsageReading): UsageReading {
  const { inputTokens = 0, outputTokens = 0, totalTokens = 0, reasoningTokens = 0, cacheReadTokens = 0 } = read;
  const most = Math.max(inputTokens + outputTokens, totalTokens, reasoningTokens, cacheReadTokens);
  const isEmpty = read.outputText !== '' && (read.outputTokens ?? read.totalTokens) === 0;
  if (most <= COUNT_MAX && !isEmpty) return read;
  const kept: { -readonly [Name in keyof UsageReading]: UsageReading[Name] } = { ...read };
  const isInputKnown = most <= COUNT_MAX && inputTokens > 0;
  for (const name of COUNTS) if (name !== 'inputTokens' || !isInputKnown) delete kept[name];
  return kept;
}

const COUNTS = [
  ...(['inputTokens', 'outputTokens', 'totalTokens', 'reasoningTokens', 'cacheReadTokens'] as const),
  ...(['cacheWriteTokens', 'cacheWrite5mTokens', 'cacheWrite1hTokens'] as const),
];

/** Nothing of it is estimated, whatever shape a redirect or an error has. */
function unbilled(read: UsageReading): UsageReading {
  const { inputTokens = 0, outputTokens = 0 } = read;
  return { ...withOwnId(read), inputTokens, outputTokens, isPartial: false, pending: false, outputText: '' };
}

/** The transaction id of the gateway's events is its own, whatever an answer says of its id. */
function withOwnId(read: UsageReading): UsageReading {
  return read.idsAreUnique === true ? { ...read, idsAreUnique: false } : read;
}

function isMedia(request: RequestReading, read: UsageReading): boolean {
  const operation = read.operationType ?? request.operationType;
  return operation === 'IMAGE' || operation === 'AUDIO' || operation === 'VIDEO';
}

/** Both counts are there and final, or the one that such an answer has. */
function isCounted(read: UsageReading): boolean {
  if (read.isPartial === true || read.pending === true) return false;
  if (read.totalTokens !== undefined) return true;
  if (read.inputTokens === undefined) return false;
  return read.outputTokens !== undefined || (read.finished && read.outputText === '');
}

/** Nothing in it was understood: every answer of every protocol names its model or itself. */
function isNameless({ model, responseId, errorReason }: UsageReading): boolean {
  return model === undefined && responseId === undefined && errorReason === undefined;
}

/** An error inside the answer, before anything else was in it. */
function isRefusal(read: UsageReading, bodyBytes: number): boolean {
  const { inputTokens, outputTokens, totalTokens, outputText, errorReason } = read;
  const counts = inputTokens ?? outputTokens ?? totalTokens;
  return errorReason !== undefined && bodyBytes > 0 && outputText === '' && counts === undefined;
}
