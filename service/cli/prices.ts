/** `fusewire prices`: rates that beat the catalogue, and models that are free. */
import type { Command } from 'commander';
import { type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { type CliIo, CliUsageError } from './io.js';
import { type Column, printJson, printRows } from './print.js';

const PATH = '/fusewire/prices';
const RATES = [
  'inputPerMillion',
  'outputPerMillion',
  'cacheReadPerMillion',
  'cacheWritePerMillion',
  'perRequest',
] as const;

type PriceRow = Readonly<Record<(typeof RATES)[number], number | null>> & {
  readonly model: string;
  readonly provider: string | null;
  readonly kind: string;
  readonly created: string;
};

interface SetOptions extends ApiOptions {
  readonly provider?: string;
  readonly input?: string;
  readonly output?: string;
  readonly cacheRead?: string;
  readonly cacheWrite?: string;
  readonly perRequest?: string;
}

const rate = (heading: string, name: (typeof RATES)[number]): Column<PriceRow> => ({
  heading,
  cell: (row) => String(row[name] ?? ''),
  align: 'right',
});
const COLUMNS: readonly Column<PriceRow>[] = [
  { heading: 'MODEL', cell: (row) => row.model },
  { heading: 'PROVIDER', cell: (row) => row.provider ?? 'any' },
  { heading: 'KIND', cell: (row) => row.kind },
  rate('INPUT/M', 'inputPerMillion'),
  rate('OUTPUT/M', 'outputPerMillion'),
  rate('CACHE READ/M', 'cacheReadPerMillion'),
  rate('CACHE WRITE/M', 'cacheWritePerMillion'),
  rate('REQUEST', 'perRequest'),
  { heading: 'SINCE', cell: (row) => row.created },
];

/** Adds the commands. */
export function addPrices(program: Command, io: CliIo): void {
  const prices = program.command('prices').description('Prices that you declare. They beat the catalogue from now on.');
  withApiOptions(prices.command('list'))
    .description('List declared prices.')
    .action(async (options: ApiOptions) => {
      const client = createApiClient(io, options);
      const answer = await client.get<{ _embedded: { objectList: PriceRow[] } }>(PATH);
      const rows = answer._embedded.objectList;
      if (options.json) printJson(io, rows);
      else printRows(io, COLUMNS, rows, 'no prices declared; the catalogue is used');
    });
  withApiOptions(prices.command('set'))
    .description('Declare rates for a model, in US dollars.')
    .argument('<model>')
    .option('--provider <name>', 'this provider only')
    .option('--input <usd>', 'a million input tokens')
    .option('--output <usd>', 'a million output tokens')
    .option('--cache-read <usd>', 'a million tokens read from the cache')
    .option('--cache-write <usd>', 'a million tokens written to the cache')
    .option('--per-request <usd>', 'a request')
    .action(async (model: string, options: SetOptions) => {
      const rates = {
        inputPerMillion: options.input,
        outputPerMillion: options.output,
        cacheReadPerMillion: options.cacheRead,
        cacheWritePerMillion: options.cacheWrite,
        perRequest: options.perRequest,
      };
      if (Object.values(rates).every((value) => value === undefined)) throw new CliUsageError('give at least one rate');
      await declare(io, options, { model, kind: 'rates', provider: options.provider, ...rates });
    });
  withApiOptions(prices.command('free'))
    .description('Declare that a model costs nothing, for instance one that runs on your own machine.')
    .argument('<model>')
    .option('--provider <name>', 'this provider only')
    .action(async (model: string, options: ApiOptions & { provider?: string }) => {
      await declare(io, options, { model, kind: 'free', provider: options.provider });
    });
}

async function declare(io: CliIo, options: ApiOptions, body: Record<string, unknown>): Promise<void> {
  const price = await createApiClient(io, options).send<PriceRow>('POST', PATH, body);
  if (options.json) printJson(io, price);
  else printRows(io, COLUMNS, [price], '');
}
