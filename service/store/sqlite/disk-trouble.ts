/** Failures of the file under the database: a full disk, an I/O error. Nobody's mistake, and over when the disk works. */
import { StoreError } from '../store-error.js';

/** FULL, IOERR, READONLY, CORRUPT, CANTOPEN and NOTADB by number, as node:sqlite tells them. */
const NUMBERS: ReadonlySet<number> = new Set([8, 10, 11, 13, 14, 26]);
const NAMES = /^SQLITE_(FULL|IOERR|READONLY|CORRUPT|CANTOPEN|NOTADB)/;

/** The error as it is, or as a StoreError `UNAVAILABLE` where the file is the cause. */
export function asDiskTrouble(error: unknown): unknown {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  // Extended codes carry the plain one in their low byte.
  const byNumber = typeof errcode === 'number' && NUMBERS.has(errcode & 0xff);
  if (!byNumber && !(typeof code === 'string' && NAMES.test(code))) return error;
  const message = `the database file cannot be used: ${(error as Error).message}`;
  return new StoreError('UNAVAILABLE', message, { cause: error });
}
