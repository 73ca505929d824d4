/** From an image, audio or video event that passed its schema to the canonical one (contract 5.4 to 5.6). Pure. */
import {
  type audioEventSchema,
  type imageEventSchema,
  LEGACY_AUDIO_SUBTYPES,
  type videoEventSchema,
} from 'fusewire/internal';
import type { z } from 'zod';
import { ApiError } from '../http/api-error.js';
import {
  type CanonicalEvent,
  canonicalFields,
  canonicalSubscriber,
  type EventTools,
  transactionIdOf,
} from './canonical-fields.js';

type ImageInput = z.output<typeof imageEventSchema>;
type AudioInput = z.output<typeof audioEventSchema>;
type VideoInput = z.output<typeof videoEventSchema>;

/** In a completion it is a text (contract 5.3), in an audio event a factor. */
const AUDIO_NUMBERS: ReadonlySet<string> = new Set(['speed']);

/** The canonical image event. */
export function normalizeImage(input: ImageInput, tools: EventTools): CanonicalEvent {
  const units = [input.actualImageCount, input.requestedImageCount];
  return mediaEvent(input, 'IMAGE', canonicalFields(input), units, tools);
}

/** The canonical audio event; names of operations that older callers send are replaced by today's. */
export function normalizeAudio(input: AudioInput, tools: EventTools): CanonicalEvent {
  const fields = canonicalFields(input, AUDIO_NUMBERS);
  const subtype = input.operationSubtype;
  if (subtype != null) fields['operationSubtype'] = LEGACY_AUDIO_SUBTYPES[subtype] ?? subtype;
  const units = [input.durationSeconds, input.characterCount, input.inputAudioTokenCount, input.outputAudioTokenCount];
  return mediaEvent(input, 'AUDIO', fields, units, tools);
}

/** The canonical video event. @throws ApiError 422 where it does not say how long the video is (contract 5.2) */
export function normalizeVideo(input: VideoInput, tools: EventTools): CanonicalEvent {
  if (input.durationSeconds == null) {
    const problems = [{ field: 'durationSeconds', problem: 'durationSeconds is required' }];
    throw new ApiError(422, 'duration_required', 'durationSeconds is required for a video', { problems });
  }
  return mediaEvent(input, 'VIDEO', canonicalFields(input), [input.durationSeconds, input.creditsConsumed], tools);
}

function mediaEvent(
  input: ImageInput | AudioInput | VideoInput,
  operationType: 'IMAGE' | 'AUDIO' | 'VIDEO',
  fields: Record<string, unknown>,
  units: readonly (number | null | undefined)[],
  { newId, protect }: EventTools,
): CanonicalEvent {
  return {
    costType: 'AI',
    operationType,
    stopReason: 'END',
    isStreamed: false,
    ...fields,
    ...canonicalSubscriber(input, protect),
    ...usageStateOf(input, units),
    transactionId: transactionIdOf(input.transactionId, newId),
  };
}

/** Usage is known where any unit, any token count or the price itself came (I5). */
function usageStateOf(
  input: ImageInput | AudioInput | VideoInput,
  units: readonly (number | null | undefined)[],
): { attributes?: Record<string, unknown> } {
  const known = [...units, input.inputTokenCount, input.outputTokenCount, input.totalTokenCount, input.totalCost];
  const attributes = input.attributes ?? {};
  if (known.some((value) => value !== null && value !== undefined) || attributes['usageState'] !== undefined) return {};
  return { attributes: { ...attributes, usageState: 'unknown' } };
}
