/** What a call of Google's API can consume at most: contents, embeddings, images, films, caches, batches, interactions. */
import type { OperationType, RequestReading } from '../providers/adapter.js';
import type { GoogleEndpoint } from '../providers/google-endpoints.js';
import { listOf, recordOf, textOf } from '../providers/values.js';
import { type MessageParts, noParts } from './message-parts.js';
import { limitOf } from './output-bound.js';
import { boundOfValue, NO_CONSUMPTION, sumOfBounds } from './parsed-body.js';
import type { CallBound } from './types.js';

type Fields = Readonly<Record<string, unknown>>;

/** What of a reading counts. */
export interface GoogleCallRead {
  readonly endpoint: GoogleEndpoint;
  readonly model: string | undefined;
  readonly media: RequestReading['media'];
}

/** The bound of a call. Never throws. */
export function googleBound(read: GoogleCallRead, body: Fields, assumedOutputTokens: number): CallBound {
  switch (read.endpoint.shape) {
    case 'content':
    case 'interaction':
      return contentBound(read, body, assumedOutputTokens);
    case 'embedding':
    case 'cache':
      return textBound(read, 'EMBED', body, 0);
    case 'image':
      return { ...textBound(read, 'EMBED', body, 0), images: read.media?.requestedImageCount ?? 1 };
    case 'video': {
      const mediaSeconds = Math.ceil(read.media?.requestedDurationSeconds ?? 0);
      return { ...textBound(read, 'EMBED', body, 0), mediaSeconds };
    }
    case 'batch':
      return batchBound(read, body, assumedOutputTokens);
  }
}

function textBound(read: GoogleCallRead, operationType: OperationType, body: Fields, assumed: number): CallBound {
  const reading = { endpoint: read.endpoint.name, operationType, provider: 'Google', model: read.model };
  return boundOfValue(reading, body, assumed, googlePartsOf);
}

function contentBound(read: GoogleCallRead, body: Fields, assumed: number): CallBound {
  const config = recordOf(body['generationConfig'] ?? body['generation_config'] ?? body['config']) ?? {};
  const limit = limitOf([config['maxOutputTokens'], config['max_output_tokens']], assumed);
  const candidates = limitOf([config['candidateCount'], config['candidate_count']], 1) ?? 1;
  const tokens = (limit ?? assumed) * candidates;
  const bound = textBound(read, 'CHAT', body, assumed);
  const unbounded = bound.unbounded ?? unboundedReason(read, body, config);
  return {
    ...bound,
    outputTokensMax: Math.min(tokens, Number.MAX_SAFE_INTEGER),
    isOutputLimited: limit !== undefined,
    ...(unbounded === undefined ? {} : { unbounded }),
  };
}

/** Functions of the caller's own, and a screen that it works itself. */
const OWN_TOOLS: ReadonlySet<string> = new Set([
  ...['functionDeclarations', 'function_declarations', 'computerUse', 'computer_use'],
]);

function unboundedReason({ endpoint }: GoogleCallRead, body: Fields, config: Fields): string | undefined {
  if ((body['cachedContent'] ?? body['cached_content'] ?? config['cachedContent'] ?? null) !== null)
    return 'something that is stored at the provider';
  if (endpoint.shape === 'interaction') {
    if (body['agent'] !== undefined) return 'an agent that works at the provider';
    if (body['previous_interaction_id'] !== undefined) return 'something that is stored at the provider';
  }
  for (const tool of [...listOf(body['tools']), ...listOf(config['tools'])]) {
    const record = recordOf(tool) ?? {};
    if (record['type'] === 'function') continue;
    if (Object.keys(record).some((name) => !OWN_TOOLS.has(name) && record[name] !== undefined))
      return 'a tool that runs at the provider';
  }
  return undefined;
}

/** Its requests together; those in a file are not here. */
function batchBound(read: GoogleCallRead, body: Fields, assumed: number): CallBound {
  const input = recordOf(recordOf(body['batch'])?.['inputConfig'] ?? recordOf(body['batch'])?.['input_config']);
  const listed = recordOf(input?.['requests'])?.['requests'];
  if (!Array.isArray(listed)) return { ...NO_CONSUMPTION, unbounded: 'a batch whose requests are stored elsewhere' };
  const requests = listed.map((one) => recordOf(recordOf(one)?.['request']) ?? {});
  const isEmbedding = read.endpoint.operationType === 'EMBED';
  const each = requests.map((request) =>
    isEmbedding ? textBound(read, 'EMBED', request, 0) : contentBound(read, request, assumed),
  );
  return sumOfBounds(each, NO_CONSUMPTION);
}

const DEPTH_MAX = 24;

/** Media in Google's shapes: `inlineData`, `fileData`, base64 of `predict`, parts of an interaction. */
export function googlePartsOf(fields: Fields): MessageParts {
  const parts = noParts();
  walk(fields, parts, 0);
  return parts;
}

function walk(value: unknown, parts: MessageParts, depth: number): void {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX || ArrayBuffer.isView(value)) return;
  if (Array.isArray(value)) {
    for (const item of value) walk(item, parts, depth + 1);
    return;
  }
  const part = value as Record<string, unknown>;
  const type = textOf(part['mimeType'] ?? part['mime_type']) ?? `${textOf(part['type']) ?? ''}/`;
  const data = textOf(part['data']) ?? textOf(part['bytesBase64Encoded']) ?? textOf(part['imageBytes']);
  const uri = textOf(part['fileUri'] ?? part['file_uri']) ?? textOf(part['gcsUri']);
  if (data !== undefined) count(type, data.length, parts);
  else if (uri !== undefined || (MEDIA.test(type) && textOf(part['uri']) !== undefined)) remote(type, parts);
  for (const name in part) if (!LEAVES.has(name)) walk(part[name], parts, depth + 1);
}

const LEAVES: ReadonlySet<string> = new Set(['data', 'bytesBase64Encoded', 'imageBytes', 'text']);
const MEDIA = /^(image|audio|video|document|application)\//;

function count(type: string, length: number, parts: MessageParts): void {
  if (type.startsWith('audio/')) {
    parts.sounds += 1;
    parts.soundBytes += length;
  } else if (type.startsWith('video/')) {
    // A second of film can be as short as anything in bytes.
    parts.remoteFiles += 1;
    parts.fileBytes += length;
  } else if (/^(document|application)\//.test(type)) {
    parts.files += 1;
    parts.fileBytes += length;
  } else if (type.startsWith('text/')) {
    // Read as the text that it is.
  } else {
    parts.images += 1;
    parts.imageBytes += length;
  }
}

/** An image is one wherever it lies; how long anything else is, nobody knows here. */
function remote(type: string, parts: MessageParts): void {
  if (type.startsWith('image/')) parts.images += 1;
  else parts.remoteFiles += 1;
}
