/**
 * The two changes that a request's bytes can get (I3), and no other: a model's name where the configuration gives it
 * another one, and `stream_options.include_usage` where a stream would end without its usage. Everything else keeps its
 * bytes: spacing, order, escapes, digits of numbers.
 */
import { recordOf } from 'fusewire/internal';
import { foldedName, readMembers } from './json-members.js';
import type { ReadBody } from './read-body.js';

/** What is put in place of `end - start` bytes at `start`. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The edits that name another model, wherever it is named. Names need no escapes. */
export function modelEdits(body: ReadBody, model: string, names: ReadonlySet<string>): readonly Edit[] {
  if (body.formModel !== undefined) return [{ ...body.formModel, text: model }];
  const text = JSON.stringify(model);
  const members = body.json?.members.filter(({ name }) => names.has(name)) ?? [];
  return members.map(({ valueStart, valueEnd }) => ({ start: valueStart, end: valueEnd, text }));
}

/**
 * The edit that asks for usage, or `undefined` where the caller asks for it or wrote something odd there. Who says that it
 * wants none gets none, and is asked for all the same: what a model thinks is in no piece of a stream, and whoever pays
 * must not choose to be estimated.
 *
 * @throws Error where another parser could read something else in it
 */
export function usageEdit({ fields, json, raw }: ReadBody): Edit | undefined {
  if (json === undefined) return undefined;
  const member = json.members.find(({ name }) => name === 'stream_options');
  if (member === undefined) {
    const at = json.start + 1;
    return {
      start: at,
      end: at,
      text: `"stream_options":{"include_usage":true}${json.members.length === 0 ? '' : ','}`,
    };
  }
  const given = fields['stream_options'];
  if (given === null) return { start: member.valueStart, end: member.valueEnd, text: '{"include_usage":true}' };
  const options = recordOf(given);
  if (options === undefined) return undefined;
  const inner = readMembers(raw.subarray(member.valueStart, member.valueEnd));
  const said = inner.ok ? inner.members.find(({ name }) => foldedName(name) === USAGE) : undefined;
  if (!inner.ok || (said !== undefined && said.name !== USAGE))
    throw new Error('stream_options can be read in two ways');
  if (said === undefined) {
    const at = member.valueStart + 1;
    return { start: at, end: at, text: `"${USAGE}":true${inner.members.length === 0 ? '' : ','}` };
  }
  const wanted = options[USAGE];
  if (wanted !== false && wanted !== null) return undefined;
  return { start: member.valueStart + said.valueStart, end: member.valueStart + said.valueEnd, text: 'true' };
}

const USAGE = 'include_usage';

/** The bytes with the edits in them; the very same buffer where there are none. */
export function edited(raw: Buffer, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return raw;
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { start, end, text } of [...edits].sort((a, b) => a.start - b.start)) {
    pieces.push(raw.subarray(from, start), Buffer.from(text));
    from = end;
  }
  pieces.push(raw.subarray(from));
  return Buffer.concat(pieces);
}
