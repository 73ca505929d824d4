/** What an answer tells while the caller reads it: feeds the usage reader, and ends the attempt once. */
import type { Attempt, AttemptEnd, AttemptFailure } from '../metering/attempt.js';
import type { RequestReading, UsageReader, UsageReading } from '../providers/adapter.js';
import { bedrockEventOf, EventStreamDecoder } from '../providers/aws-event-stream.js';
import { WholeLines } from '../providers/cut/whole-lines.js';
import { SseDecoder, type SseRewrite } from '../providers/sse.js';
import { LINE_BYTES_MAX, LineSplitter } from '../providers/sse-lines.js';
import type { StreamCover, StreamHold } from './stream-cover.js';

/** How an answer is watched. */
export interface WatchOptions {
  /** The caller asked for a stream. */
  readonly streaming: boolean;
  /** The protocol has a last event that says so: a stream that ends without it was cut. */
  readonly endsWithMark?: boolean | undefined;
  /** Changes the events of an event stream on their way to the caller. */
  readonly rewrite?: SseRewrite | undefined;
  /** What a failed read means. Default: an abort is the caller's, anything else a failure. */
  readonly endOf?: ((error: unknown) => AttemptEnd) | undefined;
  /** The request's signal. An abort ends the attempt also where nobody reads at that moment. */
  readonly signal?: AbortSignal | undefined;
  /** What a streamed answer was admitted against: it is counted as it passes, and may have to be cut. */
  readonly cover?: StreamCover | undefined;
}

/** A body that is read as bytes and is to be understood whole is kept up to this size, else its usage is unknown. */
export const WHOLE_BYTES_MAX = 32 * 1024 * 1024;
/** Of an error answer, this much is read for the reason. */
const ERROR_BYTES_MAX = 64 * 1024;
const ERROR_STATUS = 400;

/** Longer events are parsed: a pattern over millions of characters outgrows the stack. */
const SKIM_MAX = 64 * 1024;

const NOTHING = new Uint8Array(0);
const BRACKET = 91;
const BRACE = 123;

/** The head of an answer, as far as watching needs it. */
export interface AnswerHead {
  readonly status: number;
  readonly contentType: string;
}

/** What is told of an answer: an attempt, or who decides in its stead what an end means. */
export type WatchedAttempt = Pick<Attempt, 'answered' | 'progressed' | 'firstToken' | 'outgrew' | 'settle'> & {
  readonly id?: string;
  readonly request?: RequestReading;
  /** What it was admitted against. */
  readonly hold?: StreamHold | undefined;
};

/** Watches one answer. States: open → ended, once. No method throws (I2). */
export class AnswerWatch {
  readonly #attempt: WatchedAttempt;
  readonly #reader: UsageReader;
  readonly #options: WatchOptions;
  readonly #status: number;
  #format: Format | undefined;
  readonly #isOctets: boolean;
  #sse: SseDecoder | undefined;
  #lines: LineSplitter | undefined;
  readonly #cover: StreamCover | undefined;
  #wholeLines: WholeLines | undefined;
  #frames: EventStreamDecoder | undefined;
  #whole: Uint8Array[] = [];
  #wholeBytes = 0;
  #tooLong = false;
  #ended = false;

  constructor(head: AnswerHead, attempt: WatchedAttempt, reader: UsageReader, options: WatchOptions) {
    this.#attempt = attempt;
    this.#reader = reader;
    this.#options = options;
    this.#status = head.status;
    this.#cover = head.status >= ERROR_STATUS ? undefined : options.cover;
    this.#format = formatOf(head, options.streaming);
    this.#isOctets = isOctets(head.contentType.toLowerCase());
    // A body that is read whole fails by itself.
    if (options.signal === undefined || !options.streaming) return;
    // Node keeps some signals alive while they are listened to; a watch must not live as long as they do.
    const watch = new WeakRef<AnswerWatch>(this);
    options.signal.addEventListener('abort', () => watch.deref()?.aborted(), { once: true });
  }

  /** The request was aborted, whether somebody reads or not. */
  aborted(): void {
    this.#settle(this.#endOf(new DOMException('aborted', 'AbortError')));
  }

  /** Whether the bytes that the caller reads may differ from those that came. */
  get rewrites(): boolean {
    if (this.#cover?.cuts === true) return true;
    return this.#options.rewrite !== undefined && (this.#format === undefined || this.#format === 'sse');
  }

  /** What this answer is covered by; absent where nothing is to be waited for and nothing to be cut. */
  get cover(): StreamCover | undefined {
    return this.#cover;
  }

  /** What the answer says by now. */
  reading(): UsageReading {
    const read = this.#reader.reading();
    return this.#cover === undefined ? read : this.#cover.reading(read);
  }

  /** Ends the answer here: returns the bytes that the caller gets in place of all that would have come. */
  cut(): Uint8Array {
    this.#wholeLines = undefined;
    const ending = this.#guarded(() => this.#cover?.cut() ?? NOTHING, NOTHING);
    this.#settle('completed');
    return new Uint8Array(ending);
  }

  /** The caller reads. */
  progressed(): void {
    this.#attempt.progressed();
  }

  /** Takes bytes that came; returns those that the caller gets. */
  bytes(chunk: Uint8Array): Uint8Array {
    try {
      if (!this.#ended) return this.#take(chunk);
      return this.#sse === undefined ? chunk : this.#sse.push(chunk);
    } catch {
      return chunk;
    }
  }

  /** The body ended. Returns bytes that were held back for the caller, mostly none. */
  end(): Uint8Array {
    const held = this.#guarded(() => this.#finish(), NOTHING);
    if (this.#guarded(() => this.#wasCut(), false)) this.#settle('failed', { reason: 'the stream ended early' });
    else this.#settle('completed');
    return held;
  }

  /** The caller read the whole body with `json()`. The value is read and not kept. */
  json(value: unknown): void {
    this.#guarded(() => this.#readWhole(value), undefined);
    this.#settle('completed');
  }

  /** The caller read the whole body with `text()`. Returns the text that the caller gets. */
  text(text: string): string {
    const format = this.#format ?? formatOfText(text, this.#options.streaming);
    if (format === 'json' && !this.#isError()) {
      this.#guarded(() => this.#readText(text), undefined);
      this.#settle('completed');
      return text;
    }
    const passed = this.bytes(Buffer.from(text));
    const held = this.end();
    return this.rewrites ? Buffer.concat([passed, held]).toString('utf8') : text;
  }

  /** The caller stopped reading. */
  cancelled(): void {
    this.#settle('cancelled');
  }

  /** The error that the next read throws: its own read had bytes to give that were held back. */
  deferred: { readonly error: unknown } | undefined;

  /** A read failed. Returns the bytes that were held back, which the caller gets before the error. */
  failed(error: unknown): Uint8Array {
    const held = this.#guarded(() => this.#sse?.abandon() ?? this.#wholeLines?.takeRest() ?? NOTHING, NOTHING);
    this.#settle(this.#endOf(error), { reason: reasonOf(error) });
    return held;
  }

  #wasCut(): boolean {
    const isStream = this.#format === 'sse' || this.#format === 'frames';
    return this.#options.endsWithMark === true && isStream && !this.#reader.reading().finished;
  }

  #endOf(error: unknown): AttemptEnd {
    return this.#options.endOf?.(error) ?? (isAbort(error) ? 'cancelled' : 'failed');
  }

  #take(chunk: Uint8Array): Uint8Array {
    if (this.#isError()) {
      this.#keep(chunk, ERROR_BYTES_MAX);
      return chunk;
    }
    this.#format ??= formatOfBytes(chunk, this.#options.streaming, this.#isOctets);
    if (this.#format === 'sse') {
      const whole = this.#cover?.cuts === true ? passWhole : undefined;
      this.#sse ??= new SseDecoder(({ name, data }) => this.#event(name, data), this.#options.rewrite ?? whole);
      const passed = this.#sse.push(chunk);
      this.#noteOverflow(this.#sse.overflowed);
      this.#cover?.look();
      return passed;
    }
    if (this.#format === 'frames') {
      this.#cover?.cannotEnd();
      this.#frames ??= new EventStreamDecoder((frame) => this.#value(bedrockEventOf(frame)));
      this.#frames.push(chunk);
      this.#noteOverflow(this.#frames.overflowed);
    } else if (this.#format === 'ndjson') {
      this.#lines ??= new LineSplitter((line) => this.#event('', line.toString('utf8')));
      this.#lines.push(chunk);
      this.#noteOverflow(this.#lines.overflowed);
      this.#cover?.look();
      if (this.#cover?.cuts === true) {
        this.#wholeLines ??= new WholeLines();
        return this.#wholeLines.push(chunk);
      }
    } else if (this.#format !== 'binary' && this.#reader.ignoresWhole !== true) {
      this.#keep(chunk, WHOLE_BYTES_MAX);
    }
    return chunk;
  }

  #keep(chunk: Uint8Array, max: number): void {
    this.#wholeBytes += chunk.length;
    if (this.#wholeBytes > max) {
      if (!this.#tooLong && max === WHOLE_BYTES_MAX) this.#attempt.outgrew(max);
      this.#tooLong = true;
      this.#whole = [];
    } else if (!this.#tooLong) this.#whole.push(Buffer.from(chunk));
  }

  #noteOverflow(overflowed: boolean): void {
    if (!overflowed || this.#tooLong) return;
    this.#tooLong = true;
    // What is not seen any more has no events between which it could end.
    this.#cover?.cannotEnd();
    this.#attempt.outgrew(LINE_BYTES_MAX);
  }

  /** A reader that trips over one event must not lose the bytes that are held back behind it. */
  #event(name: string, data: string): void {
    try {
      this.#read(name, data);
    } catch {
      // What this event says is not known; the next one may say more.
    }
  }

  #read(name: string, data: string): void {
    if (data === '' || data === '[DONE]') {
      this.#cover?.gauge.data(data);
      return;
    }
    if (name === '' && data.length <= SKIM_MAX && this.#reader.skim?.(data) === true) {
      this.#attempt.firstToken();
      this.#cover?.gauge.data(data);
      return;
    }
    const value = parsed(data);
    // Some servers name the event `error` and send the bare error object.
    const isBareError = name === 'error' && typeof value === 'object' && value !== null && !('error' in value);
    this.#value(isBareError ? { error: value } : value);
  }

  #value(value: unknown): void {
    if (value === undefined) return;
    this.#attempt.firstToken();
    this.#cover?.gauge.chunk(value);
    this.#reader.chunk(value);
  }

  #finish(): Uint8Array {
    this.#lines?.end();
    const held = this.#sse?.end() ?? this.#wholeLines?.takeRest() ?? NOTHING;
    if (this.#sse === undefined && this.#lines === undefined && this.#whole.length > 0) {
      const text = Buffer.concat(this.#whole).toString('utf8');
      this.#whole = [];
      this.#readText(text);
    }
    return held;
  }

  #readText(text: string): void {
    const value = parsed(text);
    if (value !== undefined || this.#isError()) this.#readWhole(value ?? text);
    else this.#reader.text?.(text);
  }

  #errorText: string | undefined;

  #readWhole(value: unknown): void {
    if (this.#isError()) this.#errorText = errorTextOf(value);
    else if (value !== undefined) this.#reader.whole(value);
  }

  #isError(): boolean {
    return this.#status >= ERROR_STATUS;
  }

  #settle(end: AttemptEnd, failure: AttemptFailure = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#isError()) {
      const reason = this.#errorText ?? failure.reason ?? `HTTP ${this.#status}`;
      this.#attempt.settle('failed', { status: this.#status, reason });
      return;
    }
    const inside = this.#guarded(() => this.#reader.reading().errorReason, undefined);
    if (inside !== undefined) this.#attempt.settle('failed', { reason: inside });
    else this.#attempt.settle(end, end === 'completed' || end === 'cancelled' ? {} : failure);
  }

  #guarded<T>(task: () => T, instead: T): T {
    try {
      return task();
    } catch {
      // A reader that trips over an answer costs that answer's counts, never the answer (I2).
      return instead;
    }
  }
}

/** Events go on as they came, but only when they are whole. */
const passWhole: SseRewrite = (raw) => raw;

type Format = 'sse' | 'ndjson' | 'frames' | 'json' | 'binary';

function formatOf(head: AnswerHead, streaming: boolean): Format | undefined {
  const type = head.contentType.toLowerCase();
  if (type.includes('text/event-stream')) return 'sse';
  if (type.includes('vnd.amazon.eventstream')) return 'frames';
  if (type.includes('ndjson') || type.includes('jsonl')) return 'ndjson';
  if (/^(audio|image|video)\//.test(type)) return 'binary';
  // Files of lines are served as octets too: the results of a batch. The first byte tells.
  if (isOctets(type)) return streaming ? undefined : 'binary';
  // A server may answer a stream with any type, or none; then the first byte tells.
  return streaming ? undefined : 'json';
}

function isOctets(type: string): boolean {
  return type.includes('octet-stream');
}

function formatOfText(text: string, streaming: boolean): Format {
  if (!streaming) return 'json';
  const start = text.trimStart();
  if (start.startsWith('[')) return 'json';
  if (!start.startsWith('{')) return 'sse';
  return parsed(text) === undefined ? 'ndjson' : 'json';
}

/** Of a stream without a telling type: JSON text begins with a brace or a bracket, an event stream with a field or a comment. */
function formatOfBytes(chunk: Uint8Array, streaming: boolean, octets: boolean): Format | undefined {
  const first = chunk.find((byte) => byte > 32);
  if (first === undefined) return streaming ? undefined : 'json';
  if (!streaming || first === BRACKET) return 'json';
  if (first === BRACE) return 'ndjson';
  return octets ? 'binary' : 'sse';
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The message of an error answer: OpenAI's, Ollama's and Azure's shapes, else the text. */
function errorTextOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value.trim() === '' ? undefined : value.trim();
  if (typeof value !== 'object' || value === null) return undefined;
  const { error, message, detail } = value as Record<string, unknown>;
  if (typeof error === 'object' && error !== null) return errorTextOf(error);
  for (const candidate of [error, message, detail]) {
    if (typeof candidate === 'string' && candidate !== '') return candidate;
  }
  return undefined;
}

/** Whether an error is an abort, by its name, as the provider clients tell. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'APIUserAbortError');
}

/** An error's message for the event, with its cause where it has one: "fetch failed" alone says nothing. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error && error.cause.message !== '' ? `: ${error.cause.message}` : '';
  return `${error.message}${cause}`;
}
