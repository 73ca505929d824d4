/** What an event says of the images, sound and video that it made (contract 5.4 to 5.6). Pure. */
import { parseScaled } from './decimal.js';

/** What an event is: decided by the route that it came in by. */
export type EventKind = 'completion' | 'image' | 'audio' | 'video' | 'tool' | 'event';

/**
 * The units that media are billed by. What the event did not say is `undefined`, never 0 (I5). Counts are whole and not
 * negative; `requestedImages` is what was asked for, `images` what came.
 */
export interface MediaFacts {
  readonly images: number | undefined;
  readonly requestedImages: number | undefined;
  readonly characters: number | undefined;
  readonly durationMs: number | undefined;
  readonly requestedDurationMs: number | undefined;
  readonly inputAudioTokens: number | undefined;
  readonly outputAudioTokens: number | undefined;
  readonly creditsNano: bigint | undefined;
  /** Nano-dollars a credit. */
  readonly creditRateNanoUsd: bigint | undefined;
  readonly billingUnit: string | undefined;
  readonly subtype: string | undefined;
  readonly resolution: string | undefined;
  readonly aspectRatio: string | undefined;
  readonly quality: string | undefined;
  readonly style: string | undefined;
  readonly fps: number | undefined;
}

/** What an event adds to the media metrics; all 0 where it failed and made nothing. */
export interface MediaCounts {
  readonly imageCount: number;
  readonly videoCount: number;
  readonly audioCount: number;
  readonly characterCount: number;
  readonly creditsNano: bigint;
}

type Json = Readonly<Record<string, unknown>>;

/** An event of another kind makes no media. */
export const NO_MEDIA: MediaCounts = {
  imageCount: 0,
  videoCount: 0,
  audioCount: 0,
  characterCount: 0,
  creditsNano: 0n,
};
/** Beyond these an amount is nonsense; it is cut, so that no sum of a window leaves 64 bits. The body keeps what came. */
const COUNT_MAX = 1_000_000_000_000;
const CREDITS_MAX_NANO = 1_000_000_000_000_000n;

/** Reads the media part of a canonical body; `undefined` for the kinds without one. */
export function mediaFactsOf(kind: EventKind, body: Json): MediaFacts | undefined {
  if (kind !== 'image' && kind !== 'audio' && kind !== 'video') return undefined;
  return {
    images: count(body['actualImageCount']),
    requestedImages: count(body['requestedImageCount']),
    characters: count(body['characterCount']),
    durationMs: milliseconds(body['durationSeconds']),
    requestedDurationMs: milliseconds(body['requestedDurationSeconds']),
    inputAudioTokens: count(body['inputAudioTokenCount']),
    outputAudioTokens: count(body['outputAudioTokenCount']),
    creditsNano: nano(body['creditsConsumed']),
    creditRateNanoUsd: nano(body['creditRate']),
    billingUnit: text(body['billingUnit']),
    subtype: text(body['operationSubtype']),
    resolution: text(body['resolution']),
    aspectRatio: text(body['aspectRatio']),
    quality: text(body['quality']),
    style: text(body['style']),
    fps: count(body['fps']),
  };
}

/**
 * IMAGE_COUNT: the images that came, else those that were asked for. VIDEO_COUNT and AUDIO_COUNT: 1 for each event.
 * An event that failed counts what it says it made, and nothing that was only asked for.
 */
export function mediaCountsOf(kind: EventKind, media: MediaFacts | undefined, failed: boolean): MediaCounts {
  if (media === undefined) return NO_MEDIA;
  const made = failed ? 0 : 1;
  return {
    imageCount: kind === 'image' ? (media.images ?? (failed ? 0 : (media.requestedImages ?? 0))) : 0,
    videoCount: kind === 'video' ? made : 0,
    audioCount: kind === 'audio' ? made : 0,
    characterCount: media.characters ?? 0,
    creditsNano: media.creditsNano ?? 0n,
  };
}

function count(value: unknown): number | undefined {
  if (typeof value !== 'number' || !(value >= 0)) return undefined;
  return Math.min(Math.floor(value), COUNT_MAX);
}

/** Whole milliseconds, rounded half up on the decimal text: no arithmetic on the float. */
function milliseconds(value: unknown): number | undefined {
  const parsed = scaled(value, 3);
  return parsed === undefined ? undefined : Math.min(Number(parsed), COUNT_MAX);
}

function nano(value: unknown): bigint | undefined {
  const parsed = scaled(value, 9);
  return parsed === undefined || parsed <= CREDITS_MAX_NANO ? parsed : CREDITS_MAX_NANO;
}

function scaled(value: unknown, digits: number): bigint | undefined {
  if (typeof value !== 'number') return undefined;
  const parsed = parseScaled(String(value), digits);
  return parsed === undefined || parsed < 0n ? undefined : parsed;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
