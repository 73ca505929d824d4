/**
 * `fusewire keys`: the service's own keys, on the data folder, through the service that holds it where one runs; and, where
 * a customer or the id of one's key is named, the keys of the gateway, over the API.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type KeyCommand, type KeyCommandResult, type KeySummary, runKeyCommand } from '../admin/key-commands.js';
import { findOpenDoor, sendKeyCommand } from '../admin/local-door.js';
import type { KeyScope } from '../store/store.js';
import type { ApiOptions } from './api-client.js';
import {
  createGatewayKey,
  type GatewayKeyOptions,
  isGatewayKeyId,
  listGatewayKeys,
  refuseKeySettings,
  revokeGatewayKey,
  rotateGatewayKey,
  withKeySettings,
} from './gateway-keys.js';
import { CliFailure, type CliIo, CliUsageError } from './io.js';
import { localConfig } from './local-config.js';
import { withStoreAlone } from './local-store.js';
import { NEEDS_EITHER } from './needs.js';
import { type Column, printJson, printRows } from './print.js';

interface KeysOptions extends ApiOptions {
  readonly local?: boolean;
}

type CreateOptions = KeysOptions & GatewayKeyOptions & { readonly scope: KeyScope; readonly label: string };
type ListOptions = KeysOptions & { readonly allTeams?: boolean; readonly customers?: boolean };
type RotateOptions = KeysOptions & { readonly keepOld?: boolean; readonly overlap?: string };

const BOTH_KINDS = `
Keys of customers (gk_…) need the running service, as \`fusewire customers\` does. Keys of the service, with --local:${NEEDS_EITHER}`;

const COLUMNS: readonly Column<KeySummary>[] = [
  { heading: 'ID', cell: (key) => key.id },
  { heading: 'TEAM', cell: (key) => key.teamId, drop: 3 },
  { heading: 'SCOPE', cell: (key) => key.scope },
  { heading: 'ENDS IN', cell: (key) => key.hint },
  { heading: 'LABEL', cell: (key) => key.label, min: 10 },
  {
    heading: 'RATE',
    cell: (key) => (key.ratePerSecond === null ? '' : String(key.ratePerSecond)),
    align: 'right',
    drop: 2,
  },
  { heading: 'CREATED', cell: (key) => key.created, drop: 1 },
  { heading: 'REVOKED', cell: (key) => key.revoked ?? '' },
];

/** Adds the commands. */
export function addKeys(program: Command, io: CliIo): void {
  const keys = program
    .command('keys')
    .description('Keys of customers for the gateway, and, with --local, the API keys of the service itself.');
  addCreate(withCommon(keys.command('create')), io);
  addList(withCommon(keys.command('list')), io);
  addRotate(withCommon(keys.command('rotate')), io);
  withCommon(keys.command('revoke'))
    .description('Revoke a key: from now on it is refused.')
    .argument('<id>', 'the id that `keys list` shows')
    .action(async (id: string, options: KeysOptions) => {
      if (isGatewayKeyId(id)) return revokeGatewayKey(io, id, overApi(options));
      await run(io, options, { command: 'revoke', id });
      if (options.json) printJson(io, { id, revoked: true });
      else io.out(`revoked ${id}`);
    });
}

function withCommon(command: Command): Command {
  return command
    .option('--local', 'for keys of the service, which need it: work on the data folder of this machine')
    .option('--data-dir <folder>', 'the data folder (FUSEWIRE_DATA_DIR, ./fusewire-data)')
    .option('--json', 'print JSON')
    .option('--url <address>', 'for keys of customers: the service (REVENIUM_METERING_BASE_URL)')
    .option('--key <key>', 'for keys of customers: the write key (REVENIUM_WRITE_API_KEY)')
    .option('--team <id>', 'the team (the first one)')
    .addHelpText('after', BOTH_KINDS);
}

function addCreate(command: Command, io: CliIo): void {
  withKeySettings(command)
    .description('Make a key and print it, once: of a customer for the gateway, or else of the service.')
    .argument('[customer]', 'the id (cus_…), the number or the e-mail address')
    .addOption(new Option('--scope <scope>', 'what it may do').choices(['metering', 'write']).default('metering'))
    .option('--label <text>', 'for people', '')
    .option('--rate <number>', "requests a second (the service's limit)", wholeRate)
    .action(async (customer: string | undefined, options: CreateOptions) => {
      if (customer !== undefined) {
        if (command.getOptionValueSource('scope') === 'cli') {
          throw new CliUsageError('--scope is for keys of the service; a key of a customer calls the gateway');
        }
        return createGatewayKey(io, customer, overApi(options));
      }
      refuseKeySettings(options);
      const { scope, label, team: teamId, rate: ratePerSecond } = options;
      const result = await run(io, options, { command: 'create', scope, label, teamId, ratePerSecond });
      if (result.outcome === 'created') printCreated(io, options, result.key, result.summary);
    });
}

function addList(command: Command, io: CliIo): void {
  command
    .description('List keys, revoked ones too. A key itself cannot be shown again.')
    .argument('[customer]', 'of this customer: the id (cus_…), the number or the e-mail address')
    .option('--customers', 'of all customers')
    .option('--all-teams', 'keys of the service, of every team')
    .action(async (customer: string | undefined, options: ListOptions) => {
      const { team: teamId, allTeams } = options;
      if (customer !== undefined || options.customers) {
        const both = customer !== undefined && options.customers;
        if (both || allTeams) throw new CliUsageError('give a customer, --customers or --all-teams, not several');
        return listGatewayKeys(io, customer, overApi(options));
      }
      if (teamId !== undefined && allTeams) throw new CliUsageError('give either --team or --all-teams');
      const result = await run(io, options, { command: 'list', teamId, allTeams });
      if (result.outcome !== 'listed') return;
      if (options.json) printJson(io, result.keys);
      else printRows(io, COLUMNS, result.keys, 'no keys');
    });
}

function addRotate(command: Command, io: CliIo): void {
  command
    .description(
      'Make a new secret and print it, once. A key of a customer (gk_…) keeps its id; one of the service is revoked.',
    )
    .argument('<id>', 'the id that `keys list` shows')
    .option('--keep-old', 'of the service: leave it as it is, to be revoked when nobody uses it any more')
    .option('--overlap <span>', 'of a customer: how long the secret before goes on, for instance 1h (it stops at once)')
    .action(async (id: string, options: RotateOptions) => {
      if (isGatewayKeyId(id)) {
        if (options.keepOld) throw new CliUsageError('--keep-old is for keys of the service; give --overlap, as in 1h');
        return rotateGatewayKey(io, id, overApi(options));
      }
      if (options.overlap !== undefined) {
        throw new CliUsageError('--overlap is for keys of customers (gk_…); a key of the service takes --keep-old');
      }
      const result = await run(io, options, { command: 'rotate', id, keepOld: options.keepOld });
      if (result.outcome === 'created') printCreated(io, options, result.key, result.summary);
    });
}

/** Keys of customers are nowhere but in the running service. */
function overApi<T extends KeysOptions>(options: T): T {
  if (options.local !== true) return options;
  throw new CliUsageError('--local is for keys of the service; those of customers are made through it: leave it out');
}

async function run(io: CliIo, options: KeysOptions, command: KeyCommand): Promise<KeyCommandResult> {
  if (options.local !== true) {
    const named = {
      create: 'for a key of the gateway name its customer',
      list: 'for keys of the gateway name a customer, or add --customers for those of all',
      rotate: 'a key of the gateway has an id that begins with gk_',
      revoke: 'a key of the gateway has an id that begins with gk_',
    }[command.command];
    throw new CliUsageError(`${named}; for keys of the service itself, on its machine, add --local`);
  }
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
