/**
 * Prompt capture (contract 5.12): off by default; what is kept is redacted first and cut then, so that half a key at the
 * limit does not leak. `inputMessages` stays JSON that can be parsed, however much of it is cut.
 */
import type { RequestReading, UsageReading } from '../providers/adapter.js';
import type { PromptFields } from '../wire/usage-event.js';
import { isSecretName, REDACTED, redact } from './redact.js';

/** What says whether and how much is kept. */
export interface CaptureSettings {
  /** `capturePrompts`, where neither a scope nor the call says otherwise. */
  readonly enabled: boolean;
  /** Characters of one field, its mark included (`REVENIUM_MAX_PROMPT_SIZE`). */
  readonly sizeMax: number;
}

const MARK = '...[TRUNCATED]';
const IMAGE = '[IMAGE]';
const MEDIA = '[MEDIA]';
const DEPTH_MAX = 24;
/** Members of one list that are looked at; a prompt with more is cut (I10). */
const ITEMS_MAX = 10_000;
/** Encoded bytes begin to look like bytes at this length. */
const ENCODED_MIN = 256;

/**
 * The prompt and the answer of an attempt as they are kept, or `undefined` where capture is off: `wanted` is what call
 * and scopes say, and beats the setting.
 */
export function capturePrompts(
  request: RequestReading,
  reading: UsageReading,
  wanted: boolean | undefined,
  { enabled, sizeMax }: CaptureSettings,
): PromptFields | undefined {
  if (!(wanted ?? enabled)) return undefined;
  const prompts = orNothing(() => request.prompts?.());
  const system = cut(redact(prompts?.systemPrompt ?? ''), sizeMax);
  const messages = orNothing(() => cutMessages(prompts?.inputMessages ?? [], sizeMax)) ?? NOTHING;
  const output = cut(redact(reading.outputText), sizeMax);
  const fields: { -readonly [Name in keyof PromptFields]: PromptFields[Name] } = {};
  if (system.text !== '') fields.systemPrompt = system.text;
  if (messages.text !== '') fields.inputMessages = messages.text;
  if (output.text !== '') fields.outputResponse = output.text;
  if (system.isCut || messages.isCut || output.isCut) fields.promptsTruncated = true;
  return fields;
}

/** A prompt that cannot be read costs what is kept of it, never the event (I4). */
function orNothing<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch {
    return undefined;
  }
}

interface Cut {
  readonly text: string;
  readonly isCut: boolean;
}

const NOTHING: Cut = { text: '', isCut: false };

function cut(text: string, sizeMax: number): Cut {
  if (text.length <= sizeMax) return { text, isCut: false };
  const kept = Math.max(0, sizeMax - MARK.length);
  // Half of a surrogate pair is no character.
  const end = /[\uD800-\uDBFF]/.test(text[kept - 1] ?? '') ? kept - 1 : kept;
  return { text: `${text.slice(0, end)}${MARK}`.slice(0, sizeMax), isCut: true };
}

/** As JSON text of at most `sizeMax` characters: long texts are cut first, then the oldest messages go. */
function cutMessages(messages: readonly unknown[], sizeMax: number): Cut {
  if (messages.length === 0) return { text: '', isCut: false };
  const clean = messages.slice(-ITEMS_MAX).map((message) => cleaned(message, undefined, 0));
  const whole = JSON.stringify(clean);
  if (whole.length <= sizeMax) return { text: whole, isCut: messages.length > ITEMS_MAX };
  let low = 0;
  let high = sizeMax;
  let best: string | undefined;
  while (low <= high) {
    const textMax = (low + high) >> 1;
    const text = JSON.stringify(clean, (_name, value: unknown) =>
      typeof value === 'string' ? cut(value, Math.max(textMax, MARK.length)).text : value,
    );
    if (text.length <= sizeMax) {
      best = text;
      low = textMax + 1;
    } else high = textMax - 1;
  }
  return { text: best ?? newest(clean, sizeMax), isCut: true };
}

/** The newest messages that fit. */
function newest(messages: readonly unknown[], sizeMax: number): string {
  let text = JSON.stringify([MARK]);
  if (text.length > sizeMax) return '';
  const kept: string[] = [];
  for (const message of [...messages].reverse()) {
    kept.unshift(JSON.stringify(message));
    const longer = `[${JSON.stringify(MARK)},${kept.join(',')}]`;
    if (longer.length > sizeMax) break;
    text = longer;
  }
  return text;
}

/** A copy as it may be kept: credentials and encoded media are replaced, depth is bounded. */
function cleaned(value: unknown, name: string | undefined, depth: number): unknown {
  if (typeof value === 'string') return cleanText(value, name);
  if (typeof value === 'number' && name !== undefined && isSecretName(name)) return REDACTED;
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') return String(value);
  if (typeof value !== 'object' || value === null) return value ?? null;
  if (depth >= DEPTH_MAX) return MARK;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Blob) return MEDIA;
  if (Array.isArray(value)) return value.slice(0, ITEMS_MAX).map((item) => cleaned(item, name, depth + 1));
  const kind: unknown = Reflect.get(value, 'type');
  if (kind === 'image_url' || kind === 'input_image' || kind === 'image') return { type: kind, image: IMAGE };
  const secret = name !== undefined && isSecretName(name) ? name : undefined;
  const copy: Record<string, unknown> = {};
  for (const [member, item] of Object.entries(value)) {
    if (item === undefined || member === '__proto__') continue;
    copy[redact(member)] = cleaned(item, secret ?? member, depth + 1);
  }
  return copy;
}

function cleanText(text: string, name: string | undefined): string {
  if (name !== undefined && isSecretName(name)) return REDACTED;
  if (text.startsWith('data:')) return text.startsWith('data:image/') ? IMAGE : MEDIA;
  if (text.length >= ENCODED_MIN && (name === 'data' || name === 'images' || name === 'b64_json' || name === 'bytes')) {
    return /^[A-Za-z0-9+/=_\s-]+$/.test(text.slice(0, ENCODED_MIN))
      ? name === 'images'
        ? IMAGE
        : MEDIA
      : redact(text);
  }
  return redact(text);
}
