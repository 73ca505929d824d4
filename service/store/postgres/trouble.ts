/** What a failure of PostgreSQL means for who ran into it. */
import { DatabaseError } from 'pg';
import { StoreError } from '../store-error.js';

/**
 * - `lost`: the connection is gone or of no use any more; another one may do.
 * - `again`: the transaction was undone for what others did; the same transaction may go through now.
 * - `full`: the server takes nothing, or not this: a full disk, no memory, a statement that took too long.
 * - `none`: the statement itself is at fault.
 */
export type Trouble = 'lost' | 'again' | 'full' | 'none';

/** Serialisation, deadlock, a lock that did not come in time. */
const AGAIN: ReadonlySet<string> = new Set(['40001', '40P01', '55P03']);
/**
 * Shutdown and fail-over (57P0x), too many connections, a primary that became read-only, a transaction that the server
 * ended because we were silent, `options` that a session needs and a server lost.
 */
const LOST: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03', '57P05', '53300', '25006', '25P03', '25P04']);
/** Disk, memory, other resources, I/O, cancelled by a limit, damaged pages. */
const FULL: ReadonlySet<string> = new Set([
  '53000',
  '53100',
  '53200',
  '53400',
  '57014',
  '58000',
  '58030',
  'XX001',
  'XX002',
]);

/** Classifies what `pg` rejected with. */
export function troubleOf(error: unknown): Trouble {
  // Whatever does not come from the server comes from the way to it.
  if (!(error instanceof DatabaseError)) return 'lost';
  const code = error.code ?? '';
  if (AGAIN.has(code)) return 'again';
  if (FULL.has(code)) return 'full';
  if (LOST.has(code) || code.startsWith('08') || error.severity === 'FATAL' || error.severity === 'PANIC')
    return 'lost';
  // A newer version of the service has added columns since the statement was prepared: a new connection prepares anew.
  if (code === '0A000' && /cached plan/.test(error.message)) return 'lost';
  return 'none';
}

/** Whether another attempt to open a database would fail in the same way: who we are or what we ask for is wrong. */
export function isFutile(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return false;
  const code = error.code ?? '';
  return code.startsWith('28') || code === '3D000' || troubleOf(error) === 'none';
}

/** The error as callers of the store know it: trouble of the server is `UNAVAILABLE`, everything else stays. */
export function asServerTrouble(error: unknown): unknown {
  if (!(error instanceof DatabaseError) || troubleOf(error) === 'none') return error;
  return unavailable(error);
}

/** The store takes nothing right now. The cause's own words, which never hold the address or the password. */
export function unavailable(cause: unknown): StoreError {
  return new StoreError('UNAVAILABLE', `the database cannot be used: ${wordsOf(cause)}`, { cause });
}

/** The message of a failure; several addresses of one name fail as one error without a message. */
export function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(wordsOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
