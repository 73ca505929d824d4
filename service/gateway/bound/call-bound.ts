/**
 * What a call can consume at most (DESIGN section 5). The text counts by its bytes: a token of a byte-level tokenizer
 * covers at least one byte, and JSON never writes a text in fewer bytes than it has. So the bytes of the body bound it as
 * they come, names and braces paying for what a server's template adds; only media are looked for, and count by allowance.
 */
import type { RequestReading } from 'fusewire/internal';
import { recordOf } from 'fusewire/internal';
import type { Allowances } from '../gateway-config.js';
import type { MessageParts } from '../read/message-parts.js';
import type { CallBound } from '../types.js';
import {
  EDITED_IMAGE_TOKENS,
  HEARD_TOKENS_A_SECOND,
  imageTokensMax,
  MADE_IMAGE_TOKENS,
  SOUND_BYTES_A_SECOND,
  SOUND_BYTES_A_TOKEN,
  SPOKEN_TOKENS_A_CHARACTER,
  WRITTEN_TOKENS_A_SECOND,
} from './media-allowance.js';
import { outputBound } from './output-bound.js';

/** A body as it was read. */
export interface BoundBody {
  readonly raw: Buffer;
  /** The members of the JSON object, or the fields of the form. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly parts: MessageParts;
  /** Files of a form, by their fields. */
  readonly files: readonly { readonly field: string; readonly bytes: number }[];
}

/** What the configuration says. */
export interface BoundOptions {
  readonly assumedOutputTokens: number;
  readonly allowances: Allowances;
}

/** What of a reading counts. */
export type BoundReading = Pick<RequestReading, 'endpoint' | 'operationType' | 'provider' | 'model' | 'media'>;

/** Anthropic adds a system prompt for tools, and one for each tool of its own making. */
const TOOLS_TOKENS = 1_000;

/** The bound. Every count is at least what the provider can report. */
export function boundOf(reading: BoundReading, body: BoundBody, options: BoundOptions): CallBound {
  switch (reading.operationType) {
    case 'IMAGE':
      return imageBound(reading, body);
    case 'AUDIO':
      return reading.endpoint === 'audio.speech' ? speechBound(reading, body) : transcriptBound(body);
    default:
      return textBound(reading, body, options);
  }
}

const NO_MEDIA = { images: 0, characters: 0, mediaSeconds: 0 } as const;

function textBound(reading: BoundReading, body: BoundBody, options: BoundOptions): CallBound {
  const { provider, model = '' } = reading;
  const { raw, parts, fields } = body;
  const { allowances } = options;
  const text = raw.length - parts.imageBytes - parts.soundBytes - parts.fileBytes;
  const media =
    parts.images * (allowances.imageTokens ?? imageTokensMax(provider, model)) +
    Math.ceil(parts.soundBytes / SOUND_BYTES_A_TOKEN) +
    parts.sounds * 100 +
    parts.files * allowances.fileTokens;
  const template = provider === 'OLLAMA' ? allowances.templateTokens : 0;
  const output = outputBound(reading, fields, options.assumedOutputTokens);
  const hides = raw.includes(HIDDEN);
  const unbounded = unboundedReason(reading, body);
  return {
    inputTokensMax: text + media + template + toolsTokens(fields['tools']),
    outputTokensMax: output.tokens,
    isOutputLimited: output.isLimited,
    ...NO_MEDIA,
    cacheWrites: cacheWritesOf(raw, provider, hides),
    hasSound: hides || raw.includes(AUDIO) || model.includes('audio') || model.includes('realtime'),
    ...(fields['speed'] === 'fast' ? { tiers: ['fast'] } : {}),
    ...(unbounded === undefined ? {} : { unbounded }),
  };
}

/** An escape of an ASCII character: nobody needs one, and a name could hide in it. */
const HIDDEN = Buffer.from('\\u00');
const AUDIO = Buffer.from('audio');
const CACHE_CONTROL = Buffer.from('cache_control');
const AN_HOUR = Buffer.from('"1h"');

/** Anthropic writes to caches where it is asked to; the newest models of OpenAI do by themselves, for minutes. */
function cacheWritesOf(raw: Buffer, provider: string, hides: boolean): 'none' | 'short' | 'long' {
  if (provider === 'OLLAMA') return 'none';
  if (hides) return 'long';
  if (raw.includes(CACHE_CONTROL)) return raw.includes(AN_HOUR) ? 'long' : 'short';
  return provider === 'ANTHROPIC' ? 'none' : 'short';
}

function toolsTokens(tools: unknown): number {
  if (!Array.isArray(tools) || tools.length === 0) return 0;
  let special = 0;
  for (const tool of tools) {
    const type = recordOf(tool)?.['type'];
    if (type !== undefined && type !== 'function' && type !== 'custom') special += 1;
  }
  return TOOLS_TOKENS * (1 + special);
}

/** Models that search by themselves, tools that run at the provider: what they read and fetch is in no request. */
function unboundedReason({ model = '' }: BoundReading, { fields, parts }: BoundBody): string | undefined {
  if (parts.remoteFiles > 0) return 'a document that the provider fetches';
  if (/search-(preview|api)|deep-research/.test(model)) return 'a model that searches by itself';
  return hostedToolOf(fields) === undefined ? undefined : 'a tool that runs at the provider';
}

/** Tools that the caller runs itself, by type; for Anthropic's, with a date behind. */
const OWN_TOOLS =
  /^(function|custom|computer(_use_preview|_\d+)?|local_shell|apply_patch|bash_\d+|text_editor_\d+|memory_\d+|tool_search_tool_\w+)$/;

/** The first thing in a request that runs at the provider: its type, or the member that asks for it. */
export function hostedToolOf(fields: Readonly<Record<string, unknown>>): string | undefined {
  const { tools } = fields;
  if (Array.isArray(tools)) {
    for (const tool of tools) {
      const type = recordOf(tool)?.['type'];
      if (type !== undefined && type !== null && (typeof type !== 'string' || !OWN_TOOLS.test(type)))
        return String(type);
    }
  }
  return HOSTED_MEMBERS.find((name) => fields[name] !== undefined && fields[name] !== null);
}

const HOSTED_MEMBERS = ['web_search_options', 'mcp_servers', 'container', 'plugins'] as const;

function imageBound({ media }: BoundReading, { raw, fields, files, parts }: BoundBody): CallBound {
  const count = media?.requestedImageCount ?? 1;
  const partial = Number(fields['partial_images'] ?? 0);
  const previews = Number.isFinite(partial) && partial > 0 ? partial * 100 : 0;
  const sent = files.length + parts.images + imagesNamed(fields['images']);
  const fileBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    inputTokensMax: raw.length - fileBytes - parts.imageBytes + sent * EDITED_IMAGE_TOKENS,
    outputTokensMax: Math.min(count * (MADE_IMAGE_TOKENS + previews), Number.MAX_SAFE_INTEGER),
    isOutputLimited: true,
    images: count,
    characters: 0,
    mediaSeconds: 0,
    cacheWrites: 'none',
    hasSound: false,
  };
}

function imagesNamed(images: unknown): number {
  return Array.isArray(images) ? images.length : 0;
}

/** Speech is billed by the character, or by tokens of text and of sound. */
function speechBound({ media }: BoundReading, { raw }: BoundBody): CallBound {
  const characters = media?.characterCount ?? 0;
  return {
    inputTokensMax: raw.length,
    outputTokensMax: SPOKEN_TOKENS_A_CHARACTER * Math.max(1, characters),
    isOutputLimited: true,
    images: 0,
    characters,
    mediaSeconds: Math.max(1, characters),
    cacheWrites: 'none',
    hasSound: true,
  };
}

function transcriptBound({ raw, files }: BoundBody): CallBound {
  const fileBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  // A file that the form's reader did not see is in the body all the same.
  const mediaSeconds = Math.ceil((files.length === 0 ? raw.length : fileBytes) / SOUND_BYTES_A_SECOND) + 1;
  return {
    inputTokensMax: raw.length - fileBytes + mediaSeconds * HEARD_TOKENS_A_SECOND,
    outputTokensMax: mediaSeconds * WRITTEN_TOKENS_A_SECOND,
    isOutputLimited: true,
    images: 0,
    characters: 0,
    mediaSeconds,
    cacheWrites: 'none',
    hasSound: true,
  };
}
