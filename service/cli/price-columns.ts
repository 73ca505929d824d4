/** Prices as tables. */
import type { CliIo } from './io.js';
import { type Column, printRows } from './print.js';

/** Rates that every model may have, as the API names them, with a heading each. Others are shown where they are there. */
const HEADINGS = {
  inputPerMillion: 'INPUT/M',
  outputPerMillion: 'OUTPUT/M',
  cacheReadPerMillion: 'CACHE READ/M',
  cacheWritePerMillion: 'CACHE WRITE/M',
  cacheWrite1hPerMillion: 'CACHE 1H/M',
  perRequest: 'REQUEST',
} as const;
/** Rates of their own kind: `perImage 0.04`. A rate by the minute or second repeats the one by the hour. */
const OTHERS = [
  ...['reasoningPerMillion', 'inputAudioPerMillion', 'outputAudioPerMillion', 'outputImagePerMillion', 'perImage'],
  ...['perAudioHour', 'perVideoHour', 'perMillionCharacters', 'perCredit', 'perModel'],
];

/** What stands in a row of prices. */
export interface PriceCells {
  readonly model: string;
  readonly provider: string | null;
  readonly serviceTier: string | null;
  readonly kind: string;
  readonly tiers: readonly Readonly<Record<string, number | null>>[];
  readonly images: readonly {
    readonly quality: string | null;
    readonly resolution: string | null;
    readonly perImage: number;
  }[];
  readonly [rate: string]: unknown;
}

/** The columns of a price. */
export const PRICE_COLUMNS: readonly Column<PriceCells>[] = [
  { heading: 'MODEL', cell: (row) => row.model, min: 14 },
  { heading: 'PROVIDER', cell: (row) => row.provider ?? 'any', drop: 1 },
  { heading: 'KIND', cell: (row) => row.kind },
  ...Object.entries(HEADINGS).map(([name, heading]): Column<PriceCells> => {
    const isOfCache = name.startsWith('cache');
    return { heading, cell: (row) => text(row[name]), align: 'right', ...(isOfCache ? { drop: 2 } : {}) };
  }),
  { heading: 'TIER', cell: (row) => row.serviceTier ?? '' },
  { heading: 'OTHER', cell: othersOf, below: true },
];

/** Prints rows of prices with more columns behind. */
export function printPrices<T extends PriceCells>(
  io: CliIo,
  rows: readonly T[],
  more: readonly Column<T>[],
  nothing: string,
): void {
  printRows(io, [...PRICE_COLUMNS, ...more], rows, nothing);
}

function othersOf(row: PriceCells): string {
  const rates = OTHERS.flatMap((name) => (typeof row[name] === 'number' ? [`${name} ${row[name]}`] : []));
  const images = row.images.map(({ quality, resolution, perImage }) => {
    return `${[quality, resolution].filter((part) => part !== null).join(' ')} ${perImage}`;
  });
  const tiers = row.tiers.map(({ aboveTokens, ...tier }) => {
    const own = Object.entries(tier).map(([name, usd]) => `${name} ${usd}`);
    return `above ${aboveTokens}: ${own.join(', ')}`;
  });
  return [...rates, ...images, ...tiers].join('; ');
}

function text(value: unknown): string {
  return typeof value === 'number' ? String(value) : '';
}
