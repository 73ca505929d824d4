/** What requests for images and videos ask for, and what their answers hold (contract 5.4, 5.6). */
import { isRecord } from '../wire/is-record.js';
import type { MediaFields } from '../wire/usage-event.js';
import { recordOf, textOf } from './values.js';

/** Veo makes eight seconds where the request names no length (Google's reference of `durationSeconds`). */
const VIDEO_SECONDS_DEFAULT = 8;

/** What was asked for, and how it is called (contract 5.4, 5.6). */
export interface AskedMedia {
  readonly media: MediaFields;
  readonly operationSubtype?: string;
}

/** Reads the body of an image request to `predict`. */
export function readImageRequest(model: string, body: Record<string, unknown>): AskedMedia {
  const parameters = recordOf(body['parameters']) ?? {};
  const instance = recordOf(Array.isArray(body['instances']) ? body['instances'][0] : undefined) ?? {};
  const hasSource = 'image' in instance || 'referenceImages' in instance || 'personImage' in instance;
  return {
    operationSubtype: imageSubtype(model, parameters, hasSource),
    media: {
      requestedImageCount: positive(parameters['sampleCount']) ?? 1,
      billingUnit: 'PER_IMAGE',
      ...optional('aspectRatio', textOf(parameters['aspectRatio'])),
      ...optional('resolution', textOf(parameters['sampleImageSize'])),
      ...optional('format', textOf(recordOf(parameters['outputOptions'])?.['mimeType'])),
      ...(hasSource ? { sourceImageProvided: true } : {}),
    },
  };
}

function imageSubtype(model: string, parameters: Record<string, unknown>, hasSource: boolean): string {
  if (parameters['mode'] === 'upscale' || isRecord(parameters['upscaleConfig'])) return 'upscale';
  if (/INPAINT/.test(String(parameters['editMode']))) return 'inpainting';
  return hasSource || /recontext|try-on|segment/.test(model) ? 'edit' : 'generation';
}

/** Reads the body of a video request. The length that it asks for is that of all its videos together. */
export function readVideoRequest(body: Record<string, unknown>): AskedMedia {
  const parameters = recordOf(body['parameters']) ?? {};
  const instance = recordOf(Array.isArray(body['instances']) ? body['instances'][0] : undefined) ?? {};
  const seconds = positive(parameters['durationSeconds']) ?? VIDEO_SECONDS_DEFAULT;
  return {
    operationSubtype: 'generation',
    media: {
      requestedDurationSeconds: seconds * (positive(parameters['sampleCount']) ?? 1),
      billingUnit: 'PER_SECOND',
      asyncOperation: true,
      ...optional('aspectRatio', textOf(parameters['aspectRatio'])),
      ...optional('resolution', textOf(parameters['resolution'])),
      ...optional('fps', positive(parameters['fps'])),
      ...('image' in instance ? { sourceImageProvided: true } : {}),
    },
  };
}

/** How long one video of a request is, where the request says so. */
export function videoSeconds(body: Record<string, unknown>): number | undefined {
  return positive(recordOf(body['parameters'])?.['durationSeconds']);
}

/** The images of an answer of `predict`: those that were filtered out are not made, and not billed. */
export function countImages(body: unknown): number | undefined {
  const predictions = recordOf(body)?.['predictions'];
  if (!Array.isArray(predictions)) return undefined;
  return predictions.filter((one) => isRecord(one) && ('bytesBase64Encoded' in one || 'gcsUri' in one)).length;
}

/** The videos that a finished operation names, or `undefined` where it names none of a kind that is known. */
export function countVideos(response: unknown): number | undefined {
  const record = recordOf(response);
  const inner = recordOf(record?.['generateVideoResponse']) ?? record;
  const list = inner?.['generatedSamples'] ?? inner?.['videos'] ?? inner?.['generatedVideos'];
  if (Array.isArray(list)) return list.length;
  return inner !== undefined && 'raiMediaFilteredCount' in inner ? 0 : undefined;
}

function optional<T>(name: string, value: T | undefined): Record<string, T> {
  return value === undefined ? {} : { [name]: value };
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : undefined;
}
