/** A quantity at a rate, and the sum of such, exactly: one rounding for an event, however many charges it has (I6). */
import { divide } from '../ledger/decimal.js';
import { MULTIPLIER_DIGITS } from './billing-facts.js';
import { type Rate, rateFor } from './rates.js';

/** `unit`: what `quantity` counts: the unit of the rate, thousandths of a second of an hour, billionths of a credit. */
export interface Charge {
  readonly quantity: bigint;
  readonly unit: 'one' | 'millisecond' | 'nano-credit';
  readonly rate: Rate | undefined;
  /** The event brought this part's cost: it is not priced again. */
  readonly given: boolean;
}

/** The charges of an event, and the whole context, caches included, which picks the tier. */
export interface Charges {
  readonly charges: readonly Charge[];
  readonly contextTokens: bigint;
  /** Something was consumed that the event does not count, or counts in a way that has more than one price. */
  readonly unclear: boolean;
}

const MILLISECONDS_AN_HOUR = 3_600_000n;
const NANO = 1_000_000_000n;
const PICO_A_NANO_USD = 1_000n;
const MULTIPLIER_ONE = 10n ** BigInt(MULTIPLIER_DIGITS);

/**
 * The sum in nano-dollars, times a multiplier, rounded half up once. `undefined`: some part has no rate (I5).
 */
export function sumOf(
  { charges, contextTokens, unclear }: Charges,
  multiplierNano = MULTIPLIER_ONE,
): bigint | undefined {
  if (unclear) return undefined;
  let ones = 0n;
  let hours = 0n;
  let credits = 0n;
  for (const { quantity, unit, rate, given } of charges) {
    if (given || quantity === 0n) continue;
    if (rate === undefined) return undefined;
    const product = quantity * rateFor(rate, contextTokens);
    if (unit === 'one') ones += product;
    else if (unit === 'millisecond') hours += product;
    else credits += product;
  }
  if (hours === 0n && credits === 0n) return divide(ones * multiplierNano, PICO_A_NANO_USD * MULTIPLIER_ONE);
  const dividend = ones * MILLISECONDS_AN_HOUR * NANO + hours * NANO + credits * MILLISECONDS_AN_HOUR;
  const divisor = MILLISECONDS_AN_HOUR * NANO * PICO_A_NANO_USD * MULTIPLIER_ONE;
  return divide(dividend * multiplierNano, divisor);
}
