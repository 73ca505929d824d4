/** Decimal text to scaled integers and back, without floats (I6). */

const DECIMAL = /^([+-]?)(\d+)(?:\.(\d*))?(?:e([+-]?\d{1,3}))?$/i;
/** More digits than any amount, count or rate has; a longer text is a mistake or an attack. */
const TEXT_MAX = 64;

/** How a value that falls between two integers is rounded. `ceiling` suits limits: a balance below it is below it. */
export type Rounding = 'half-up' | 'ceiling';

/**
 * `text` × 10^`digits` as an integer, or `undefined` where `text` is not a decimal number. Exponents are understood
 * (`1e-7`), since that is how JavaScript prints small numbers.
 */
export function parseScaled(text: string, digits: number, rounding: Rounding = 'half-up'): bigint | undefined {
  if (text.length > TEXT_MAX) return undefined;
  const match = DECIMAL.exec(text.trim());
  if (match === null) return undefined;
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  const shift = Number(exponent) - fraction.length + digits;
  const mantissa = BigInt(`${whole}${fraction}`);
  const magnitude = shift >= 0 ? mantissa * 10n ** BigInt(shift) : divide(mantissa, 10n ** BigInt(-shift), rounding);
  return sign === '-' ? -magnitude : magnitude;
}

/** The decimal text of `value` / 10^`digits`, without trailing zeros. The inverse of {@link parseScaled}. */
export function formatScaled(value: bigint, digits: number): string {
  const negative = value < 0n;
  const text = String(negative ? -value : value).padStart(digits + 1, '0');
  const whole = text.slice(0, text.length - digits);
  const fraction = digits === 0 ? '' : text.slice(text.length - digits).replace(/0+$/, '');
  return `${negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

/** `dividend` / `divisor` of two non-negative integers, rounded. */
export function divide(dividend: bigint, divisor: bigint, rounding: Rounding = 'half-up'): bigint {
  return rounding === 'half-up' ? (dividend + divisor / 2n) / divisor : (dividend + divisor - 1n) / divisor;
}
