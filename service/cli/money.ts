/** Dollars as decimal text, exact: no amount passes through a float (I6). */
import { formatScaled, parseScaled } from '../ledger/decimal.js';
import { usd } from '../ledger/spoken-amount.js';

const PICO_DIGITS = 12;

/** The sum of amounts as decimal text. What is no number counts nothing. */
export function sumUsd(amounts: readonly string[]): string {
  const sum = amounts.reduce((total, amount) => total + (parseScaled(amount, PICO_DIGITS) ?? 0n), 0n);
  return formatScaled(sum, PICO_DIGITS);
}

/** A number of the API in a column: dollars are marked as such, a count stands beside its metric. Nothing where there is none. */
export function amountCell(metric: string | null | undefined, value: number | null | undefined): string {
  if (value === null || value === undefined) return '';
  return metric === 'TOTAL_COST' ? usd(decimalText(value)) : decimalText(value);
}

/** A JSON number as plain decimal text, `1e-7` too. */
export function decimalText(value: number): string {
  return sumUsd([String(value)]);
}
