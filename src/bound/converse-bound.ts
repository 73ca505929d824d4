/** What a call of Bedrock's Converse API can consume at most. */
import { recordOf, textOf } from '../providers/values.js';
import { type MessageParts, noParts } from './message-parts.js';
import { limitOf } from './output-bound.js';
import { boundOfValue } from './parsed-body.js';
import type { CallBound } from './types.js';

type Fields = Readonly<Record<string, unknown>>;

/** The bound of a call. Never throws. */
export function converseBound(model: string, body: Fields, assumedOutputTokens: number): CallBound {
  const reading = { endpoint: 'converse', operationType: 'CHAT', provider: 'AWS', model } as const;
  const bound = boundOfValue(reading, body, assumedOutputTokens, conversePartsOf);
  const thinking = recordOf(recordOf(body['additionalModelRequestFields'])?.['thinking']);
  const given = [recordOf(body['inferenceConfig'])?.['maxTokens'], thinking?.['budget_tokens']];
  const limit = limitOf(given, assumedOutputTokens);
  const unbounded = bound.unbounded ?? (isStored(body) ? 'something that is stored at the provider' : undefined);
  return {
    ...bound,
    // Anthropic's models write a prompt of their own for tools, and so do others.
    inputTokensMax: bound.inputTokensMax + (recordOf(body['toolConfig']) === undefined ? 0 : TOOLS_TOKENS),
    outputTokensMax: limit ?? assumedOutputTokens,
    isOutputLimited: limit !== undefined,
    ...(unbounded === undefined ? {} : { unbounded }),
  };
}

const TOOLS_TOKENS = 1_000;

/** A prompt that is managed there is named by variables. */
function isStored(body: Fields): boolean {
  return (body['promptVariables'] ?? null) !== null;
}

const DEPTH_MAX = 24;

/** Media in the blocks of messages and of tools' results. */
function conversePartsOf(fields: Fields): MessageParts {
  const parts = noParts();
  walk(fields['messages'], parts, 0);
  walk(fields['system'], parts, 0);
  return parts;
}

function walk(value: unknown, parts: MessageParts, depth: number): void {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX || ArrayBuffer.isView(value)) return;
  if (Array.isArray(value)) {
    for (const item of value) walk(item, parts, depth + 1);
    return;
  }
  const block = value as Record<string, unknown>;
  const bytes = (name: string): number => lengthOf(recordOf(recordOf(block[name])?.['source'])?.['bytes']);
  if (recordOf(block['image']) !== undefined) {
    parts.images += 1;
    parts.imageBytes += bytes('image');
  }
  const document = recordOf(recordOf(block['document'])?.['source']);
  if (document !== undefined && document['text'] === undefined && document['content'] === undefined) {
    parts.files += 1;
    parts.fileBytes += bytes('document');
    if (document['s3Location'] !== undefined) parts.remoteFiles += 1;
  }
  // How long a film is, its bytes do not tell.
  if (recordOf(block['video']) !== undefined || recordOf(block['audio']) !== undefined) {
    parts.remoteFiles += 1;
    parts.fileBytes += bytes('video') + bytes('audio');
  }
  walk(block['content'], parts, depth + 1);
  walk(recordOf(block['toolResult'])?.['content'], parts, depth + 1);
}

function lengthOf(bytes: unknown): number {
  if (ArrayBuffer.isView(bytes)) return Math.ceil(bytes.byteLength / 3) * 4;
  return textOf(bytes)?.length ?? 0;
}
