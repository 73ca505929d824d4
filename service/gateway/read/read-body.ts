/** The body of a call, read once: JSON or a form. Its bytes stay as they are. */
import { type MessageParts, mayHaveParts, messagePartsOf, noParts } from 'fusewire/internal';
import { readForm } from './form-fields.js';
import { foldedName, type Member, readMembers } from './json-members.js';
import { isHeavyJson } from './json-weight.js';

/** What was read, with where the model's name stands. */
export interface ReadBody {
  readonly raw: Buffer;
  readonly fields: Record<string, unknown>;
  readonly parts: MessageParts;
  readonly files: readonly { readonly field: string; readonly bytes: number }[];
  /** Of JSON: the members in their order, and where its brace is. */
  readonly json: { readonly start: number; readonly members: readonly Member[] } | undefined;
  /** Of a form: where the value of `model` stands. */
  readonly formModel: { readonly start: number; readonly end: number } | undefined;
}

/**
 * Names that are read here: under any other spelling a server could read them where we do not. Others may be spelt as
 * their API wants.
 */
const READ_NAMES: ReadonlySet<string> = new Set([
  'model',
  'name',
  'stream',
  'stream_options',
  'stream_format',
  'messages',
  'input',
  'prompt',
  'system',
  'instructions',
  'images',
  'image',
  'mask',
  'tools',
  'functions',
  'n',
  'best_of',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'options',
  'thinking',
  'prediction',
  'service_tier',
  'speed',
  'size',
  'quality',
  'partial_images',
  'background',
  'previous_response_id',
  'conversation',
  'web_search_options',
  'mcp_servers',
  'container',
  'plugins',
  'models',
  'fallbacks',
  'inference_geo',
]);

/** Reads it, or says what is wrong, as the end of a sentence that begins with "the body". */
export function readBody(raw: Buffer, contentType: string | undefined, isForm: boolean): ReadBody | string {
  return isForm && contentType !== undefined && /^multipart\//i.test(contentType)
    ? readFormBody(raw, contentType)
    : readJsonBody(raw);
}

function readJsonBody(raw: Buffer): ReadBody | string {
  if (isHeavyJson(raw)) return 'has too many lists, objects and values: send less in one request';
  let parsed: unknown;
  try {
    parsed = JSON.parse(raw.toString('utf8'));
  } catch {
    return raw.length === 0 ? 'is empty: send a JSON object' : 'is no JSON: send it as UTF-8 text, not compressed';
  }
  const reading = readMembers(raw);
  if (!reading.ok) return reading.reason;
  for (const { name } of reading.members) {
    const folded = foldedName(name);
    if (folded !== name && READ_NAMES.has(folded))
      return `has a member ${folded} in other letter cases: write it in lower case`;
  }
  const fields = parsed as Record<string, unknown>;
  const parts = mayHaveParts(raw) ? messagePartsOf(fields) : noParts();
  return { raw, fields, parts, files: [], json: reading, formModel: undefined };
}

function readFormBody(raw: Buffer, contentType: string): ReadBody | string {
  const form = readForm(raw, contentType);
  if (typeof form === 'string') return form;
  const fields: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const { name, value } of form.texts) {
    const folded = foldedName(name);
    if (READ_NAMES.has(folded) && (folded !== name || fields[name] !== undefined)) {
      return `has a field ${folded} twice, or in other letter cases: each may be there once`;
    }
    fields[name] = value;
  }
  return { raw, fields, parts: noParts(), files: form.files, json: undefined, formModel: form.model };
}
