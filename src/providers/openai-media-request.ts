/** What a request for images, sound or film asks for (contract 5.4 to 5.6). Pure; forms are read as well as JSON. */
import type { MediaFields } from '../wire/usage-event.js';
import { textOf } from './values.js';

type Body = Readonly<Record<string, unknown>>;

/** The media part of a request to `endpoint`, or `undefined` where the endpoint makes none. */
export function openAIMediaAsked(endpoint: string, body: Body): MediaFields | undefined {
  switch (endpoint) {
    case 'images.generations':
    case 'images.edits':
    case 'images.variations':
      return clean(images(endpoint, body));
    case 'audio.speech':
      return clean(speech(body));
    case 'audio.transcriptions':
    case 'audio.translations':
      return clean(transcript(endpoint, body));
    case 'videos':
    case 'videos.edits':
    case 'videos.extensions':
    case 'videos.remix':
      return clean(video(endpoint, body));
    default:
      return undefined;
  }
}

function images(endpoint: string, body: Body): MediaFields {
  return {
    requestedImageCount: countAsked(body['n']),
    // Only these are billed by the image; of the others the answer tells by what.
    billingUnit: /^dall-e/.test(textOf(body['model']) ?? '') ? 'PER_IMAGE' : undefined,
    resolution: chosen(body['size']),
    quality: chosen(body['quality']),
    style: chosen(body['style']),
    format: chosen(body['output_format']),
    sourceImageProvided: endpoint === 'images.generations' ? undefined : true,
  } as MediaFields;
}

function speech(body: Body): MediaFields {
  const input = textOf(body['input']);
  return {
    characterCount: input === undefined ? undefined : characters(input),
    // These are billed by tokens, which only an event stream tells: their characters have no price.
    billingUnit: /^gpt-/.test(textOf(body['model']) ?? '') ? undefined : 'PER_CHARACTER',
    voice: textOf(body['voice']),
    audioFormat: textOf(body['response_format']),
  } as MediaFields;
}

function transcript(endpoint: string, body: Body): MediaFields {
  const isTranslation = endpoint === 'audio.translations';
  const language = textOf(body['language']);
  return {
    responseFormat: textOf(body['response_format']),
    language,
    sourceLanguage: isTranslation ? language : undefined,
    targetLanguage: isTranslation ? 'en' : undefined,
  } as MediaFields;
}

function video(endpoint: string, body: Body): MediaFields {
  return {
    requestedDurationSeconds: secondsOf(body['seconds']),
    resolution: textOf(body['size']),
    asyncOperation: true,
    billingUnit: 'PER_SECOND',
    sourceImageProvided: endpoint === 'videos' && 'input_reference' in body ? true : undefined,
  } as MediaFields;
}

/** `n`: a number, or its text in a form. One image where nothing is said. */
function countAsked(value: unknown): number {
  const count = typeof value === 'string' ? Number(value) : value;
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : 1;
}

/** Seconds of film: a number, or its text (`'8'`). */
export function secondsOf(value: unknown): number | undefined {
  const seconds = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}

/** `auto` is no choice: what came of it is in the answer. */
function chosen(value: unknown): string | undefined {
  const text = textOf(value);
  return text === 'auto' ? undefined : text;
}

/** Characters as people count them, not UTF-16 units. */
function characters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

function clean(media: MediaFields): MediaFields {
  return Object.fromEntries(Object.entries(media).filter(([, value]) => value !== undefined)) as MediaFields;
}
