/** `fusewire dead-letters`: usage events of the gateway that the ledger did not take, and the way to bring them into it. */
import type { Command } from 'commander';
import { type DeadLetter, readDeadLetters } from 'fusewire/internal';
import { readCredentialSecret, sharedCredentialSecret } from '../admin/data-folder.js';
import { LOCAL_LETTERS_PATH, LOCAL_TEAMS_PATH, LONG_LIMIT_MS } from '../admin/local-admin-route.js';
import { askDoor, DoorError, findOpenDoor } from '../admin/local-door.js';
import type { ServiceConfig } from '../config.js';
import { outboxFolder } from '../gateway/books/outbox-folder.js';
import { type Replayed, replayLetters } from '../gateway/books/replay-letters.js';
import { createCredentialProtector } from '../ingest/protect-credential.js';
import type { Store, Team } from '../store/store.js';
import { CliAnswerNo, CliFailure, type CliIo } from './io.js';
import { localConfig } from './local-config.js';
import { withStoreAlone } from './local-store.js';
import { NEEDS_EITHER } from './needs.js';
import { type Column, printJson, printRows, visible } from './print.js';

interface LettersOptions {
  readonly dataDir?: string;
  readonly team?: string;
  readonly json?: boolean;
}

/** Those of a team, with the folder that they are in. */
interface Kept {
  readonly teamId: string;
  readonly folder: string;
  readonly letters: readonly DeadLetter[];
}

/** Who knows the teams, and records: the running service, or this command alone. */
interface Hands {
  teams(): Promise<readonly Pick<Team, 'id'>[]>;
  replay(teamId: string, folder: string): Promise<Replayed>;
}

const HELP = `${NEEDS_EITHER}
They are in dead-letters.jsonl below gateway-outbox of the data folder of the gateway that metered them, a line each, with
the reason. For as long as they are there they count as spent in that gateway. A line that is removed by hand is forgiven.`;

const COLUMNS: readonly Column<Kept & { readonly letter: DeadLetter }>[] = [
  { heading: 'PUT ASIDE', cell: ({ letter }) => letter.at },
  { heading: 'TEAM', cell: ({ teamId }) => teamId },
  { heading: 'TRANSACTION', cell: ({ letter }) => letter.event.transactionId },
  { heading: 'REASON', cell: ({ letter }) => letter.reason },
];

/** Adds the commands. */
export function addDeadLetters(program: Command, io: CliIo): void {
  const letters = program
    .command('dead-letters')
    .description('Usage events of the gateway that could not be recorded.');
  const common = (command: Command) =>
    command
      .option('--team <id>', 'this team only')
      .option('--data-dir <folder>', 'the data folder of the gateway (FUSEWIRE_DATA_DIR, ./fusewire-data)')
      .option('--json', 'print JSON')
      .addHelpText('after', HELP);
  common(letters.command('list'))
    .description('List them, with the reason of each.')
    .action(async (options: LettersOptions) => {
      const config = localConfig(io, options);
      const kept = await withHands(io, config, (hands) => keptOf(hands, config, options));
      if (options.json) return printJson(io, kept);
      const rows = kept.flatMap((one) => one.letters.map((letter) => ({ ...one, letter })));
      printRows(io, COLUMNS, rows, 'everything was recorded');
      for (const { folder } of kept) io.err(visible(`in ${folder}`));
    });
  common(letters.command('replay'))
    .description(
      'Record them now, each once, in the windows of their own time. Exit code 3 where some are refused again.',
    )
    .action(async (options: LettersOptions) => {
      const config = localConfig(io, options);
      const done = await withHands(io, config, async (hands) => {
        const all: (Replayed & { readonly teamId: string })[] = [];
        for (const { teamId, folder } of await keptOf(hands, config, options)) {
          all.push({ teamId, ...(await hands.replay(teamId, folder)) });
        }
        return all;
      });
      if (options.json) printJson(io, done);
      else show(io, done);
      if (done.some(({ left }) => left > 0)) throw new CliAnswerNo('some are refused again');
    });
}

async function keptOf(hands: Hands, { dataDir }: ServiceConfig, { team }: LettersOptions): Promise<readonly Kept[]> {
  const kept: Kept[] = [];
  for (const { id: teamId } of team === undefined ? await hands.teams() : [{ id: team }]) {
    const folder = outboxFolder(dataDir, teamId);
    const { letters } = await readDeadLetters(folder);
    if (letters.length > 0) kept.push({ teamId, folder, letters });
  }
  return kept;
}

async function withHands<T>(io: CliIo, config: ServiceConfig, work: (hands: Hands) => Promise<T>): Promise<T> {
  const door = await findOpenDoor(config.dataDir);
  if (door === undefined) return withStoreAlone(io, config, (store) => work(handsOfStore(io, config, store)));
  const ask = <A>(path: string, body: object) =>
    askDoor<A>(door, path, body, LONG_LIMIT_MS).catch((error: unknown) => {
      if (!(error instanceof DoorError)) throw error;
      throw new CliFailure(`the service answered ${error.status}: ${error.message}`);
    });
  return work({
    teams: async () => (await ask<{ teams: readonly Team[] }>(LOCAL_TEAMS_PATH, {})).teams,
    replay: (teamId, folder) => ask<Replayed>(LOCAL_LETTERS_PATH, { teamId, folder }),
  });
}

function handsOfStore(io: CliIo, { databaseUrl, dataDir }: ServiceConfig, store: Store): Hands {
  return {
    teams: () => store.listTeams(),
    async replay(teamId, folder) {
      const secret = await (databaseUrl === undefined
        ? readCredentialSecret(dataDir)
        : sharedCredentialSecret(store, dataDir));
      const protect = createCredentialProtector(secret);
      const tools = { newId: io.runtime.newId, protect: (value: string) => protect(teamId, value) };
      return replayLetters({ store, teamId, folder, tools });
    },
  };
}

function show(io: CliIo, done: readonly (Replayed & { readonly teamId: string })[]): void {
  if (done.length === 0) io.out('everything was recorded');
  for (const { teamId, recorded, known, left, problems } of done) {
    io.out(`${teamId}: ${recorded} recorded, ${known} recorded before, ${left} refused again`);
    for (const { transactionId, problem } of problems) io.err(visible(`${transactionId}: ${problem}`));
  }
}
