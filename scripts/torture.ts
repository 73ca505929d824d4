// `npm run torture -- [--rounds 200] [--store sqlite|postgres|both]`: services and database servers are killed with
// kill -9 under load, over and over; after every ten rounds with a new database. Ends with 1 where anything is wrong.
import { parseArgs } from 'node:util';
import { startEmbedded } from '../test/service/postgres-support.js';
import { killPostgresServices, killSqliteService, type RoundsResult } from '../test/service/store-crash-rounds.js';

const EPOCH = 10;
const USAGE = 'npm run torture -- [--rounds 200] [--store sqlite|postgres|both]\n';

type StoreName = 'sqlite' | 'postgres';

function readArguments(): { readonly rounds: number; readonly stores: readonly StoreName[] } {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '200' }, store: { type: 'string', default: 'both' } },
  });
  const rounds = Number(values.rounds);
  const stores = (['sqlite', 'postgres'] as const).filter((name) => values.store === 'both' || values.store === name);
  if (!Number.isSafeInteger(rounds) || rounds < 1 || stores.length === 0) {
    process.stderr.write(USAGE);
    process.exit(2);
  }
  return { rounds, stores };
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

const { rounds, stores } = readArguments();
let problems = 0;
for (const name of stores) {
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
