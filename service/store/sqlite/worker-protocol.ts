/** The messages between a store and its writer thread. */
import { StoreError, type StoreErrorCode } from '../store-error.js';
import type { Command } from './commit-group.js';

/** What the thread starts with. */
export interface WriterSettings {
  readonly file: string;
  readonly fillSlice?: number | undefined;
}

/** To the thread: operations that were asked for together, a copy of the database between two commits, or the end. */
export type ToWriter =
  | { readonly kind: 'run'; readonly commands: readonly (Command & { readonly number: number })[] }
  | { readonly kind: 'copy'; readonly number: number; readonly file: string }
  | { readonly kind: 'close' };

/** An error as plain data: classes do not survive the crossing. */
export interface PlainError {
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: StoreErrorCode | undefined;
  readonly problems: Readonly<Record<string, string>>;
}

/** An outcome as plain data. */
export type Answer =
  | { readonly number: number; readonly ok: true; readonly value: unknown }
  | { readonly number: number; readonly ok: false; readonly error: PlainError };

/** From the thread. `opened` or `failed` comes first, once. */
export type FromWriter =
  | { readonly kind: 'opened'; readonly driverName: string }
  | { readonly kind: 'failed'; readonly error: PlainError }
  | {
      readonly kind: 'answers';
      readonly answers: readonly Answer[];
      readonly moved: readonly (readonly [string, number])[];
      readonly touched: readonly string[];
    }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly message: string;
      readonly fields: Record<string, unknown> | undefined;
    };

/** Prepares an error for the crossing. */
export function toPlainError(error: unknown): PlainError {
  const known = error instanceof StoreError ? error : undefined;
  return {
    message: error instanceof Error ? error.message : String(error),
    stack: error instanceof Error ? error.stack : undefined,
    code: known?.code,
    problems: known?.problems ?? {},
  };
}

/** Makes an error of it again. */
export function fromPlainError({ message, stack, code, problems }: PlainError): Error {
  const error = code === undefined ? new Error(message) : new StoreError(code, message, { problems });
  if (stack !== undefined) error.stack = stack;
  return error;
}
