/** `fusewire keys`: works on the data folder, through the service that holds it where one runs. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type KeyCommand, type KeyCommandResult, type KeySummary, runKeyCommand } from '../admin/key-commands.js';
import { findOpenDoor, sendKeyCommand } from '../admin/local-door.js';
import type { KeyScope } from '../store/store.js';
import { CliFailure, type CliIo, CliUsageError } from './io.js';
import { localConfig } from './local-config.js';
import { withStoreAlone } from './local-store.js';
import { NEEDS_EITHER } from './needs.js';
import { type Column, printJson, printRows } from './print.js';

interface KeysOptions {
  readonly local?: boolean;
  readonly dataDir?: string;
  readonly json?: boolean;
  readonly team?: string;
}

const COLUMNS: readonly Column<KeySummary>[] = [
  { heading: 'ID', cell: (key) => key.id },
  { heading: 'TEAM', cell: (key) => key.teamId },
  { heading: 'SCOPE', cell: (key) => key.scope },
  { heading: 'ENDS IN', cell: (key) => key.hint },
  { heading: 'LABEL', cell: (key) => key.label },
  { heading: 'RATE', cell: (key) => (key.ratePerSecond === null ? '' : String(key.ratePerSecond)), align: 'right' },
  { heading: 'CREATED', cell: (key) => key.created },
  { heading: 'REVOKED', cell: (key) => key.revoked ?? '' },
];

/** Adds the commands. */
export function addKeys(program: Command, io: CliIo): void {
  const keys = program.command('keys').description('Make, list and revoke API keys on the machine of the service.');
  const common = (command: Command) =>
    command
      .option('--local', 'work on the data folder of this machine (required)')
      .option('--data-dir <folder>', 'the data folder (FUSEWIRE_DATA_DIR, ./fusewire-data)')
      .option('--json', 'print JSON')
      .addHelpText('after', NEEDS_EITHER);
  common(keys.command('create'))
    .description('Make a key and print it, once.')
    .addOption(new Option('--scope <scope>', 'what it may do').choices(['metering', 'write']).default('metering'))
    .option('--label <text>', 'for people', '')
    .option('--team <id>', 'the team (the first one)')
    .option('--rate <number>', "requests a second (the service's limit)", wholeRate)
    .action(async (options: KeysOptions & { scope: KeyScope; label: string; rate?: number }) => {
      const { scope, label, team: teamId, rate: ratePerSecond } = options;
      const result = await run(io, options, { command: 'create', scope, label, teamId, ratePerSecond });
      if (result.outcome === 'created') printCreated(io, options, result.key, result.summary);
    });
  common(keys.command('list'))
    .description('List keys, revoked ones too. A key itself cannot be shown again.')
    .option('--team <id>', 'the team (the first one)')
    .option('--all-teams', 'of every team')
    .action(async (options: KeysOptions & { allTeams?: boolean }) => {
      const { team: teamId, allTeams } = options;
      if (teamId !== undefined && allTeams) throw new CliUsageError('give either --team or --all-teams');
      const result = await run(io, options, { command: 'list', teamId, allTeams });
      if (result.outcome !== 'listed') return;
      if (options.json) printJson(io, result.keys);
      else printRows(io, COLUMNS, result.keys, 'no keys');
    });
  common(keys.command('rotate'))
    .description('Make a key like this one and print it, once; this one is revoked.')
    .argument('<id>', 'the id that `keys list` shows')
    .option('--keep-old', 'leave it as it is, to be revoked when nobody uses it any more')
    .action(async (id: string, options: KeysOptions & { keepOld?: boolean }) => {
      const result = await run(io, options, { command: 'rotate', id, keepOld: options.keepOld });
      if (result.outcome === 'created') printCreated(io, options, result.key, result.summary);
    });
  common(keys.command('revoke'))
    .description('Revoke a key: from now on it is refused.')
    .argument('<id>', 'the id that `keys list` shows')
    .action(async (id: string, options: KeysOptions) => {
      await run(io, options, { command: 'revoke', id });
      if (options.json) printJson(io, { id, revoked: true });
      else io.out(`revoked ${id}`);
    });
}

async function run(io: CliIo, options: KeysOptions, command: KeyCommand): Promise<KeyCommandResult> {
  if (options.local !== true) throw new CliUsageError('keys are made on the machine of the service: add --local');
  const config = localConfig(io, options);
  const door = await findOpenDoor(config.dataDir);
  const result =
    door === undefined
      ? await withStoreAlone(io, config, (store) => runKeyCommand(store, command))
      : await sendKeyCommand(door, command);
  if (result.outcome === 'refused') throw new CliFailure(result.reason);
  return result;
}

function wholeRate(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('it must be a whole number of requests a second, from 1 to 999999.');
}

function printCreated(io: CliIo, options: KeysOptions, key: string, summary: KeySummary): void {
  if (options.json) {
    printJson(io, { key, ...summary });
    return;
  }
  // Ready to be appended to a .env file; the words go to standard error.
  io.err('# Shown this once:');
  io.out(`REVENIUM_TEAM_ID=${summary.teamId}`);
  io.out(`${summary.scope === 'write' ? 'REVENIUM_WRITE_API_KEY' : 'REVENIUM_METERING_API_KEY'}=${key}`);
}
