/** The SDK's cache against the service itself: it waits there, and is told what changed. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEnforcementCache, type EnforcementCache } from '../../cache/enforcement-cache.js';
import { decide } from '../../enforcement/decide.js';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import { createRuntime } from '../../src/runtime.js';
import { openServiceFixture, type ServiceFixture } from '../helpers/service-fixture.js';
import { until } from '../helpers/until.js';
import { control, event } from '../service/store-support.js';

let service: ServiceFixture;
let cache: EnforcementCache;
beforeEach(async () => {
  service = await openServiceFixture((options) => openSqliteStore({ ...options, inProcess: true }));
  cache = createEnforcementCache({
    runtime: createRuntime({}, 'ERROR'),
    credentials: () => ({ apiKey: service.keys.metering, teamId: service.team.id }),
    baseUrl: service.url,
    // Whatever is seen within seconds was not polled for.
    pollIntervalMs: 600_000,
  });
});
afterEach(async () => {
  await cache.stop();
  await service.close();
});

const spend = (totalCost: number, fields: Record<string, unknown> = {}) =>
  service.store.recordEvents(service.team.id, [event(Date.now(), { totalCost, ...fields })]);
const refuses = (call: Parameters<typeof decide>[1]) => {
  const rules = cache.current();
  return rules !== undefined && decide(rules.ruleSet, call, Date.now()).outcome === 'refuse';
};

test('verdicts, groups and limits reach a cache that waits, as differences', async () => {
  const { store, team } = service;
  const { id } = await store.createControl(team.id, control({ groupBy: 'SUBSCRIBER', hardLimit: '1' }));
  const agents = await store.createControl(team.id, control({ groupBy: 'AGENT', hardLimit: '5' }));
  for (let n = 0; n < 30; n += 1) await store.createControl(team.id, control({ name: `calm ${n}`, hardLimit: '1000' }));
  expect(await cache.ready(5_000)).toBe(true);
  await spend(2, { subscriber: { id: 'u1', email: 'rita@x.org' } });
  await until(() => refuses({ subscriberId: 'u1' }), 'u1 is refused');
  expect([refuses({ subscriberEmail: 'rita@x.org' }), refuses({ subscriberId: 'u2' })]).toEqual([true, false]);
  await spend(6, { agent: 'bot' });
  await until(() => refuses({ agent: 'bot' }), 'the bot is refused');
  expect(refuses({ agent: 'other' })).toBe(false);
  await store.updateControl(team.id, id, { hardLimit: '100' });
  await until(() => !refuses({ subscriberId: 'u1' }), 'u1 passes');
  await store.deleteControl(team.id, agents.id);
  await until(() => !refuses({ agent: 'bot' }), 'the bot passes');
  const answered = (status: number) =>
    [...service.logged().matchAll(/"path":"[^"]*enforcement-rules[^"]*","status":(\d+)/g)].filter(
      (match) => Number(match[1]) === status,
    ).length;
  // The first change may have come with the second body: the first is asked for before it is known what the service can.
  await until(() => answered(226) >= 3, 'three differences');
  expect(answered(200)).toBe(2);
});
