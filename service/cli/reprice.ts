/** `fusewire prices reprice`, `repricings` and `history`: events priced again, as entries beside the old ones. */
import type { Command } from 'commander';
import { type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { CliFailure, type CliIo } from './io.js';
import { type Column, printJson, printRows } from './print.js';

const PATH = '/fusewire/prices';
const POLL_MS = 200;
/** Longer than that nobody watches. */
const WAIT_MAX_MS = 600_000;

interface Run {
  readonly id: string;
  readonly state: string;
  readonly scope: string;
  readonly reason: string;
  readonly examined: number;
  readonly repriced: number;
  readonly unknown: number;
  readonly movedUsd: number;
  readonly created: string;
}

interface Entry {
  readonly version: number;
  readonly amountUsd: number;
  readonly priceState: string;
  readonly reason: string;
  readonly rateSource: string;
  readonly created: string;
}

interface RepriceOptions extends ApiOptions {
  readonly reason: string;
  readonly from?: string;
  readonly until?: string;
  readonly all?: boolean;
  readonly wait?: boolean;
}

const RUN_COLUMNS: readonly Column<Run>[] = [
  { heading: 'STATE', cell: (row) => row.state },
  { heading: 'SCOPE', cell: (row) => row.scope, min: 12 },
  { heading: 'REASON', cell: (row) => row.reason, min: 12, drop: 1 },
  { heading: 'EXAMINED', cell: (row) => String(row.examined), align: 'right', drop: 2 },
  { heading: 'REPRICED', cell: (row) => String(row.repriced), align: 'right' },
  { heading: 'UNKNOWN', cell: (row) => String(row.unknown), align: 'right' },
  { heading: 'MOVED', cell: (row) => `$${row.movedUsd}`, align: 'right' },
  { heading: 'CREATED', cell: (row) => row.created },
];
const ENTRY_COLUMNS: readonly Column<Entry>[] = [
  { heading: 'VERSION', cell: (row) => String(row.version), align: 'right' },
  { heading: 'PRICE', cell: (row) => row.priceState },
  { heading: 'AMOUNT', cell: (row) => `$${row.amountUsd}`, align: 'right' },
  { heading: 'SOURCE', cell: (row) => row.rateSource, min: 16 },
  { heading: 'REASON', cell: (row) => row.reason, min: 12, drop: 1 },
  { heading: 'CREATED', cell: (row) => row.created },
];

/** Adds the commands. */
export function addReprice(prices: Command, io: CliIo): void {
  withApiOptions(prices.command('reprice'))
    .description('Price events again: those of unknown price, or all of a range. Old entries stay.')
    .requiredOption('--reason <text>', 'kept on every entry')
    .option('--from <time>', 'the first instant')
    .option('--until <time>', 'the first instant that is out')
    .option('--all', 'also events whose price is known: they get the price that holds for their time now')
    .option('--wait', 'until it is done')
    .action(async (options: RepriceOptions) => {
      const { reason, from, until } = options;
      const body = { reason, from, until, scope: options.all ? 'all' : 'unknown' };
      const begun = await createApiClient(io, options).send<Run>('POST', `${PATH}/reprice`, body);
      const run = options.wait ? await waitFor(io, options, begun.id) : begun;
      if (options.json) printJson(io, run);
      else printRows(io, RUN_COLUMNS, [run], '');
    });
  withApiOptions(prices.command('repricings'))
    .description('List passes that price events again, with how far they have come.')
    .action(async (options: ApiOptions) => {
      const rows = await createApiClient(io, options).list<Run>(`${PATH}/reprice`);
      if (options.json) printJson(io, rows);
      else printRows(io, RUN_COLUMNS, rows, 'nothing was priced again');
    });
  withApiOptions(prices.command('history'))
    .description('Every price that an event had; the last one is what it costs.')
    .argument('<transactionId>')
    .action(async (transactionId: string, options: ApiOptions) => {
      const path = `${PATH}/entries/${encodeURIComponent(transactionId)}`;
      const answer = await createApiClient(io, options).get<{ _embedded: { objectList: Entry[] } }>(path);
      const rows = answer._embedded.objectList;
      if (options.json) printJson(io, rows);
      else printRows(io, ENTRY_COLUMNS, rows, '');
    });
}

async function waitFor(io: CliIo, options: ApiOptions, id: string): Promise<Run> {
  const client = createApiClient(io, options);
  const untilMs = io.runtime.monotonicNow() + WAIT_MAX_MS;
  for (;;) {
    const run = (await client.list<Run>(`${PATH}/reprice`)).find((one) => one.id === id);
    if (run === undefined) throw new CliFailure('the repricing is not there any more');
    if (run.state === 'done') return run;
    if (io.runtime.monotonicNow() > untilMs) {
      throw new CliFailure('the repricing goes on; see fusewire prices repricings');
    }
    await new Promise<void>((resolve) => io.runtime.setTimer(resolve, POLL_MS, { keepAlive: true }));
  }
}
