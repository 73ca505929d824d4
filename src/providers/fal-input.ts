/** What the input of a request to fal.ai says of what is to be made (contract 5.4 to 5.6, 6.5). */
import { isRecord } from '../wire/is-record.js';
import type { MediaFields } from '../wire/usage-event.js';
import type { CapturedPrompts } from './adapter.js';
import { type FalOperation, hasSourceImage } from './fal-media.js';
import { countOf, textOf } from './values.js';

type Input = Readonly<Record<string, unknown>>;

const DEFAULT_FRAMES_PER_SECOND = 0;

/** The facts of one kind of endpoint that its input gives. */
export function falMediaOf(
  operation: FalOperation,
  subtype: string | undefined,
  input: Input,
): MediaFields | undefined {
  if (operation === 'IMAGE') return imageFacts(input);
  if (operation === 'VIDEO') return videoFacts(input);
  return operation === 'AUDIO' ? soundFacts(subtype, input) : undefined;
}

function imageFacts(input: Input): MediaFields {
  return known({
    // fal makes one image where nobody says how many.
    requestedImageCount: countOf(input['num_images']) ?? 1,
    billingUnit: 'PER_IMAGE',
    resolution: falResolution(input['image_size']) ?? textOf(input['resolution']),
    aspectRatio: textOf(input['aspect_ratio']),
    quality: textOf(input['quality']),
    style: textOf(input['style']),
    format: textOf(input['output_format']),
    sourceImageProvided: hasSourceImage(input) ? true : undefined,
  });
}

function videoFacts(input: Input): MediaFields {
  return known({
    requestedDurationSeconds: falSeconds(input['duration']) ?? secondsOfFrames(input),
    resolution: textOf(input['resolution']) ?? falResolution(input['video_size']),
    aspectRatio: textOf(input['aspect_ratio']),
    quality: textOf(input['quality']),
    fps: countOf(input['fps'] ?? input['frames_per_second']),
    sourceImageProvided: hasSourceImage(input) ? true : undefined,
  });
}

function soundFacts(subtype: string | undefined, input: Input): MediaFields {
  const common = {
    language: textOf(input['language']) ?? textOf(input['language_code']),
    voice: textOf(input['voice']) ?? textOf(input['voice_id']),
    audioFormat: textOf(input['output_format']) ?? textOf(input['audio_format']),
  };
  if (subtype === 'transcription' || subtype === 'translation') return known({ ...common, billingUnit: 'PER_MINUTE' });
  if (subtype === 'tts') {
    // Of most endpoints `text`; kokoro's and dia's kin call it `prompt`.
    const text = textOf(input['text']) ?? textOf(input['prompt']) ?? textOf(input['gen_text']);
    return known({
      ...common,
      billingUnit: 'PER_CHARACTER',
      characterCount: text === undefined ? undefined : lengthOf(text),
    });
  }
  const seconds = falSeconds(input['duration'] ?? input['seconds_total'] ?? input['duration_seconds']);
  return known({ ...common, billingUnit: 'PER_SECOND', requestedDurationSeconds: seconds });
}

/** Characters as a person counts them: a pair of surrogates is one. */
function lengthOf(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** `5`, `"5"`, `"8s"`: seconds. Anything else is unknown, `"auto"` too. */
export function falSeconds(value: unknown): number | undefined {
  const seconds = typeof value === 'string' && /^\d+(?:\.\d+)?\s*s?$/.test(value) ? Number.parseFloat(value) : value;
  return typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}

function secondsOfFrames(input: Input): number | undefined {
  const frames = countOf(input['num_frames']);
  const perSecond = countOf(input['frames_per_second'] ?? input['fps']) ?? DEFAULT_FRAMES_PER_SECOND;
  return frames === undefined || perSecond === 0 ? undefined : Math.round((frames / perSecond) * 1_000) / 1_000;
}

/** `WxH` of an object with both; a name such as `landscape_4_3` stays what it is. */
export function falResolution(value: unknown): string | undefined {
  if (!isRecord(value)) return textOf(value);
  const width = countOf(value['width']);
  const height = countOf(value['height']);
  return width === undefined || height === undefined ? undefined : `${width}x${height}`;
}

/** The texts that a model reads, for the estimate of an answer without counts. */
export function falPromptText(input: Input): string {
  const parts = [input['system_prompt'], input['prompt'], input['text'], input['negative_prompt']];
  const messages = Array.isArray(input['messages']) ? input['messages'].map(messageText) : [];
  return [...parts, ...messages].filter((part) => typeof part === 'string' && part !== '').join('\n');
}

/** The prompt as capture keeps it: prompts are no messages here, and are told as one of the user's. */
export function falPrompts(input: Input): CapturedPrompts {
  const systemPrompt = textOf(input['system_prompt']);
  const text = textOf(input['prompt']) ?? textOf(input['text']);
  const messages = Array.isArray(input['messages']) ? (input['messages'] as unknown[]) : [];
  const inputMessages = text === undefined ? messages : [...messages, { role: 'user', content: text }];
  return { systemPrompt, inputMessages: inputMessages.length === 0 ? undefined : inputMessages };
}

function messageText(message: unknown): string {
  const content = isRecord(message) ? message['content'] : undefined;
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => (isRecord(part) && typeof part['text'] === 'string' ? part['text'] : '')).join('\n');
}

/** Leaves out what is not known. */
function known(fields: { readonly [K in keyof MediaFields]: MediaFields[K] | undefined }): MediaFields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as MediaFields;
}
