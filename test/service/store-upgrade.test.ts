// A database of the first issue (schema 2), written with its own SQL, goes on where it was.
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDriver } from '../../service/store/sqlite/driver.js';
import { migrate } from '../../service/store/sqlite/migrate.js';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import { readMigrations } from '../../service/store/statements.js';
import type { Store } from '../../service/store/store.js';
import { DAY, event, HOUR, handClock, kindsOf, NOON, rulesOf, tempFolder } from './store-support.js';

const MIDNIGHT = Date.UTC(2026, 7, 19);
let folder: ReturnType<typeof tempFolder>;
let store: Store;
beforeEach(() => {
  folder = tempFolder();
});
afterEach(async () => {
  await store.close();
  folder.remove();
});

/** A team with a tripped control of the day, one by subscriber that warned, one that is off, and one being filled. */
const DATA = `
  UPDATE sequence SET value = 7 WHERE name = 'revision';
  UPDATE sequence SET value = 4 WHERE name = 'rule';
  UPDATE sequence SET value = 1 WHERE name = 'team';
  INSERT INTO team VALUES ('fwOld', 1, 'old', ${MIDNIGHT}, 7, 5, 1);
  INSERT INTO cost_control VALUES
    ('cDay', 1, 'fwOld', 'day', '', 'TOTAL_COST', 'DAILY', 'BLOCK', NULL, NULL, '2', '[]', 0, 1, '[]', 'flag', ${MIDNIGHT}, 1, 1, NULL),
    ('cSub', 2, 'fwOld', 'sub', '', 'TOTAL_COST', 'MONTHLY', 'BLOCK', 'SUBSCRIBER', '1', '9', '[]', 0, 1, '[]', 'refuse', ${Date.UTC(2026, 7, 1)}, 1, 1, NULL),
    ('cOff', 3, 'fwOld', 'off', '', 'TOKEN_COUNT', 'WEEKLY', 'BLOCK', NULL, NULL, '5', '[]', 0, 0, '[]', 'flag', ${MIDNIGHT}, 1, 1, NULL),
    ('cNew', 4, 'fwOld', 'new', '', 'TOTAL_COST', 'WEEKLY', 'BLOCK', NULL, NULL, '2', '[]', 0, 1, '[]', 'flag', ${Date.UTC(2026, 7, 17)}, 1, 1, NULL);
  INSERT INTO usage_event (id, team_id, transaction_id, body_hash, body, received_at_ms, window_time_ms, window_flagged,
    usage_state, model, provider, subscriber_id, input_tokens, output_tokens, total_tokens, cached_tokens, failed) VALUES
    ('0001', 'fwOld', 't1', 'h1', '{}', ${NOON - 2 * HOUR}, ${NOON - 2 * HOUR}, 0, 'reported', 'm', 'OPENAI', 'ann', 0, 0, 0, 0, 0),
    ('0002', 'fwOld', 't2', 'h2', '{}', ${NOON - HOUR}, ${NOON - HOUR}, 0, 'reported', 'm', 'OPENAI', 'ann', 0, 0, 0, 0, 0);
  INSERT INTO price_entry VALUES
    ('0001', 1, 1000000000, 'known', 'recorded', 'caller', 1), ('0002', 1, 1000000000, 'known', 'recorded', 'caller', 1);
  INSERT INTO balance VALUES
    ('cDay', ${MIDNIGHT}, '', ${MIDNIGHT + DAY}, 2000000000, 0, 2),
    ('cSub', ${Date.UTC(2026, 7, 1)}, '', ${Date.UTC(2026, 8, 1)}, 2000000000, 0, 0),
    ('cSub', ${Date.UTC(2026, 7, 1)}, 'ann', ${Date.UTC(2026, 8, 1)}, 2000000000, 0, 1),
    ('cNew', ${Date.UTC(2026, 7, 17)}, '', ${Date.UTC(2026, 7, 24)}, 1000000000, 0, 0);
  INSERT INTO control_fill VALUES ('cNew', 'fwOld', ${NOON - 2 * HOUR}, '0001');
  INSERT INTO enforcement_event VALUES
    ('e1', 'fwOld', 'cDay', 'trip', NULL, '2', '2', ${MIDNIGHT}, ${NOON - HOUR}, 't2'),
    ('e2', 'fwOld', 'cSub', 'warn', 'ann', '2', '1', ${Date.UTC(2026, 7, 1)}, ${NOON - HOUR}, 't2');
  INSERT INTO window_turn VALUES ('DAILY', ${MIDNIGHT}), ('WEEKLY', ${Date.UTC(2026, 7, 17)});
`;

test('controls, balances, open verdicts and a fill of the first issue go on in the schema of today', async () => {
  const file = join(folder.path, 'old.db');
  const driver = await openDriver(file);
  migrate(driver, readMigrations('sqlite').slice(0, 2));
  driver.exec(DATA);
  driver.close();

  const clock = handClock();
  store = await openSqliteStore({ file, runtime: clock.runtime, inProcess: true });
  const nextMs = await store.turnWindows();
  expect(nextMs).toBe(MIDNIGHT + DAY);
  expect((await store.verifyBalances()).wrong).toEqual([]);
  expect(await store.getControl('fwOld', 'cSub')).toMatchObject({
    onUnknownPrice: 'refuse',
    timeZone: 'UTC',
    weekStart: 'MONDAY',
    windowDuration: null,
    assumedPricePerRequest: null,
    onClientLeave: 'auto',
  });
  const seen = async () =>
    (await rulesOf(store, 'fwOld')).map(({ name, breached, currentValue }) => [name, breached, currentValue]);
  // The fill went on behind its cursor, and tripped.
  await expect.poll(seen).toEqual([
    ['day', true, 2],
    ['sub', false, 2],
    ['new', true, 2],
  ]);
  // Nothing that was told is told again.
  expect(await kindsOf(store, 'fwOld')).toEqual(['trip', 'warn ann', 'trip']);

  await store.recordEvents('fwOld', [event(NOON, { totalCost: 7, subscriber: { id: 'ann' } })]);
  clock.advance(12 * HOUR);
  await store.turnWindows();
  expect((await seen()).map(([name, breached]) => [name, breached])).toEqual([
    ['day', false],
    ['sub', false],
    ['new', true],
  ]);
  const [, sub] = await rulesOf(store, 'fwOld');
  expect(sub?.groupBreakdown).toMatchObject([{ groupValue: 'ann', breached: true, currentValue: 9 }]);
  expect(await kindsOf(store, 'fwOld')).toEqual(['trip', 'warn ann', 'trip', 'trip ann', 'reset']);
  await store.updateControl('fwOld', 'cOff', { enabled: true, windowType: 'ROLLING', windowDuration: 'P7D' });
  expect((await store.verifyBalances()).wrong).toEqual([]);
});
