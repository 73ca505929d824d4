/** `fusewire prices`: rates that beat the catalogue, models that are free, price lists, and what a model costs. */
import type { Command } from 'commander';
import { type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { feeRates, feesText } from './flat-fees.js';
import { type CliIo, CliUsageError } from './io.js';
import { type PriceCells, printPrices } from './price-columns.js';
import { addPriceLists } from './price-lists.js';
import { printJson, visible } from './print.js';
import { addReprice } from './reprice.js';

const PRICES_PATH = '/fusewire/prices';
/** The rates that have a flag; every other is written as `--rate name=usd`. */
const FLAGS = {
  input: ['inputPerMillion', 'a million input tokens'],
  output: ['outputPerMillion', 'a million output tokens'],
  cacheRead: ['cacheReadPerMillion', 'a million tokens read from the cache'],
  cacheWrite: ['cacheWritePerMillion', 'a million tokens written to a cache of 5 minutes'],
  cacheWrite1h: ['cacheWrite1hPerMillion', 'a million tokens written to a cache of an hour'],
  reasoning: ['reasoningPerMillion', 'a million tokens of reasoning'],
  perImage: ['perImage', 'an image'],
  perRequest: ['perRequest', 'a request'],
  perModel: ['perModel', 'a request more, for this model'],
} as const;
type Flag = keyof typeof FLAGS;

interface PriceRow extends PriceCells {
  readonly id: string;
  readonly state: string;
  readonly validFrom: string;
  readonly validUntil: string | null;
  readonly declaredBy: string | null;
}

interface SetOptions extends ApiOptions, Partial<Record<Flag, string>> {
  readonly provider?: string;
  readonly serviceTier?: string;
  readonly validFrom?: string;
  readonly validUntil?: string;
  readonly rate: readonly string[];
  readonly above: readonly string[];
  readonly image: readonly string[];
}

const BEHIND = [
  { heading: 'STATE', cell: (row: PriceRow) => row.state },
  { heading: 'FROM', cell: (row: PriceRow) => row.validFrom, drop: 3 },
  { heading: 'UNTIL', cell: (row: PriceRow) => row.validUntil ?? '', drop: 4 },
  { heading: 'BY', cell: (row: PriceRow) => row.declaredBy ?? '', min: 8, drop: 5 },
  { heading: 'ID', cell: (row: PriceRow) => row.id },
];

/** Adds the commands. */
export function addPrices(program: Command, io: CliIo): void {
  const prices = program.command('prices').description('Prices that you declare. They beat the catalogue from now on.');
  addList(prices, io);
  addSet(prices, io);
  withApiOptions(prices.command('free'))
    .description('Declare that a model costs nothing, for instance one that runs on your own machine.')
    .argument('<model>')
    .option('--provider <name>', 'this provider only')
    .action(async (model: string, options: ApiOptions & { provider?: string }) => {
      await declare(io, options, { model, kind: 'free', provider: options.provider });
    });
  withApiOptions(prices.command('withdraw'))
    .description('Declare nothing for the name of a price from now on; the catalogue holds again.')
    .argument('<id>')
    .action(async (id: string, options: ApiOptions) => {
      await createApiClient(io, options).send('DELETE', `${PRICES_PATH}/${encodeURIComponent(id)}`);
      if (options.json) printJson(io, { withdrawn: id });
      else io.out(`withdrawn: ${id}`);
    });
  addLookup(prices, io);
  addPriceLists(prices, io);
  addReprice(prices, io);
  // The name that it had elsewhere.
  defineSetPrice(withApiOptions(program.command('set-pricing', { hidden: true })), io);
}

function addList(prices: Command, io: CliIo): void {
  withApiOptions(prices.command('list'))
    .description('List declared prices.')
    .option('--all', 'those of the past too')
    .action(async (options: ApiOptions & { all?: boolean }) => {
      const query: Record<string, string> = options.all ? { all: 'true' } : {};
      const answer = await createApiClient(io, options).get<{ _embedded: { objectList: PriceRow[] } }>(
        PRICES_PATH,
        query,
      );
      const rows = answer._embedded.objectList;
      if (options.json) printJson(io, rows);
      else printPrices(io, rows, BEHIND, 'no prices declared; the catalogue is used');
    });
}

function addSet(prices: Command, io: CliIo): void {
  defineSetPrice(withApiOptions(prices.command('set')), io);
}

/** Declares the command, under whatever name. */
function defineSetPrice(command: Command, io: CliIo): void {
  const set = command
    .description('Declare rates for a model, in US dollars: flat fees, or rates by what is consumed.')
    .argument('<model>', "'*' is every model")
    .argument('[per-request]', 'a flat fee for each request; flat fees alone cover everything')
    .argument('[per-model]', 'a flat fee for each request to this model, beside the other')
    .option('--provider <name>', 'this provider only');
  for (const [flag, [, about]] of Object.entries(FLAGS)) set.option(`--${kebab(flag)} <usd>`, about);
  set
    .option('--rate <name=usd>', 'another rate as the API names it, for instance perAudioMinute=0.006', collect, [])
    .option('--above <tokens:name=usd,…>', 'rates for a whole context of more tokens than that', collect, [])
    .option('--image <quality/resolution=usd>', 'an image of that kind; * is any', collect, [])
    .option('--service-tier <name>', 'this tier only, for instance batch; * is every tier')
    .option('--valid-from <time>', 'now where it is left out')
    .option('--valid-until <time>', 'the first instant at which it does not hold')
    .action(
      async (model: string, perRequest: string | undefined, perModel: string | undefined, options: SetOptions) => {
        const { provider, serviceTier, validFrom, validUntil } = options;
        const fees = feeRates(perRequest, perModel);
        const flagged = ratesOf(options);
        const twice = Object.keys(fees).find((name) => name in flagged);
        if (twice !== undefined) throw new CliUsageError(`${twice} is given twice, with and without its flag`);
        const rates = { ...fees, ...flagged };
        if (Object.keys(rates).length === 0) {
          throw new CliUsageError('give at least one rate: PER_REQUEST and PER_MODEL, or flags like --input');
        }
        await declare(io, options, { model, kind: 'rates', provider, serviceTier, validFrom, validUntil, ...rates });
      },
    );
}

function addLookup(prices: Command, io: CliIo): void {
  withApiOptions(prices.command('lookup'))
    .description('What a model costs, and where that price comes from.')
    .argument('<model>')
    .requiredOption('--provider <name>')
    .option('--service-tier <name>', 'the standard tier where it is left out')
    .option('--at <time>', 'now where it is left out')
    .action(async (model: string, options: ApiOptions & { provider: string; serviceTier?: string; at?: string }) => {
      const { provider, serviceTier, at } = options;
      const query = { model, provider, ...(serviceTier ? { serviceTier } : {}), ...(at ? { at } : {}) };
      const found = await createApiClient(io, options).get<PriceCells & { source: string | null; unknown: string[] }>(
        `${PRICES_PATH}/lookup`,
        query,
      );
      if (options.json) return printJson(io, found);
      const behind = [
        { heading: 'SOURCE', cell: (row: typeof found) => row.source ?? 'none', min: 16 },
        { heading: 'UNKNOWN', cell: (row: typeof found) => row.unknown.join(', '), below: true },
      ];
      printPrices(io, [found], behind, '');
    });
}

async function declare(io: CliIo, options: ApiOptions, body: Record<string, unknown>): Promise<void> {
  const price = await createApiClient(io, options).send<PriceRow>('POST', PRICES_PATH, body);
  if (options.json) return printJson(io, price);
  printPrices(io, [price], BEHIND, '');
  const fees = feesText(price);
  if (fees !== undefined) io.out(visible(fees));
}

function ratesOf(options: SetOptions): Record<string, unknown> {
  const rates: Record<string, unknown> = {};
  for (const [flag, [name]] of Object.entries(FLAGS)) {
    const usd = options[flag as Flag];
    if (usd !== undefined) rates[name] = usd;
  }
  for (const rate of options.rate) Object.assign(rates, pairOf(rate, '--rate', 'perAudioMinute=0.006'));
  const tiers = options.above.map((tier) => {
    const [tokens = '', list = ''] = tier.split(':');
    const example = '200000:inputPerMillion=6,outputPerMillion=22.5';
    if (!/^\d+$/.test(tokens)) throw new CliUsageError(`--above is written like ${example}, not '${tier}'`);
    const pairs = list.split(',').map((pair) => pairOf(pair, '--above', example));
    return Object.assign({ aboveTokens: Number(tokens) }, ...pairs);
  });
  const images = options.image.map((image) => {
    const [kind, perImage] = Object.entries(pairOf(image, '--image', 'hd/1024x1024=0.08'))[0] ?? ['', ''];
    const [quality, resolution] = kind.split('/').map((part) => (part === '*' || part === '' ? undefined : part));
    return { quality, resolution, perImage };
  });
  return { ...rates, ...(tiers.length > 0 ? { tiers } : {}), ...(images.length > 0 ? { images } : {}) };
}

function pairOf(text: string, flag: string, example: string): Record<string, string> {
  const at = text.lastIndexOf('=');
  if (at < 1 || at === text.length - 1) throw new CliUsageError(`${flag} is written like ${example}, not '${text}'`);
  return { [text.slice(0, at).trim()]: text.slice(at + 1).trim() };
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function kebab(flag: string): string {
  return flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replace('write1h', 'write-1h');
}
