// Whole gateways, killed under load: what was answered is in the ledger once and as it was, what was under way is in it as
// an estimate, no budget leaks and none is overrun. `npm run torture -- --gateway` does more of it.
import { expect, test } from 'vitest';
import { openPostgresStore } from '../../../../service/store/postgres/open-postgres-store.js';
import { openSqliteStore } from '../../../../service/store/sqlite/open-sqlite-store.js';
import { usePostgres } from '../../postgres-support.js';
import { quietRuntime } from '../books/books-support.js';
import { type KillResult, killGateways } from './kill-rounds.js';

const server = usePostgres();
const runtime = quietRuntime();

function isWhole(result: KillResult, rounds: number): void {
  expect(result.problems).toEqual([]);
  // There was something to lose, and something was lost on the way.
  expect(result.answered).toBeGreaterThan(10 * rounds);
  expect(result.recovered).toBeGreaterThan(0);
  expect(result.sent).toBeGreaterThan(result.answered);
  expect(result.refused).toBeGreaterThan(0);
}

test('on SQLite', { timeout: 200_000 }, async () => {
  const open = (folder: string) => openSqliteStore({ file: `${folder}/fusewire.db`, runtime, inProcess: true });
  isWhole(await killGateways(3, { replicas: 1, open }), 3);
});

test('two replicas on PostgreSQL', { timeout: 200_000 }, async () => {
  const databaseUrl = await server.createMigrated();
  const open = () => openPostgresStore({ url: databaseUrl, runtime });
  isWhole(await killGateways(2, { replicas: 2, databaseUrl, open }), 2);
});
