/** Calls of models that embed, rank, draw, speak and hear: what is asked of each kind, and what its answers say. Pure. */
import { boundOfValue } from '../bound/parsed-body.js';
import type { CallBound } from '../bound/types.js';
import type { RequestReading, UsageReading } from '../providers/adapter.js';
import { readOpenAIUsage } from '../providers/openai-usage.js';
import { countOf, listOf, textOf } from '../providers/values.js';
import type { MediaFields } from '../wire/usage-event.js';
import { readingOf } from './language-reading.js';
import { promptTextOf } from './prompt.js';
import { readAiProvider } from './provider-names.js';
import { type AiModel, amountOf, type Fields, fieldsOf, present, readSafely } from './structure.js';

/** The kinds of models beside language models. */
export type ModelKind = 'embedding' | 'image' | 'speech' | 'transcription' | 'reranking';

interface Kind {
  /** The model's method that computes. */
  readonly method: string;
  read(params: Fields, model: string): Pick<RequestReading, 'operationType' | 'operationSubtype' | 'media'>;
  answer(result: Fields): Partial<UsageReading>;
  text(params: Fields): string;
}

/** Models that are billed by tokens, which the SDK mostly does not hand on: then seconds and characters have no price. */
const BY_TOKENS = /^(chat)?gpt-/;

/** Each kind: how it is asked, what of it is billed, and what its answer says. */
export const KINDS: Readonly<Record<ModelKind, Kind>> = {
  embedding: {
    method: 'doEmbed',
    read: () => ({ operationType: 'EMBED' }),
    answer: (result) => ({ ...given('inputTokens', countOf(fieldsOf(result['usage'])['tokens'])) }),
    text: (params) => listOf(params['values']).map(wordsOf).join('\n'),
  },
  reranking: {
    method: 'doRerank',
    read: () => ({ operationType: 'RERANK' }),
    answer: () => ({}),
    text: (params) => [params['query'], ...listOf(fieldsOf(params['documents'])['values'])].map(wordsOf).join('\n'),
  },
  image: { method: 'doGenerate', read: readImage, answer: readImages, text: (params) => wordsOf(params['prompt']) },
  speech: {
    method: 'doGenerate',
    read: (params, model) => ({ operationType: 'AUDIO', operationSubtype: 'tts', media: spoken(params, model) }),
    answer: readSpeech,
    text: (params) => wordsOf(params['text']),
  },
  transcription: {
    method: 'doGenerate',
    read: (_params, model) => ({
      operationType: 'AUDIO',
      operationSubtype: 'transcription',
      media: BY_TOKENS.test(model) ? {} : { billingUnit: 'PER_MINUTE' },
    }),
    answer: readTranscript,
    text: () => '',
  },
};

/** Reads the call options of a model that is no language model. Never throws. */
export function readMediaCall(kind: ModelKind, model: AiModel, params: Fields, streaming = false): RequestReading {
  const { method, read, text } = KINDS[kind];
  const asked = readSafely(() => read(params, textOf(model.modelId) ?? ''), { operationType: 'OTHER' as const });
  const prompt = () => readSafely(() => text(params), promptTextOf(params));
  const name = method === 'doGenerate' ? kind : method.slice(2).toLowerCase();
  return readingOf(model, {
    endpoint: `ai-sdk.${name}${streaming ? '.stream' : ''}`,
    ...asked,
    streaming,
    promptText: prompt,
    prompts: () => ({ inputMessages: [prompt()] }),
    bound: (assumed) => mediaBound(kind, { ...asked, provider: readAiProvider(model).provider }, params, assumed),
  });
}

/** As the endpoints of OpenAI are bounded that do the same. */
function mediaBound(
  kind: ModelKind,
  asked: Pick<RequestReading, 'operationType' | 'media' | 'provider'>,
  params: Fields,
  assumedOutputTokens: number,
): CallBound {
  const of = (endpoint: string, body: Fields): CallBound =>
    boundOfValue({ ...asked, endpoint }, body, assumedOutputTokens);
  switch (kind) {
    case 'image':
      return of(asked.media?.sourceImageProvided === true ? 'images.edits' : 'images.generations', params);
    case 'speech':
      return of('audio.speech', params);
    case 'transcription':
      return of('audio.transcriptions', { file: params['audio'] });
    default:
      return { ...of('embeddings', params), outputTokensMax: 0, isOutputLimited: true };
  }
}

function readImage(params: Fields, model: string): ReturnType<Kind['read']> {
  const hasSource = listOf(params['files']).length > 0 || Object.keys(fieldsOf(params['mask'])).length > 0;
  const media: MediaFields = {
    requestedImageCount: countOf(params['n']) ?? 1,
    ...(BY_TOKENS.test(model) ? {} : { billingUnit: 'PER_IMAGE' }),
    ...given('resolution', textOf(params['size'])),
    ...given('aspectRatio', textOf(params['aspectRatio'])),
    ...(hasSource ? { sourceImageProvided: true } : {}),
  };
  return { operationType: 'IMAGE', operationSubtype: hasSource ? 'edit' : 'generation', media };
}

function readImages(result: Fields): Partial<UsageReading> {
  const usage = fieldsOf(result['usage']);
  const hasTokens = [usage['inputTokens'], usage['outputTokens']].some((count) => (countOf(count) ?? 0) > 0);
  const images = Array.isArray(result['images']) ? { actualImageCount: result['images'].length } : {};
  return {
    media: { ...images, ...(hasTokens ? { billingUnit: 'PER_TOKEN' } : {}) },
    ...given('inputTokens', countOf(usage['inputTokens'])),
    ...given('outputTokens', countOf(usage['outputTokens'])),
    ...given('totalTokens', countOf(usage['totalTokens'])),
  };
}

function spoken(params: Fields, model: string): MediaFields {
  const text = textOf(params['text']);
  return {
    ...(BY_TOKENS.test(model) ? {} : { billingUnit: 'PER_CHARACTER' }),
    ...given('characterCount', text === undefined ? undefined : [...text].length),
    ...given('voice', textOf(params['voice'])),
    ...given('audioFormat', textOf(params['outputFormat'])),
    ...given('language', textOf(params['language'])),
  };
}

/** Only the end of streamed speech counts something: the text was the request. */
function readSpeech(result: Fields): Partial<UsageReading> {
  const usage = fieldsOf(result['usage']);
  const media = given('characterCount', countOf(usage['inputCharacters']));
  return {
    ...(Object.keys(media).length === 0 ? {} : { media }),
    ...given('inputTokens', countOf(usage['inputTokens'])),
    ...given('outputTokens', countOf(usage['outputTokens'])),
  };
}

/** What the SDK hands on, and where it leaves something out the server's own answer, which OpenAI's package keeps. */
function readTranscript(result: Fields): Partial<UsageReading> {
  const body = fieldsOf(fieldsOf(result['response'])['body']);
  const usage = fieldsOf(result['usage'] ?? body['usage']);
  const tokens = readOpenAIUsage(usage);
  const seconds = [result['durationInSeconds'], usage['seconds'], body['duration']].map(amountOf).find(isGiven);
  return {
    ...(tokens === undefined ? {} : present({ ...tokens })),
    media: {
      ...given('durationSeconds', seconds),
      ...given('language', textOf(result['language'])),
      ...given('inputAudioTokenCount', countOf(fieldsOf(usage['input_token_details'])['audio_tokens'])),
      ...(tokens === undefined ? {} : { billingUnit: 'PER_TOKEN' }),
    },
  };
}

function isGiven(value: number | undefined): value is number {
  return value !== undefined;
}

function wordsOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : readSafely(() => JSON.stringify(value) ?? '', '');
}

/** A field that is there, or none. */
export function given<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: V };
}
