/** What models cost. */
import { acceptCatalogue, noteCatalogue, readCatalogue, reviewCatalogue } from '../../ledger/catalogue-uses.js';
import { acceptPriceImport, draftPriceImport, getPriceImport, listPriceImports } from '../../ledger/price-imports.js';
import { findPrice, listPriceEntries } from '../../ledger/price-reading.js';
import { getPrice, listPrices, setPrice, withdrawPrice } from '../../ledger/prices.js';
import { repriceNext } from '../../ledger/reprice.js';
import { listReprices, openReprices, startReprice } from '../../ledger/reprice-runs.js';

/** Their statements. */
export const PRICE_STATEMENTS = [
  'count-reprice-runs',
  'delete-old-price-imports',
  'delete-price-imports',
  'delete-reprice-runs',
  'has-unpriced-event',
  'insert-catalogue-use',
  'insert-catalogue-version',
  'insert-price-override',
  'insert-reprice-run',
  'list-reprice-runs',
  'move-prices-version',
  'put-price-import',
  'replace-price-overrides',
  'select-catalogue-review-teams',
  'select-catalogue-uses',
  'select-catalogue-versions',
  'select-held-catalogue-uses',
  'select-open-reprice-runs',
  'select-price-entries',
  'select-price-import',
  'select-price-imports',
  'select-price-override',
  'select-price-overrides',
  'select-priced-events',
  'select-reprice-teams',
  'select-unpriced-events',
  'select-unpriced-teams',
  'update-catalogue-use',
  'update-reprice-run',
] as const;

/** Operations that change nothing. */
export const priceReads = {
  findPrice,
  getPrice,
  getPriceImport,
  listPriceEntries,
  listPriceImports,
  listPrices,
  listReprices,
  openReprices,
  readCatalogue,
} as const;

/** Operations that change something. */
export const priceWrites = {
  acceptCatalogue,
  acceptPriceImport,
  draftPriceImport,
  noteCatalogue,
  repriceNext,
  reviewCatalogue,
  setPrice,
  startReprice,
  withdrawPrice,
} as const;
