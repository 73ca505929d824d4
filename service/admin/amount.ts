/** Numbers that people write, kept exactly: as decimal text, never as a float (I6). */
import { formatScaled, parseScaled } from '../ledger/decimal.js';

/** Digits after the point that a dollar amount may have: nano-dollars. */
export const USD_DIGITS = 9;
/** Above this a limit is a mistake. */
const AMOUNT_MAX = 1_000_000_000_000n;
const CHECK_DIGITS = 40;

/** An amount as decimal text, or what is wrong with it. */
export type Amount = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string };

/**
 * Reads a number or a numeric text with at most `digits` digits after the point. Not negative, at most a million million.
 */
export function readAmount(value: number | string, digits: number): Amount {
  const bad = (problem: string): Amount => ({ ok: false, problem });
  const fine = parseScaled(String(value).trim(), CHECK_DIGITS);
  if (fine === undefined) return bad('must be a number');
  if (fine < 0n) return bad('must not be negative');
  if (fine > AMOUNT_MAX * 10n ** BigInt(CHECK_DIGITS)) return bad(`must be at most ${AMOUNT_MAX}`);
  const step = 10n ** BigInt(CHECK_DIGITS - digits);
  if (fine % step !== 0n) return bad(digits === 0 ? 'must be a whole number' : `must have at most ${digits} decimals`);
  return { ok: true, text: formatScaled(fine / step, digits) };
}

/** Whether one amount is above another. */
export function isAbove(one: string, other: string): boolean {
  return (parseScaled(one, USD_DIGITS) ?? 0n) > (parseScaled(other, USD_DIGITS) ?? 0n);
}
