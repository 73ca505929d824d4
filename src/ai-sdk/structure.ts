/**
 * What this package reads of the AI SDK's specifications v2 (ai 5), v3 (ai 6) and v4 (ai 7), described structurally:
 * nothing of `ai` is imported, and every field may be absent or of another shape.
 */
import { isRecord } from '../wire/is-record.js';

/** A model of any specification, as far as it names itself. */
export interface AiModel {
  /** Such as `openai.chat`, `anthropic.messages`, `google.generative-ai`. */
  readonly provider: string;
  readonly modelId: string;
}

/** An object with fields that have to be looked at. */
export type Fields = Readonly<Record<string, unknown>>;

const NONE: Fields = Object.freeze({});

/** The value as fields; no fields where it is no object. Never throws. */
export function fieldsOf(value: unknown): Fields {
  return isRecord(value) ? value : NONE;
}

/** An amount of US dollars, as a number or as its text, or `undefined`. */
export function amountOf(value: unknown): number | undefined {
  const amount = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof amount === 'number' && Number.isFinite(amount) && amount >= 0 ? amount : undefined;
}

/** Without the fields that are absent: spread over others, they would hide them. */
export function present<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

/** What `read` gives, or `instead` where it throws: the caller's objects may have getters of their own (I2). */
export function readSafely<T>(read: () => T, instead: T): T {
  try {
    return read();
  } catch {
    return instead;
  }
}
