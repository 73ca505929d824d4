/** `fusewire import`: takes over what another gateway kept. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { findOpenDoor } from '../admin/local-door.js';
import type { LmsvrReport } from '../lmsvr/lmsvr-import.js';
import type { Store } from '../store/store.js';
import { CliAnswerNo, CliFailure, type CliIo, CliUsageError } from './io.js';
import { localConfig } from './local-config.js';
import { withStoreAlone } from './local-store.js';
import { printJson, visible } from './print.js';

interface ImportOptions {
  readonly dataDir?: string;
  readonly team?: string;
  readonly source: string;
  readonly zeroBudget?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const HELP = `
Customers keep their keys: only hashes are read, and they are taken over. Usage keeps its cost and its time, so that budgets
of this month count it. Run it as often as you like: what is there stays as it is. The file is only read, and may be in use.
On the machine of the service, while that is stopped; with PostgreSQL also while services run.
Exit code 0: all of it; 3: something could not be taken over, and is told.`;

/** Adds the command. */
export function addImport(program: Command, io: CliIo): void {
  program
    .command('import')
    .description('Take over customers, keys, prices and usage of another gateway.')
    .command('lmsvr')
    .description('From the SQLite database of the Ollama gateway (lmsvr).')
    .argument('<file>', 'for instance data/lmsvr.db')
    .option('--dry-run', 'look and say, and change nothing')
    .option('--zero-budget <meaning>', 'what a budget of 0 becomes: unlimited (as it was there) or blocked')
    .option('--source <name>', 'stands in the ids of events; a second database needs another one', 'lmsvr')
    .option('--team <id>', 'the team (the first one)')
    .option('--data-dir <folder>', 'the data folder (FUSEWIRE_DATA_DIR, ./fusewire-data)')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (file: string, options: ImportOptions) => {
      const report = await run(io, resolve(io.workingDir, file), options);
      if (options.json) printJson(io, { dryRun: options.dryRun === true, ...report });
      else show(io, report, options.dryRun === true);
      if (report.problems.length > 0) throw new CliAnswerNo('not everything was taken over');
    });
}

async function run(io: CliIo, file: string, options: ImportOptions): Promise<LmsvrReport> {
  const { source, zeroBudget } = options;
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(source)) {
    throw new CliUsageError(`--source is a short name like lmsvr, not '${source}'`);
  }
  if (zeroBudget !== undefined && zeroBudget !== 'unlimited' && zeroBudget !== 'blocked') {
    throw new CliUsageError(`--zero-budget is unlimited or blocked, not '${zeroBudget}'`);
  }
  const config = localConfig(io, options);
  const door = config.databaseUrl === undefined ? await findOpenDoor(config.dataDir) : undefined;
  if (door !== undefined) {
    throw new CliFailure(`the service at ${door.url} has the database open: stop it, import, and start it again`);
  }
  const { LmsvrDatabaseError, openLmsvrDatabase } = await import('../lmsvr/lmsvr-database.js');
  const from = await openLmsvrDatabase(file).catch((error: unknown) => {
    throw error instanceof LmsvrDatabaseError ? new CliFailure(error.message) : error;
  });
  try {
    const zeros = from.customers().filter(({ budget }) => budget !== null && Number(budget) === 0);
    if (zeros.length > 0 && zeroBudget === undefined) {
      const names = zeros.slice(0, 5).map(({ email }) => email);
      throw new CliUsageError(
        `a budget of 0 meant no limit there and lets nothing pass here; say --zero-budget unlimited or blocked for ${names.join(', ')}${zeros.length > 5 ? ` and ${zeros.length - 5} more` : ''}`,
      );
    }
    const { importLmsvr } = await import('../lmsvr/lmsvr-import.js');
    return await withStoreAlone(io, config, async (store) => {
      const teamId = await teamOf(store, options.team);
      const isDryRun = options.dryRun === true;
      const meaning = zeroBudget ?? 'unlimited';
      return importLmsvr({ store, teamId, from, source, isDryRun, zeroBudget: meaning, nowMs: io.runtime.now() });
    });
  } finally {
    from.close();
  }
}

async function teamOf(store: Store, wanted: string | undefined): Promise<string> {
  const team = wanted === undefined ? (await store.listTeams())[0] : await store.getTeam(wanted);
  if (team !== undefined) return team.id;
  throw new CliFailure(
    wanted === undefined ? 'there is no team; `fusewire serve` makes one' : `there is no team ${wanted}`,
  );
}

function show(io: CliIo, report: LmsvrReport, isDryRun: boolean): void {
  const { green, red, yellow } = io.colors;
  const { customers, keys, prices, events } = report;
  const made = isDryRun ? 'to be made' : 'made';
  io.out(`${green('✓')} customers: ${customers.made} ${made}, ${customers.there} there already`);
  io.out(`${green('✓')} keys: ${keys.made} ${made} (${keys.ended} of them ended), ${keys.there} there already`);
  io.out(`${green('✓')} prices: ${prices.made} ${made}, ${prices.there} there already`);
  if (isDryRun) io.out(`${green('✓')} usage: ${events.total - events.skipped} of ${events.total} rows to be recorded`);
  else io.out(`${green('✓')} usage: ${events.stored} rows recorded, ${events.there} there already`);
  const here = {
    free: 'and is free here, as every model of Ollama is declared to be',
    priced: 'and costs here what is declared for every model of Ollama',
    unknown: 'and has no price here, so that a customer with a budget is refused',
  }[report.unpricedHere];
  for (const model of report.unpricedModels) {
    const keep = `fusewire prices set ${model} 0.01 0 --provider OLLAMA`;
    io.out(
      `${yellow('!')} ${visible(`${model} had no price of its own: it cost a cent a request there, ${here}. To keep it: ${keep}`)}`,
    );
  }
  for (const problem of report.problems) io.out(`${red('✗')} ${visible(problem)}`);
}
