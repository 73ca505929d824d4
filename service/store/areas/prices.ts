/** What models cost. */
import { selectPrices, setPrice } from '../../ledger/prices.js';

/** Their statements. */
export const PRICE_STATEMENTS = [
  'insert-price-override',
  'move-prices-version',
  'replace-price-override',
  'select-price-overrides',
] as const;

/** Operations that change nothing. */
export const priceReads = { listPrices: selectPrices } as const;

/** Operations that change something. */
export const priceWrites = { setPrice } as const;
