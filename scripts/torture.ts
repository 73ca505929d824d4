// `npm run torture -- [--rounds 200] [--store sqlite|postgres|both] [--gateway | --holds]`: services and database servers are killed
// with kill -9 under load, over and over; after every ten rounds with a new database. `--gateway`: services with their
// gateways are, under calls. `--holds`: programs with the SDK that hold slices of a hard budget are, under calls. Ends with 1 where anything is wrong.
import { parseArgs } from 'node:util';
import { createRuntime } from 'fusewire/internal';
import { openPostgresStore } from '../service/store/postgres/open-postgres-store.js';
import { openSqliteStore } from '../service/store/sqlite/open-sqlite-store.js';
import { killSdkRounds } from '../test/holds/overspend/kill-sdk-rounds.js';
import { killGateways } from '../test/service/gateway/money/kill-rounds.js';
import { startEmbedded } from '../test/service/postgres-support.js';
import { killPostgresServices, killSqliteService, type RoundsResult } from '../test/service/store-crash-rounds.js';

const EPOCH = 10;
const USAGE = 'npm run torture -- [--rounds 200] [--store sqlite|postgres|both] [--gateway | --holds]\n';

type StoreName = 'sqlite' | 'postgres';

interface Arguments {
  readonly rounds: number;
  readonly stores: readonly StoreName[];
  readonly gateway: boolean;
  readonly holds: boolean;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '200' },
      store: { type: 'string', default: 'both' },
      gateway: { type: 'boolean', default: false },
      holds: { type: 'boolean', default: false },
    },
  });
  const rounds = Number(values.rounds);
  const stores = (['sqlite', 'postgres'] as const).filter((name) => values.store === 'both' || values.store === name);
  if (!Number.isSafeInteger(rounds) || rounds < 1 || stores.length === 0) {
    process.stderr.write(USAGE);
    process.exit(2);
  }
  return { rounds, stores, gateway: values.gateway, holds: values.holds };
}

async function torture(rounds: number, run: (rounds: number) => Promise<RoundsResult>): Promise<RoundsResult> {
  const results: RoundsResult[] = [];
  for (let done = 0; done < rounds; done += EPOCH) {
    const result = await run(Math.min(EPOCH, rounds - done));
    results.push(result);
    for (const problem of result.problems) process.stdout.write(`rounds ${done} to ${done + EPOCH}: ${problem}\n`);
  }
  const sum = (name: Exclude<keyof RoundsResult, 'problems'>) => results.reduce((all, one) => all + one[name], 0);
  return {
    rounds: sum('rounds'),
    kills: sum('kills'),
    acknowledged: sum('acknowledged'),
    stored: sum('stored'),
    failedRequests: sum('failedRequests'),
    checkedBalances: sum('checkedBalances'),
    problems: results.flatMap(({ problems }) => problems),
  };
}

async function tortureStore(name: StoreName, rounds: number): Promise<RoundsResult> {
  if (name === 'sqlite') return torture(rounds, killSqliteService);
  const server = await startEmbedded(true);
  try {
    return await torture(rounds, (some) => killPostgresServices(server, some));
  } finally {
    await server.remove();
  }
}

/** Gateways that are killed under calls; two on one database, where the store can be shared. */
async function tortureGateway(name: StoreName, rounds: number): Promise<number> {
  const runtime = createRuntime({}, 'CRITICAL');
  const server = name === 'sqlite' ? undefined : await startEmbedded();
  let wrong = 0;
  try {
    for (let done = 0; done < rounds; done += EPOCH) {
      const url = await server?.createMigrated();
      const result = await killGateways(Math.min(EPOCH, rounds - done), {
        replicas: url === undefined ? 1 : 2,
        ...(url === undefined ? {} : { databaseUrl: url }),
        open: (folder) =>
          url === undefined
            ? openSqliteStore({ file: `${folder}/fusewire.db`, runtime, inProcess: true })
            : openPostgresStore({ url, runtime }),
      });
      const { problems, ...counts } = result;
      wrong += problems.length;
      for (const problem of problems) process.stdout.write(`rounds ${done} to ${done + EPOCH}: ${problem}\n`);
      process.stdout.write(
        `${name}, gateways, after ${Math.min(done + EPOCH, rounds)} rounds: ${JSON.stringify(counts)}\n`,
      );
    }
  } finally {
    await server?.remove();
  }
  return wrong;
}

/** Programs that are killed while they hold; with another seed after every ten rounds. */
async function tortureHolds(rounds: number): Promise<number> {
  let wrong = 0;
  for (let done = 0; done < rounds; done += EPOCH) {
    const { problems, ...counts } = await killSdkRounds(Math.min(EPOCH, rounds - done), done + 1);
    wrong += problems.length;
    for (const problem of problems) process.stdout.write(`rounds ${done} to ${done + EPOCH}: ${problem}\n`);
    process.stdout.write(`holds, after ${Math.min(done + EPOCH, rounds)} rounds: ${JSON.stringify(counts)}\n`);
  }
  return wrong;
}

const { rounds, stores, gateway, holds } = readArguments();
let problems = holds ? await tortureHolds(rounds) : 0;
for (const name of holds ? [] : stores) {
  if (gateway) {
    problems += await tortureGateway(name, rounds);
    continue;
  }
  const begun = performance.now();
  const result = await tortureStore(name, rounds);
  problems += result.problems.length;
  const seconds = Math.round((performance.now() - begun) / 1_000);
  process.stdout.write(
    `${name}: ${result.kills} kills in ${result.rounds} rounds, ${seconds} s: ${result.acknowledged} events acknowledged, ` +
      `${result.stored} stored, ${result.failedRequests} requests sent again, ${result.checkedBalances} balances compared; ` +
      `${result.problems.length === 0 ? 'nothing lost, nothing twice, every balance right' : `${result.problems.length} PROBLEMS`}\n`,
  );
}
process.exitCode = problems === 0 ? 0 : 1;
