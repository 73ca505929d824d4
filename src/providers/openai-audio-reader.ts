/** Reads what answers of the audio endpoints say was spoken or heard (contract 5.5). */
import type { MediaFields } from '../wire/usage-event.js';
import type { UsageReading } from './adapter.js';
import { secondsOf } from './openai-media-request.js';
import { OpenAIReader } from './openai-reader.js';
import { countOf, recordOf, textOf } from './values.js';

/** Speech. The answer is sound that nobody has to look into; only its event stream tells tokens. */
export class SpeechReader extends OpenAIReader {
  /** The sound is not kept: its bytes say nothing. */
  readonly ignoresWhole = true;
  #spoken: number | undefined;

  whole(): void {
    this.finished = true;
  }

  chunk(data: unknown): void {
    const event = recordOf(data);
    if (event === undefined) return;
    this.error(event['type'] === 'error' ? (event['error'] ?? event) : event['error']);
    if (event['type'] !== 'speech.audio.done') return;
    this.usage(event['usage']);
    this.#spoken = countOf(recordOf(event['usage'])?.['output_tokens']);
    this.finished = true;
  }

  override reading(): UsageReading {
    const reading = super.reading();
    if (this.#spoken === undefined) return reading;
    return { ...reading, media: { outputAudioTokenCount: this.#spoken, billingUnit: 'PER_TOKEN' } };
  }
}

/** Transcription and translation: JSON, an event stream, or subtitles, whose last time is about the recording's length. */
export class TranscriptReader extends OpenAIReader {
  #media: MediaFields = {};
  #isByTokens = false;
  #isGuess = false;

  whole(body: unknown): void {
    const answer = recordOf(body);
    if (answer === undefined) return;
    this.error(answer['error']);
    this.#last(answer);
  }

  /** An answer that is no JSON: plain text, which says nothing, or subtitles. */
  text(text: string): void {
    this.addText(text);
    this.finished = true;
    const seconds = lastTimeOf(text);
    if (seconds === undefined) return;
    this.#media = { durationSeconds: seconds };
    this.#isGuess = true;
  }

  chunk(data: unknown): void {
    const event = recordOf(data);
    if (event === undefined) return;
    this.error(event['type'] === 'error' ? (event['error'] ?? event) : event['error']);
    if (event['type'] === 'transcript.text.delta') this.addText(event['delta']);
    if (event['type'] === 'transcript.text.done') this.#last(event);
  }

  override reading(): UsageReading {
    const reading = super.reading();
    const billingUnit = this.#isByTokens ? 'PER_TOKEN' : 'PER_MINUTE';
    const isKnown = this.#isByTokens || this.#media.durationSeconds !== undefined;
    const media = { ...reading.media, ...this.#media, ...(isKnown ? { billingUnit } : {}) };
    return { ...reading, media, isPartial: this.#isGuess };
  }

  /** Whole answers and the last event of a stream have the same fields. */
  #last(answer: Record<string, unknown>): void {
    const text = textOf(answer['text']);
    if (text === undefined && answer['usage'] === undefined && answer['duration'] === undefined) return;
    this.addText(text);
    this.usage(answer['usage']);
    const usage = recordOf(answer['usage']);
    const seconds = secondsOf(usage?.['seconds']) ?? secondsOf(answer['duration']);
    const language = textOf(answer['language']);
    this.#isByTokens = countOf(usage?.['total_tokens'] ?? usage?.['input_tokens']) !== undefined;
    this.#media = {
      ...(seconds === undefined ? {} : { durationSeconds: seconds }),
      ...(language === undefined ? {} : { language }),
    };
    this.finished = true;
  }
}

const TIME = /(?:(\d{1,4}):)?(\d{1,2}):(\d{2})[.,](\d{3})/g;

/** The latest time of a text in SRT or WebVTT, in seconds. Speech after which silence follows is shorter. */
function lastTimeOf(text: string): number | undefined {
  if (!text.includes('-->')) return undefined;
  let last: number | undefined;
  for (const [, hours = '0', minutes, seconds, thousandths] of text.matchAll(TIME)) {
    const at = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds) + Number(thousandths) / 1000;
    last = Math.max(last ?? 0, at);
  }
  return last;
}
