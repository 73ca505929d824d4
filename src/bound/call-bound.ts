/**
 * What a call can consume at most (DESIGN section 5). The text counts by its bytes: a token of a byte-level tokenizer
 * covers at least one byte, and JSON never writes a text in fewer bytes than it has. So the bytes of the body bound it as
 * they come, names and braces paying for what a server's template adds; only media are looked for, and count by allowance.
 */
import type { RequestReading } from '../providers/adapter.js';
import { recordOf } from '../providers/values.js';
import {
  EDITED_IMAGE_TOKENS,
  EDITED_IMAGES_MAX,
  HEARD_TOKENS_A_SECOND,
  imageTokensMax,
  MADE_IMAGE_TOKENS,
  MADE_VIDEO_SECONDS,
  SOUND_BYTES_A_SECOND,
  SOUND_BYTES_A_TOKEN,
  SPOKEN_TOKENS_A_CHARACTER,
  WRITTEN_TOKENS_A_SECOND,
} from './media-allowance.js';
import type { MessageParts } from './message-parts.js';
import { outputBound } from './output-bound.js';
import { ASSUMED_OUTPUT_TOKENS, type CallBound } from './types.js';

/** A body, whether it came as bytes (`raw-body.ts`) or is a value that is still to be written (`parsed-body.ts`). */
export interface BoundBody {
  /** At least the UTF-8 bytes of every text that a tokenizer can get to read, media and files of a form included. */
  readonly bytes: number;
  /** The members of the JSON object, or the fields of the form. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly parts: MessageParts;
  /** Files of a form, by their fields. */
  readonly files: readonly { readonly field: string; readonly bytes: number }[];
  /** What the body asks to be written to caches; for an hour where that cannot be ruled out. */
  cachesAsked(): 'none' | 'short' | 'long';
  /** Whether sound can be among what is asked for. */
  mentionsSound(): boolean;
  /** Why it could not be read to its end. */
  readonly unreadable?: string | undefined;
  /** Files of a form may be on their way with it that are not in {@link files}. */
  readonly hidesFiles?: boolean;
}

/** Tokens that are set aside for what a request does not count itself; bounds, not estimates (DESIGN section 5). */
export interface Allowances {
  /** Of one image; `undefined`: by provider and model. */
  readonly imageTokens: number | undefined;
  /** Of one document in the request. */
  readonly fileTokens: number;
  /** What a server adds by itself: templates, system prompts of its model files. */
  readonly templateTokens: number;
}

/** What holds where nothing else is configured. */
export const DEFAULT_ALLOWANCES: Allowances = Object.freeze({
  imageTokens: undefined,
  fileTokens: 200_000,
  templateTokens: 1_024,
});

/** What the configuration says. */
export interface BoundOptions {
  readonly assumedOutputTokens: number;
  readonly allowances: Allowances;
}

/** What of a reading counts. */
export type BoundReading = Readonly<
  Pick<RequestReading, 'endpoint' | 'operationType' | 'provider'> & {
    model?: string | undefined;
    media?: RequestReading['media'] | undefined;
  }
>;

/** Anthropic adds a system prompt for tools, and one for each tool of its own making. */
const TOOLS_TOKENS = 1_000;

/** The bound. Every count is at least what the provider can report. */
export function boundOf(reading: BoundReading, body: BoundBody, options: BoundOptions): CallBound {
  switch (reading.operationType) {
    case 'IMAGE':
      return imageBound(reading, body);
    case 'AUDIO':
      return reading.endpoint === 'audio.speech' ? speechBound(reading, body) : transcriptBound(body);
    case 'VIDEO':
      return videoBound(reading, body);
    default:
      return textBound(reading, body, options);
  }
}

function textBound(reading: BoundReading, body: BoundBody, options: BoundOptions): CallBound {
  const { provider, model = '' } = reading;
  const { bytes, parts, fields } = body;
  const { allowances } = options;
  const text = bytes - parts.imageBytes - parts.soundBytes - parts.fileBytes;
  // Asked only where there is one: the patterns for the model's name take longer than the rest of the bound.
  const imageTokens = parts.images === 0 ? 0 : (allowances.imageTokens ?? imageTokensMax(provider, model));
  const media =
    parts.images * imageTokens +
    Math.ceil(parts.soundBytes / SOUND_BYTES_A_TOKEN) +
    parts.sounds * 100 +
    parts.files * allowances.fileTokens;
  const template = provider === 'OLLAMA' ? allowances.templateTokens : 0;
  const output = outputBound(reading, fields, options.assumedOutputTokens);
  const bound: CallBound = {
    inputTokensMax: text + media + template + toolsTokens(fields['tools']),
    outputTokensMax: output.tokens,
    isOutputLimited: output.isLimited,
    images: 0,
    characters: 0,
    mediaSeconds: 0,
    cacheWrites: cacheWritesOf(body, provider),
    hasSound: body.mentionsSound() || model.includes('audio') || model.includes('realtime'),
  };
  const isAssumed = !output.isLimited && options.assumedOutputTokens !== ASSUMED_OUTPUT_TOKENS;
  const unbounded = unboundedReason(reading, body);
  const isFast = fields['speed'] === 'fast';
  // Of one shape almost always: this runs before each call.
  if (!isAssumed && unbounded === undefined && !isFast) return bound;
  return {
    ...bound,
    ...(isAssumed ? { assumedOutputTokens: options.assumedOutputTokens } : {}),
    ...(isFast ? { tiers: ['fast'] } : {}),
    ...(unbounded === undefined ? {} : { unbounded }),
  };
}

/** Anthropic writes to caches where it is asked to; the newest models of OpenAI do by themselves, for minutes. */
function cacheWritesOf(body: BoundBody, provider: string): 'none' | 'short' | 'long' {
  if (provider === 'OLLAMA') return 'none';
  const asked = body.cachesAsked();
  return asked !== 'none' || provider === 'ANTHROPIC' ? asked : 'short';
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

const SEARCHING = /search-(preview|api)|deep-research/;

/** Models that search by themselves, tools that run at the provider: what they read and fetch is in no request. */
function unboundedReason({ model = '', provider }: BoundReading, body: BoundBody): string | undefined {
  const { fields, parts, unreadable } = body;
  if (unreadable !== undefined) return unreadable;
  if (parts.remoteFiles > 0) return 'a document that the provider fetches';
  if (provider !== 'OLLAMA' && (parts.reference !== undefined || isStored(fields)))
    return 'something that is stored at the provider';
  if (model.includes('search') && SEARCHING.test(model)) return 'a model that searches by itself';
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
  // One by one: names that stand in the code are found faster, and this runs before each call.
  if ((fields['web_search_options'] ?? null) !== null) return 'web_search_options';
  if ((fields['mcp_servers'] ?? null) !== null) return 'mcp_servers';
  if ((fields['container'] ?? null) !== null) return 'container';
  return (fields['plugins'] ?? null) !== null ? 'plugins' : undefined;
}

/** What a request names of an earlier one is consumed with it. A template of a prompt is an object, a prompt a text. */
function isStored(fields: Readonly<Record<string, unknown>>): boolean {
  return (
    (fields['previous_response_id'] ?? null) !== null ||
    (fields['conversation'] ?? null) !== null ||
    (fields['previous_interaction_id'] ?? null) !== null ||
    (fields['cachedContent'] ?? null) !== null ||
    recordOf(fields['prompt']) !== undefined
  );
}

function imageBound(reading: BoundReading, body: BoundBody): CallBound {
  const { bytes, fields, files, parts, hidesFiles, unreadable } = body;
  const { media } = reading;
  const count = media?.requestedImageCount ?? 1;
  const partial = Number(fields['partial_images'] ?? 0);
  const previews = Number.isFinite(partial) && partial > 0 ? partial * 100 : 0;
  const hidden = hidesFiles === true && reading.endpoint !== 'images.generations' ? EDITED_IMAGES_MAX : 0;
  const sent = files.length + parts.images + imagesNamed(fields['images']) + hidden;
  const fileBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    inputTokensMax: bytes - fileBytes - parts.imageBytes + sent * EDITED_IMAGE_TOKENS,
    outputTokensMax: Math.min(count * (MADE_IMAGE_TOKENS + previews), Number.MAX_SAFE_INTEGER),
    isOutputLimited: true,
    images: count,
    characters: 0,
    mediaSeconds: 0,
    cacheWrites: 'none',
    hasSound: false,
    ...(unreadable === undefined ? {} : { unbounded: unreadable }),
  };
}

function imagesNamed(images: unknown): number {
  return Array.isArray(images) ? images.length : 0;
}

/** Speech is billed by the character, or by tokens of text and of sound. */
function speechBound({ media }: BoundReading, { bytes }: BoundBody): CallBound {
  const characters = media?.characterCount ?? 0;
  return {
    inputTokensMax: bytes,
    outputTokensMax: SPOKEN_TOKENS_A_CHARACTER * Math.max(1, characters),
    isOutputLimited: true,
    images: 0,
    characters,
    mediaSeconds: Math.max(1, characters),
    cacheWrites: 'none',
    hasSound: true,
  };
}

/** By the second. What is edited or gone on with has a length that is in no request. */
function videoBound({ endpoint, media }: BoundReading, { bytes, files, parts, unreadable }: BoundBody): CallBound {
  const asked = media?.requestedDurationSeconds ?? (endpoint === 'videos' ? MADE_VIDEO_SECONDS : undefined);
  const fileBytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const unbounded = unreadable ?? (asked === undefined ? 'a film whose length the request does not say' : undefined);
  return {
    inputTokensMax: bytes - fileBytes - parts.imageBytes,
    outputTokensMax: 0,
    isOutputLimited: true,
    images: 0,
    characters: 0,
    mediaSeconds: Math.ceil(asked ?? 0),
    cacheWrites: 'none',
    hasSound: false,
    ...(unbounded === undefined ? {} : { unbounded }),
  };
}

function transcriptBound({ bytes, files, hidesFiles, unreadable }: BoundBody): CallBound {
  const fileBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const isHidden = files.length === 0 && hidesFiles === true;
  const unbounded = unreadable ?? (isHidden ? 'sound whose length is not known before it is sent' : undefined);
  // A file that the form's reader did not see is in the body all the same.
  const mediaSeconds = Math.ceil((files.length === 0 ? bytes : fileBytes) / SOUND_BYTES_A_SECOND) + 1;
  return {
    inputTokensMax: bytes - fileBytes + mediaSeconds * HEARD_TOKENS_A_SECOND,
    outputTokensMax: mediaSeconds * WRITTEN_TOKENS_A_SECOND,
    isOutputLimited: true,
    images: 0,
    characters: 0,
    mediaSeconds,
    cacheWrites: 'none',
    hasSound: true,
    ...(unbounded === undefined ? {} : { unbounded }),
  };
}
