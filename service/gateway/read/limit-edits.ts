/** An output limit in the bytes of a request, where a budget lets it pass only with one; everything else keeps its bytes. */
import { type LimitEdit, type LimitedReading, outputLimitEdits } from 'fusewire/internal';
import { type Edit, edited } from './body-edits.js';
import { foldedName, readMembers } from './json-members.js';
import type { ReadBody } from './read-body.js';

/**
 * The edits after which the answers to a request have no more than `tokens` tokens, all together. `undefined`: it cannot
 * be limited, or is so already; see `withOutputLimit`. Never throws.
 */
export function limitEdits(reading: LimitedReading, body: ReadBody, tokens: number): readonly Edit[] | undefined {
  if (body.json === undefined) return undefined;
  const wanted = outputLimitEdits(reading, body.fields, tokens);
  const edits = wanted?.map((edit) => editOf(edit, body));
  return edits === undefined || edits.includes(undefined) ? undefined : (edits as readonly Edit[]);
}

/** The bytes with the limit in them, or `undefined` as {@link limitEdits}. */
export function withOutputLimitBytes(reading: LimitedReading, body: ReadBody, tokens: number): Buffer | undefined {
  const edits = limitEdits(reading, body, tokens);
  return edits === undefined ? undefined : edited(body.raw, edits);
}

/** `undefined`: another server could read something else there. */
function editOf({ path: [outer, inner], value }: LimitEdit, { json, raw, fields }: ReadBody): Edit | undefined {
  if (json === undefined) return undefined;
  const text = inner === undefined ? String(value) : `{${JSON.stringify(inner)}:${value}}`;
  const member = json.members.find(({ name }) => name === outer);
  if (member === undefined) {
    if (json.members.some(({ name }) => foldedName(name) === foldedName(outer))) return undefined;
    return inserted(json.start + 1, outer, text, json.members.length);
  }
  const { valueStart, valueEnd } = member;
  if (inner === undefined || (fields[outer] ?? null) === null) return { start: valueStart, end: valueEnd, text };
  const holder = readMembers(raw.subarray(valueStart, valueEnd));
  if (!holder.ok) return undefined;
  const alike = holder.members.filter(({ name }) => foldedName(name) === foldedName(inner));
  const [limit] = alike;
  if (limit === undefined) return inserted(valueStart + 1, inner, String(value), holder.members.length);
  if (limit.name !== inner) return undefined;
  return { start: valueStart + limit.valueStart, end: valueStart + limit.valueEnd, text: String(value) };
}

function inserted(at: number, name: string, text: string, membersAfter: number): Edit {
  return { start: at, end: at, text: `${JSON.stringify(name)}:${text}${membersAfter === 0 ? '' : ','}` };
}
