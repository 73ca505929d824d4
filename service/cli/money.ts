/** Dollars for people: exact, from decimal text. No amount passes through a float (I6). */
import { formatScaled, parseScaled } from '../ledger/decimal.js';

const PICO_DIGITS = 12;

/** `$0.0030`: every digit that is not zero, and at least `decimalsMin` of them. */
export function usd(text: string, decimalsMin = 2): string {
  const [whole = '0', fraction = ''] = text.split('.');
  const sign = whole.startsWith('-') ? '-' : '';
  const digits = fraction.padEnd(decimalsMin, '0');
  return `${sign}$${sign === '' ? whole : whole.slice(1)}${digits === '' ? '' : `.${digits}`}`;
}

/** The sum of amounts as decimal text. What is no number counts nothing. */
export function sumUsd(amounts: readonly string[]): string {
  const sum = amounts.reduce((total, amount) => total + (parseScaled(amount, PICO_DIGITS) ?? 0n), 0n);
  return formatScaled(sum, PICO_DIGITS);
}

/** A JSON number as plain decimal text, `1e-7` too. */
export function decimalText(value: number): string {
  return sumUsd([String(value)]);
}
