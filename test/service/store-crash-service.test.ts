// Whole services, killed under load: kill -9 of the service on SQLite, of a replica and of the server on PostgreSQL.
import { expect, test } from 'vitest';
import { SERVER_IS_GIVEN, usePostgres } from './postgres-support.js';
import { killPostgresServices, killSqliteService, type RoundsResult } from './store-crash-rounds.js';

const ROUNDS = 10;
const server = usePostgres({ flushes: true });

function isWhole(result: RoundsResult): void {
  expect(result.problems).toEqual([]);
  // There was something to lose.
  expect(result.acknowledged).toBeGreaterThan(20 * result.rounds);
  expect(result.stored).toBeGreaterThanOrEqual(result.acknowledged);
  expect(result.checkedBalances).toBeGreaterThan(3);
}

test(`I4, I6, I9: a service on SQLite that is killed ${ROUNDS} times keeps what it acknowledged, once, and comes back`, {
  timeout: 400_000,
}, async () => {
  isWhole(await killSqliteService(ROUNDS));
});

test.skipIf(SERVER_IS_GIVEN)(
  `I4, I6, I9: with replicas and the server killed in turn, ${ROUNDS} times, PostgreSQL keeps what was acknowledged, once`,
  { timeout: 400_000 },
  async () => {
    isWhole(await killPostgresServices(server, ROUNDS));
  },
);
