/** `fusewire rebuild`: balances compared with the events they come from, and made anew where they differ. */
import type { Command } from 'commander';
import type { LocalDoor } from '../admin/data-folder.js';
import { LOCAL_REBUILD_PATH, LOCAL_TEAMS_PATH, LONG_LIMIT_MS } from '../admin/local-admin-route.js';
import { askDoor, DoorError, findOpenDoor } from '../admin/local-door.js';
import { rebuildBalances, type TeamBalances } from '../admin/maintenance-commands.js';
import type { Store, Team } from '../store/store.js';
import { CliAnswerNo, CliFailure, type CliIo } from './io.js';
import { localConfig } from './local-config.js';
import { withStoreAlone } from './local-store.js';
import { NEEDS_EITHER } from './needs.js';
import { type Column, printJson, printRows, visible } from './print.js';

interface RebuildOptions {
  readonly dataDir?: string;
  readonly team?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Who carries it out: the running service, or this command alone. */
interface Hands {
  teams(): Promise<readonly Pick<Team, 'id'>[]>;
  rebuild(teamId: string, dryRun: boolean): Promise<TeamBalances | undefined>;
}

const COLUMNS: readonly Column<TeamBalances>[] = [
  { heading: 'TEAM', cell: (row) => row.teamId, drop: 1 },
  { heading: 'NAME', cell: (row) => row.name, min: 12 },
  { heading: 'BALANCES', cell: (row) => String(row.checked), align: 'right' },
  { heading: 'WRONG', cell: (row) => String(row.differences), align: 'right' },
  { heading: 'CONTROLS REBUILT', cell: (row) => String(row.rebuilt), align: 'right' },
];

/** Adds the command. */
export function addRebuild(program: Command, io: CliIo): void {
  program
    .command('rebuild')
    .description('Compare balances with the events they come from, and make wrong ones anew, a team a transaction.')
    .option('--team <id>', 'this team only')
    .option('--dry-run', 'compare and change nothing; exit code 3 where something is wrong')
    .option('--data-dir <folder>', 'the data folder (FUSEWIRE_DATA_DIR, ./fusewire-data)')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `${NEEDS_EITHER}\nA team that is compared is recorded a little later: all its events are read.`,
    )
    .action(async (options: RebuildOptions) => {
      const dryRun = options.dryRun === true;
      const teams = await run(io, options, dryRun);
      if (options.json) printJson(io, { dryRun, teams });
      else show(io, teams, dryRun);
      if (dryRun && teams.some(({ differences }) => differences > 0)) throw new CliAnswerNo('balances differ');
    });
}

async function run(io: CliIo, options: RebuildOptions, dryRun: boolean): Promise<readonly TeamBalances[]> {
  const config = localConfig(io, options);
  const all = async (hands: Hands): Promise<readonly TeamBalances[]> => {
    const done: TeamBalances[] = [];
    for (const { id } of options.team === undefined ? await hands.teams() : [{ id: options.team }]) {
      const found = await hands.rebuild(id, dryRun);
      if (found === undefined) throw new CliFailure(`there is no team ${id}`);
      done.push(found);
    }
    return done;
  };
  const door = await findOpenDoor(config.dataDir);
  return door === undefined
    ? withStoreAlone(io, config, (store) => all(handsOfStore(store)))
    : all(handsOfService(door));
}

function handsOfStore(store: Store): Hands {
  return {
    teams: () => store.listTeams(),
    rebuild: (teamId, dryRun) => rebuildBalances(store, teamId, dryRun),
  };
}

function handsOfService(door: LocalDoor): Hands {
  return {
    teams: async () => (await askDoor<{ teams: readonly Team[] }>(door, LOCAL_TEAMS_PATH, {})).teams,
    rebuild: (teamId, dryRun) =>
      askDoor<TeamBalances>(door, LOCAL_REBUILD_PATH, { teamId, dryRun }, LONG_LIMIT_MS).catch((error: unknown) => {
        if (!(error instanceof DoorError)) throw error;
        if (error.status === 404) return undefined;
        throw new CliFailure(`the service answered ${error.status}: ${error.message}`);
      }),
  };
}

function show(io: CliIo, teams: readonly TeamBalances[], dryRun: boolean): void {
  printRows(io, COLUMNS, teams, 'there is no team yet');
  for (const { teamId, wrong, differences } of teams) {
    for (const words of wrong) io.err(visible(`${teamId}: ${words}`));
    if (differences > wrong.length) io.err(`${teamId}: and ${differences - wrong.length} more`);
  }
  const differ = teams.some(({ differences }) => differences > 0);
  if (differ && dryRun) io.err('nothing was changed; without --dry-run these are made anew');
}
