// A database that the code of the first issue wrote over HTTP: today's service goes on with it, over HTTP.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hashKey } from '../../service/admin/keys.js';
import type { StoreOpener } from '../../service/admin/open-service.js';
import { openDriver } from '../../service/store/sqlite/driver.js';
import { migrate } from '../../service/store/sqlite/migrate.js';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import { readMigrations } from '../../service/store/statements.js';
import { openServiceFixture, type ServiceFixture } from '../helpers/service-fixture.js';
import { repriced } from './repricing-support.js';
import { HOUR, handClock, kindsOf, NOON, rulesOf } from './store-support.js';

const WRITTEN = readFileSync(fileURLToPath(new URL('./upgrade-first-issue.sql', import.meta.url)), 'utf8');
const TEAM = 'fwCznqVtHROg';
const COMPLETIONS = '/meter/v2/ai/completions';
/** Its keys had secrets of their own; these have the same form. */
const keyOf = (kind: string, letter: string) => `rev_${kind}_${TEAM}_${letter.repeat(43)}`;
const KEYS = { metering: keyOf('mk', 'a'), write: keyOf('sk', 'b'), revoked: keyOf('mk', 'c') };
/** When its last event came. */
const END = NOON - 2 * HOUR + 15 * 60_000;

const clock = handClock(END);
let service: ServiceFixture;

const openUpgraded: StoreOpener = async (options) => {
  const { file } = options;
  const driver = await openDriver(file);
  migrate(driver, readMigrations('sqlite').slice(0, 2));
  driver.exec(WRITTEN);
  const label = { metering: 'old key', write: 'old write key', revoked: 'revoked' };
  for (const [name, key] of Object.entries(KEYS)) {
    driver.exec(`UPDATE api_key SET hash = '${hashKey(key)}' WHERE label = '${label[name as keyof typeof label]}'`);
  }
  driver.close();
  return openSqliteStore({ ...options, inProcess: true });
};

beforeEach(async () => {
  clock.nowMs = END;
  service = await openServiceFixture(openUpgraded, { runtime: clock.runtime });
});
afterEach(() => service.close());

/** As the old client sent it; the same bytes for the same name and time. */
function event(transactionId: string, atMs: number, fields: Record<string, unknown> = {}): Record<string, unknown> {
  const time = new Date(atMs).toISOString();
  return {
    transactionId,
    model: 'gpt-4o-mini',
    provider: 'OPENAI',
    costType: 'AI',
    operationType: 'CHAT',
    stopReason: 'END',
    isStreamed: false,
    inputTokenCount: 10,
    outputTokenCount: 5,
    totalTokenCount: 15,
    requestTime: time,
    completionStartTime: time,
    responseTime: time,
    requestDuration: 7,
    ...fields,
  };
}
const seen = async () =>
  (await rulesOf(service.store, TEAM)).map(({ name, breached, currentValue }) => [name, breached, currentValue]);
const OLD_KINDS = [
  'shadow',
  'warn',
  'trip ann',
  'trip gpt-4o-mini',
  'unknown-price',
  'unknown-price',
  'unknown-price',
  'trip',
];

test('what was counted and refused is counted and refused, and nothing that was told is told again', async () => {
  expect((await service.store.verifyBalances()).wrong).toEqual([]);
  expect(await seen()).toEqual([
    ['day', true, 3.7500245],
    ['by subscriber', false, 4.0000245],
    ['by model', false, 4.0000045],
    ['by model (gpt-4o-mini)', true, 4.0000045],
    ['errors', false, 1],
    ['shadow', true, 3.7500245],
  ]);
  await service.store.turnWindows();
  expect(await kindsOf(service.store, TEAM)).toEqual(OLD_KINDS);
  const path = `/v2/api/ai/enforcement-rules/${TEAM}`;
  const headers = { 'fusewire-capabilities': 'feed-whole' };
  for (const key of [KEYS.metering, KEYS.write]) {
    const feed = await service.ask({ path, key, headers });
    const grouped = feed.json.rules.find(({ name }: { name: string }) => name === 'by subscriber');
    expect(feed.status).toBe(200);
    expect(Number(feed.headers['fusewire-revision'])).toBeGreaterThanOrEqual(13);
    const ann = { currentValue: 2.5, breached: true };
    expect(grouped.groupBreakdown).toMatchObject(
      ['Ann@x.org', 'ann', 'ann@x.org'].map((groupValue) => ({ groupValue, ...ann })),
    );
  }
  expect((await service.ask({ path, key: KEYS.revoked })).status).toBe(401);
});

test('columns of today have values for rows of then', async () => {
  const controls = await service.ask({ path: '/v2/api/ai/cost-controls?size=50', key: KEYS.write });
  const { costControlResourceList: list = Object.values(controls.json._embedded)[0] } = controls.json._embedded;
  expect(list).toHaveLength(6);
  for (const one of list as Record<string, unknown>[]) {
    expect(one).toMatchObject({ timeZone: 'UTC', weekStart: 'MONDAY', onUnknownPrice: 'flag' });
  }
  const { items } = await service.store.findEvents(TEAM, { page: 0, size: 50 });
  const named = new Map(items.map((item) => [item.transactionId, item]));
  expect([...named.keys()].sort()).toEqual(
    ['failed', 'first', 'flagged', 'keyed', 'late', 'listed', 'priced', 'trips', 'unknown'].sort(),
  );
  for (const item of items) expect(item.kind ?? 'completion').toBe('completion');
  expect(named.get('flagged')?.windowFlagged).toBe(true);
  expect(named.get('late')?.windowFlagged).toBe(false);
  expect(named.get('priced')).toMatchObject({ priceState: 'known', amountNanoUsd: 20_000n });
  expect(named.get('unknown')).toMatchObject({ priceState: 'unknown', amountNanoUsd: 0n });
  const conflicts = await service.store.listConflicts(TEAM, { page: 0, size: 9 });
  expect(conflicts.items).toMatchObject([{ transactionId: 'first', times: 2 }]);
  const told = await service.ask({ path: `/v2/api/ai/enforcement-events?size=50&teamId=${TEAM}`, key: KEYS.write });
  expect(told.json._embedded.objectList).toContainEqual(
    expect.objectContaining({
      kind: 'trip',
      level: 'HARD',
      outcome: 'BLOCKED',
      ruleName: 'by model',
      feedRuleId: 3,
      groupBy: 'MODEL',
      groupValue: 'gpt-4o-mini',
      metricType: 'TOTAL_COST',
      currentValue: 2.5,
      threshold: 2,
      count: 1,
    }),
  );
});

test('the old client goes on: what it sends again is what it was, what is new is counted, and a price finds what waited', async () => {
  const send = (json: unknown, headers: Record<string, string> = {}) =>
    service.ask({ path: COMPLETIONS, key: KEYS.metering, json, headers });
  const keyed = event('keyed', END - 5 * 60_000, { totalCost: 1, subscriber: { email: 'ann@x.org' } });
  const replayed = await send(keyed, { 'idempotency-key': 'old-key-1' });
  expect([replayed.status, replayed.headers['idempotent-replayed'], replayed.json.label]).toEqual([
    201,
    'true',
    'keyed',
  ]);
  expect((await send({ ...keyed, totalCost: 2 }, { 'idempotency-key': 'old-key-1' })).status).toBe(409);
  expect((await send(event('trips', END, { totalCost: 1, subscriber: { id: 'bob' } }))).status).toBe(201);
  const events = () => service.store.findEvents(TEAM, { page: 0, size: 50 });
  expect((await events()).totalElements).toBe(9);

  clock.advance(1_000);
  // By the alias of then, bob's group by the balance of then.
  expect((await send(event('new', END, { totalCost: 1, subscriber: { id: 'bob' } }))).status).toBe(201);
  const price = { model: 'own-model', kind: 'rates', perRequest: '0.5' };
  const declared = await service.ask({ path: '/v2/api/fusewire/prices', key: KEYS.write, json: price });
  expect(declared.status).toBe(201);
  await repriced(service.store, TEAM);
  clock.advance(10_000);
  expect(await seen()).toEqual([
    ['day', true, 5.2500245],
    ['by subscriber', false, 5.5000245],
    ['by model', false, 5.0000045],
    ['by model (gpt-4o-mini)', true, 5.0000045],
    ['errors', false, 1],
    ['shadow', true, 5.2500245],
  ]);
  expect(await kindsOf(service.store, TEAM)).toEqual([...OLD_KINDS, 'trip bob']);
  expect((await service.store.verifyBalances()).wrong).toEqual([]);

  clock.advance(14 * HOUR);
  await service.store.turnWindows();
  expect((await seen()).filter(([name]) => name === 'day' || name === 'shadow')).toEqual([
    ['day', false, 0],
    ['shadow', false, 0],
  ]);
  expect((await service.store.verifyBalances()).wrong).toEqual([]);
});
