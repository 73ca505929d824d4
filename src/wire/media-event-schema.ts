/**
 * Images, audio and video as schemas (contract 5.4 to 5.6): what a service accepts beside completions. As there, unknown
 * and deprecated names are dropped in silence, and `null` means absent.
 */
import { z } from 'zod';
import { notAllowed } from './enumeration.js';
import { COST_MAX_USD, COUNT_MAX, CREDITS_MAX, MULTIPLIER_MAX, SECONDS_MAX } from './event-bounds.js';
import { amount, count, flag, id, name, oneOf, required, text, time } from './event-field-kinds.js';
import { metadataFields } from './event-metadata-fields.js';
import { OPERATION_TYPES, STOP_REASONS } from './operation-types.js';
import { SKIP_REASONS } from './usage-event-schema.js';

/** By what an image is billed (contract 5.4). */
export const IMAGE_BILLING_UNITS = [
  'PER_IMAGE',
  'PER_MINUTE',
  'PER_SECOND',
  'PER_CHARACTER',
  'PER_TOKEN',
  'CREDITS',
] as const;
/** By what sound is billed (contract 5.5). */
export const AUDIO_BILLING_UNITS = ['PER_MINUTE', 'PER_SECOND', 'PER_CHARACTER', 'PER_TOKEN', 'CREDITS'] as const;
/** By what a video is billed (contract 5.6). */
export const VIDEO_BILLING_UNITS = ['PER_SECOND', 'CREDITS'] as const;
/** Contract 5.4. */
export const IMAGE_SUBTYPES = ['generation', 'edit', 'variation', 'upscale', 'inpainting'] as const;
/** Contract 5.5. */
export const AUDIO_SUBTYPES = ['transcription', 'translation', 'synthesis', 'speech', 'tts', 'realtime'] as const;
/** Contract 5.6. */
export const VIDEO_SUBTYPES = ['generation', 'upscale', 'extend', 'edit'] as const;
/** Why nothing was billed for an image (contract 5.4). */
export const IMAGE_SKIP_REASONS = ['FREE_TIER', 'RATE_LIMITED', 'ERROR_RESPONSE', 'INTERNAL_TEST'] as const;
/** The contract names none for audio and video: those of both neighbours are taken. */
export const MEDIA_SKIP_REASONS = [...SKIP_REASONS, 'ERROR_RESPONSE', 'INTERNAL_TEST'] as const;
/** Contract 5.6. */
export const COMPLETION_STATUSES = ['SUCCESS', 'PARTIAL_TIMEOUT', 'FAILED'] as const;

/** Old names that callers still send (contract 5.5), and what they mean. */
export const LEGACY_AUDIO_SUBTYPES: Readonly<Record<string, (typeof AUDIO_SUBTYPES)[number]>> = {
  speech_synthesis: 'tts',
  audio_generation: 'synthesis',
};

/** What all three have in common with completions. Token counts may be `null` (contract 5.4). */
const commonFields = {
  transactionId: id().nullish(),
  model: name('model'),
  provider: name('provider'),
  modelSource: text(),
  costType: oneOf(['AI']),
  operationType: oneOf(OPERATION_TYPES),
  stopReason: oneOf(STOP_REASONS),
  isStreamed: flag(),
  inputTokenCount: count(),
  outputTokenCount: count(),
  totalTokenCount: count(),
  inputTokenCost: amount(COST_MAX_USD),
  outputTokenCost: amount(COST_MAX_USD),
  totalCost: amount(COST_MAX_USD),
  requestTime: time('requestTime'),
  responseTime: time('responseTime').nullish(),
  completionStartTime: time('completionStartTime').nullish(),
  requestDuration: amount(COUNT_MAX),
  timeToFirstToken: amount(COUNT_MAX),
  mediationLatency: amount(COUNT_MAX),
  middlewareSource: text(),
  errorReason: text(),
  errorCode: z.int({ error: 'must be a whole number' }).nullish(),
  billingSkipped: flag(),
  holdId: text(),
  ...metadataFields,
  requestedServiceTier: text(),
  actualServiceTier: text(),
  subscriptionTier: text(),
  pricingTier: oneOf(['STANDARD', 'BATCH']),
  costMultiplier: amount(MULTIPLIER_MAX),
  modelHost: text(),
  attributes: z.record(z.string(), z.unknown(), { error: 'must be an object' }).nullish(),
  priorityTier: text(),
  sourceTransactionId: text(),
  taskId: text(),
  failureCode: text(),
};

/**
 * Body of `POST /meter/v2/ai/images`. Required: `model`, `provider`, `requestTime`, `responseTime`, `requestDuration` and a
 * count: `actualImageCount`, or at least `requestedImageCount`.
 */
export const imageEventSchema = z
  .object(
    {
      ...commonFields,
      responseTime: time('responseTime'),
      requestDuration: z
        .number({ error: required('requestDuration', 'a number') })
        .min(0, { error: 'must not be negative' })
        .max(COUNT_MAX, { error: `must be at most ${COUNT_MAX}` }),
      actualImageCount: count(),
      requestedImageCount: count(),
      operationSubtype: oneOf(IMAGE_SUBTYPES),
      skipReason: oneOf(IMAGE_SKIP_REASONS),
      billingUnit: oneOf(IMAGE_BILLING_UNITS),
      resolution: text(),
      aspectRatio: text(),
      quality: text(),
      style: text(),
      format: text(),
      revisedPromptProvided: flag(),
      sourceImageProvided: flag(),
    },
    { error: 'the body must be a JSON object: one image event' },
  )
  .refine(({ actualImageCount, requestedImageCount }) => (actualImageCount ?? requestedImageCount ?? null) !== null, {
    path: ['actualImageCount'],
    error: 'actualImageCount is required',
  });

const audioSubtypes = [...AUDIO_SUBTYPES, ...Object.keys(LEGACY_AUDIO_SUBTYPES)] as [string, ...string[]];

/** Body of `POST /meter/v2/ai/audio`. Required: `model`, `provider` and `requestTime`. */
export const audioEventSchema = z.object(
  {
    ...commonFields,
    operationSubtype: z.enum(audioSubtypes, { error: (issue) => notAllowed(issue.input, AUDIO_SUBTYPES) }).nullish(),
    skipReason: oneOf(MEDIA_SKIP_REASONS),
    billingUnit: oneOf(AUDIO_BILLING_UNITS),
    durationSeconds: amount(SECONDS_MAX),
    characterCount: count(),
    inputAudioTokenCount: count(),
    outputAudioTokenCount: count(),
    language: text(),
    voice: text(),
    audioFormat: text(),
    quality: text(),
    responseFormat: text(),
    sourceLanguage: text(),
    targetLanguage: text(),
    speed: amount(1_000),
    sampleRate: count(),
    isRealtime: flag(),
    audioJobId: text(),
  },
  { error: 'the body must be a JSON object: one audio event' },
);

/**
 * Body of `POST /meter/v2/ai/video`. Required: `model`, `provider` and `requestTime`; a service answers 422 where
 * `durationSeconds` is missing.
 */
export const videoEventSchema = z.object(
  {
    ...commonFields,
    operationSubtype: oneOf(VIDEO_SUBTYPES),
    skipReason: oneOf(MEDIA_SKIP_REASONS),
    billingUnit: oneOf(VIDEO_BILLING_UNITS),
    durationSeconds: amount(SECONDS_MAX),
    requestedDurationSeconds: amount(SECONDS_MAX),
    creditsConsumed: amount(CREDITS_MAX),
    creditRate: amount(CREDITS_MAX),
    fps: count(),
    resolution: text(),
    aspectRatio: text(),
    quality: text(),
    videoJobId: text(),
    asyncOperation: flag(),
    completionStatus: oneOf(COMPLETION_STATUSES),
  },
  { error: 'the body must be a JSON object: one video event' },
);
