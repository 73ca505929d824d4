/**
 * What a call of a layer (LangChain, the AI SDK) can consume at most, from what the layer is asked: it makes the provider's
 * request of that, with templates of its own.
 */
import type { RequestReading } from '../providers/adapter.js';
import { bodySizeOf } from './body-size.js';
import { DEFAULT_ALLOWANCES } from './call-bound.js';
import { imageTokensMax, SOUND_BYTES_A_TOKEN } from './media-allowance.js';
import { limitOf } from './output-bound.js';
import { encodedLength, fileBytesOf } from './own-forms.js';
import { NO_CONSUMPTION } from './parsed-body.js';
import type { CallBound } from './types.js';

/** What a layer is asked. */
export interface LayerAsk {
  /** Messages, tools, schemas: everything that the model gets to read. */
  readonly read: unknown;
  /** Where a limit of the output can stand. */
  readonly limits: readonly unknown[];
  /** Answers that are asked for, and prompts. */
  readonly answers?: readonly unknown[];
  readonly prompts?: number;
  /** Tools that run at the provider. */
  readonly hasHostedTools?: boolean;
}

/** What a layer's own template and a tool's prompt add. */
const TEMPLATE_TOKENS = 2_000;

/** The bound of a call of a language model. Never throws. */
export function layerBound(
  reading: Pick<RequestReading, 'provider'> & { readonly model?: string | undefined },
  ask: LayerAsk,
  assumedOutputTokens: number,
): CallBound {
  const size = bodySizeOf(ask.read);
  const media = { images: 0, tokens: 0, bytes: 0, remote: 0 };
  if (size.mayHaveParts && size.unreadable === undefined) mediaIn(ask.read, media, 0);
  const limit = limitOf(ask.limits, assumedOutputTokens);
  const answers = (limitOf(ask.answers ?? [], 1) ?? 1) * Math.max(1, ask.prompts ?? 1);
  const unbounded =
    size.unreadable ??
    (media.remote > 0 ? 'a document that the provider fetches' : undefined) ??
    (ask.hasHostedTools === true ? 'a tool that runs at the provider' : undefined) ??
    (/search-(preview|api)|deep-research/.test(reading.model ?? '') ? 'a model that searches by itself' : undefined);
  return {
    ...NO_CONSUMPTION,
    inputTokensMax:
      Math.max(0, size.bytes - media.bytes) +
      media.images * imageTokensMax(reading.provider, reading.model ?? '') +
      media.tokens +
      TEMPLATE_TOKENS,
    outputTokensMax: Math.min((limit ?? assumedOutputTokens) * answers, Number.MAX_SAFE_INTEGER),
    isOutputLimited: limit !== undefined,
    cacheWrites: size.caches === 'none' && reading.provider !== 'ANTHROPIC' ? 'short' : size.caches,
    hasSound: size.mentionsSound,
    ...(unbounded === undefined ? {} : { unbounded }),
  };
}

interface Media {
  images: number;
  tokens: number;
  bytes: number;
  remote: number;
}

const DEPTH_MAX = 24;
const DATA_NAMES = ['data', 'image', 'url', 'image_url', 'file_data', 'base64'] as const;

/** Parts of any layer: a type or a media type, and data beside it, as text, as bytes or as an address. */
function mediaIn(value: unknown, media: Media, depth: number): void {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX || fileBytesOf(value) !== undefined) return;
  if (Array.isArray(value)) {
    for (const item of value) mediaIn(item, media, depth + 1);
    return;
  }
  const part = value as Record<string, unknown>;
  const kind = `${String(part['type'] ?? '')} ${String(part['mediaType'] ?? part['mimeType'] ?? part['mime_type'] ?? '')}`;
  if (!/image|audio|file|document|video/.test(kind)) {
    for (const name in part) mediaIn(part[name], media, depth + 1);
    return;
  }
  const lengths = DATA_NAMES.map((name) => dataLength(part[name]));
  const length = Math.max(0, ...lengths, dataLength((part['source'] as Record<string, unknown> | undefined)?.['data']));
  media.bytes += length;
  if (kind.includes('image')) media.images += 1;
  else if (/audio/.test(kind) && length > 0) media.tokens += Math.ceil(length / SOUND_BYTES_A_TOKEN) + 100;
  else if (length > 0 && !kind.includes('video')) media.tokens += DEFAULT_ALLOWANCES.fileTokens;
  else media.remote += 1;
}

/** Of base64, also in a `data:` address, and of bytes; an address of another kind holds nothing. */
function dataLength(value: unknown): number {
  const bytes = fileBytesOf(value);
  if (bytes !== undefined) return encodedLength(bytes);
  if (value instanceof URL) return value.protocol === 'data:' ? value.href.length : 0;
  if (typeof value === 'object' && value !== null) return dataLength((value as Record<string, unknown>)['url']);
  return typeof value === 'string' && !/^https?:/.test(value) ? value.length : 0;
}
