/** The compiled feed: the part of the store contract that guards depend on. */
import { expect, test } from 'vitest';
import { VALUES_AGE_MAX_MS } from '../../service/compile/feed-cache.js';
import type { Bench } from './store-contract.js';
import { control, event, kindsOf, NOON, rulesOf, type SeenRule } from './store-support.js';

const person = (id: string | undefined, email?: string) => ({
  subscriber: { ...(id && { id }), ...(email && { email }) },
});

/** What a public guard finds for a caller: the first candidate with an entry decides (contract 2.6). */
function refuses(rule: SeenRule | undefined, ...candidates: string[]): boolean {
  const entries = new Map(rule?.groupBreakdown?.map((entry) => [entry.groupValue, entry.breached]));
  const known = candidates.find((candidate) => entries.has(candidate));
  return known !== undefined && entries.get(known) === true;
}

export function feedContract(bench: Bench): void {
  test('a rule carries every field of the contract, numbers as numbers', async () => {
    const { store, team } = bench;
    const filters = [{ dimension: 'MODEL' as const, operator: 'STARTS_WITH' as const, value: 'gpt' }];
    const made = await store.createControl(
      team.id,
      control({ name: 'Nightly', warnThreshold: '200', hardLimit: '250', filters }),
    );
    await store.recordEvents(team.id, [event(NOON, { totalCost: 251.37 })]);
    const { body, revision, etag } = await store.feed(team.id);
    expect(JSON.parse(body ?? '')).toEqual({
      revision,
      compiledAt: '2026-08-19T12:00:00.000Z',
      rules: [
        {
          ruleId: made.ruleId,
          key: String(made.ruleId),
          teamId: team.numericId,
          name: 'Nightly',
          metricType: 'TOTAL_COST',
          operatorType: 'GREATER_THAN_OR_EQUAL_TO',
          threshold: 250,
          warnThreshold: 200,
          currentValue: 251.37,
          percentUsed: 100.55,
          breached: true,
          warnBreached: true,
          shadowMode: false,
          action: 'BLOCK',
          periodType: 'DAILY',
          windowStart: 1_787_097_600,
          windowEnd: 1_787_183_999.999,
          windowKey: 'DAILY:2026-08-19',
          resetsAt: '2026-08-20T00:00:00.000Z',
          filters,
          groupBy: null,
          groupBreakdown: null,
        },
      ],
      departmentBudgetBlocks: {},
      departmentBudgetBlockBalances: {},
      departmentBudgetWarnings: {},
    });
    expect(etag).toMatch(/^"[\w-]+"$/);
  });

  test('a team without an enabled control has no body; one rule can be read alone', async () => {
    const { store, team } = bench;
    expect((await store.feed(team.id)).body).toBeNull();
    await store.createControl(team.id, control({ name: 'a' }));
    const b = await store.createControl(team.id, control({ name: 'b' }));
    const narrowed = JSON.parse((await store.feed(team.id, b.id)).body ?? '');
    expect(narrowed.rules.map(({ name }: SeenRule) => name)).toEqual(['b']);
    expect(narrowed).not.toHaveProperty('departmentBudgetBlocks');
    expect(JSON.parse((await store.feed(team.id, 'nope')).body ?? '').rules).toEqual([]);
  });

  test('the limit is reached at the limit, not above it, to the nano-dollar', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, control({ hardLimit: '0.3' }));
    await store.recordEvents(team.id, [event(NOON, { totalCost: 0.1 }), event(NOON, { totalCost: 0.199_999_999 })]);
    expect((await rulesOf(store, team.id))[0]?.breached).toBe(false);
    await store.recordEvents(team.id, [event(NOON, { totalCost: 0.000_000_001 })]);
    expect((await rulesOf(store, team.id))[0]).toMatchObject({ breached: true, currentValue: 0.3 });
  });

  test('the revision moves with a verdict, a warning or a control, and with nothing else', async () => {
    const { store, team } = bench;
    const revision = async () => (await store.feed(team.id)).revision;
    const spend = async () => (await store.recordEvents(team.id, [event(NOON, { totalCost: 1 })]))[0]?.revision;
    const start = await revision();
    await store.createControl(team.id, control({ warnThreshold: '2', hardLimit: '3' }));
    const made = await revision();
    expect(made).toBeGreaterThan(start);
    expect(await spend()).toBe(made);
    const warned = await spend();
    expect(warned).toBeGreaterThan(made);
    const tripped = await spend();
    expect(tripped).toBeGreaterThan(warned ?? 0);
    expect(await spend()).toBe(tripped);
    expect(await revision()).toBe(tripped);
  });

  test('values alone are shown at most every ten seconds, with an ETag that changes only with the bytes', async () => {
    const { store, team, clock } = bench;
    await store.createControl(team.id, control({ hardLimit: '100' }));
    const first = await store.feed(team.id);
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1 })]);
    expect(await store.feed(team.id)).toEqual(first);
    clock.advance(VALUES_AGE_MAX_MS);
    const second = await store.feed(team.id);
    expect(second.revision).toBe(first.revision);
    expect(second.etag).not.toBe(first.etag);
    expect((await rulesOf(store, team.id))[0]?.currentValue).toBe(1);
    clock.advance(10 * VALUES_AGE_MAX_MS);
    expect(await store.feed(team.id)).toEqual(second);
  });

  test('an event counts under the model that was asked for and the one that answered, and is excluded by either', async () => {
    const { store, team } = bench;
    const on = (operator: 'IS' | 'IS_NOT', value: string) => ({
      filters: [{ dimension: 'MODEL' as const, operator, value }],
    });
    for (const fields of [
      on('IS', 'gpt-4o'),
      on('IS', 'gpt-4o-2024-08-06'),
      on('IS', 'gpt-4'),
      on('IS_NOT', 'gpt-4o'),
    ]) {
      await store.createControl(team.id, control(fields));
    }
    await store.createControl(team.id, control(on('IS_NOT', 'gpt-4o-2024-08-06')));
    await store.createControl(team.id, control(on('IS_NOT', 'gpt-4')));
    const answered = { model: 'gpt-4o-2024-08-06', attributes: { requestedModel: 'gpt-4o' }, totalCost: 1 };
    await store.recordEvents(team.id, [event(NOON, answered)]);
    expect((await rulesOf(store, team.id)).map(({ breached }) => breached)).toEqual([
      true,
      true,
      false,
      false,
      false,
      true,
    ]);
  });

  test('providers compare without case, everything else exactly', async () => {
    const { store, team } = bench;
    const on = (dimension: 'PROVIDER' | 'AGENT', value: string) => ({
      filters: [{ dimension, operator: 'IS' as const, value }],
    });
    for (const fields of [on('PROVIDER', 'openai'), on('AGENT', 'Bot'), on('AGENT', 'bot')]) {
      await store.createControl(team.id, control(fields));
    }
    await store.recordEvents(team.id, [event(NOON, { provider: 'OpenAI', agent: 'bot', totalCost: 1 })]);
    expect((await rulesOf(store, team.id)).map(({ breached }) => breached)).toEqual([true, false, true]);
  });

  test('a grouped rule is never breached at the top; it lists the groups that matter', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, control({ groupBy: 'SUBSCRIBER', hardLimit: '2', warnThreshold: '1' }));
    await store.recordEvents(team.id, [
      event(NOON, { totalCost: 3, ...person('u1') }),
      event(NOON, { totalCost: 1, ...person('u2') }),
      event(NOON, { totalCost: 0.5, ...person('u3') }),
      event(NOON, { totalCost: 9 }),
    ]);
    const [rule] = await rulesOf(store, team.id);
    expect(rule).toMatchObject({ breached: false, warnBreached: true, currentValue: 13.5, groupBy: 'SUBSCRIBER' });
    expect(rule?.groupBreakdown).toEqual([
      { groupValue: 'u1', displayName: 'u1', currentValue: 3, usagePercent: 1.5, breached: true },
      { groupValue: 'u2', displayName: 'u2', currentValue: 1, usagePercent: 0.5, breached: false },
    ]);
    expect(await kindsOf(store, team.id)).toEqual(['trip u1', 'warn u2']);
  });

  test('leaving out the id or the address, or writing it otherwise, opens no second budget', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, control({ groupBy: 'SUBSCRIBER', hardLimit: '3' }));
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1, ...person(undefined, 'Rita@Example.org') })]);
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1, ...person('u1', 'rita@example.org') })]);
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1, ...person('u1') })]);
    const [rule] = await rulesOf(store, team.id);
    for (const name of ['u1', 'rita@example.org', 'Rita@Example.org']) expect(refuses(rule, name), name).toBe(true);
    expect(rule?.groupBreakdown?.map(({ currentValue }) => currentValue)).toEqual([3, 3, 3]);
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1, ...person(undefined, 'rita@example.org') })]);
    expect(await kindsOf(store, team.id)).toEqual(['trip u1']);
  });

  test('a group that trips when an address gains its id trips once, under the id', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, control({ groupBy: 'SUBSCRIBER', hardLimit: '2' }));
    await store.recordEvents(team.id, [event(NOON, { totalCost: 2, ...person(undefined, 'a@b.c') })]);
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1, ...person('u1') })]);
    await store.recordEvents(team.id, [event(NOON, { totalCost: 0.5, ...person('u1', 'A@b.c') })]);
    const [rule] = await rulesOf(store, team.id);
    expect([...new Set(rule?.groupBreakdown?.map(({ currentValue }) => currentValue))]).toEqual([3.5]);
    expect(refuses(rule, 'u1') && refuses(rule, 'a@b.c') && refuses(rule, 'A@b.c')).toBe(true);
    expect(await kindsOf(store, team.id)).toEqual(['trip a@b.c']);
  });

  test('two ids that share an address are not refused for each other', async () => {
    const { store, team } = bench;
    await store.createControl(team.id, control({ groupBy: 'SUBSCRIBER', hardLimit: '2' }));
    await store.recordEvents(team.id, [
      event(NOON, { totalCost: 2, ...person('u1', 'team@b.c') }),
      event(NOON, { totalCost: 1, ...person('u2', 'team@b.c') }),
    ]);
    const [rule] = await rulesOf(store, team.id);
    expect(refuses(rule, 'u1', 'team@b.c')).toBe(true);
    expect(refuses(rule, 'u2', 'team@b.c')).toBe(false);
    expect(refuses(rule, 'team@b.c')).toBe(true);
  });

  test.each([
    ['MODEL', 'gpt-4o', { model: 'gpt-4o-2024-08-06', attributes: { requestedModel: 'gpt-4o' } }],
    ['PROVIDER', 'OPENAI', { provider: 'OpenAI' }],
    ['ORGANIZATION', 'Northwind', { organizationName: 'Northwind' }],
    ['PRODUCT', 'helpdesk', { productName: 'helpdesk' }],
    ['AGENT', 'triage', { agent: 'triage' }],
    ['TASK_TYPE', 'classify', { taskType: 'classify' }],
    ['CREDENTIAL', 'svc', { subscriber: { credential: { name: 'svc', value: 'hmac:1' } } }],
  ] as const)('a group by %s refuses through a rule of its own, which filters name', async (groupBy, value, fields) => {
    const { store, team } = bench;
    const filters = [{ dimension: 'SUBSCRIBER' as const, operator: 'IS_NOT' as const, value: 'root' }];
    const made = await store.createControl(team.id, control({ name: 'cap', groupBy, filters, hardLimit: '2' }));
    const spend = { ...fields, totalCost: 1 };
    const subscriber = { ...('subscriber' in fields ? fields.subscriber : {}), id: 'u1' };
    await store.recordEvents(team.id, [event(NOON, { ...spend, subscriber }), event(NOON, { ...spend, subscriber })]);
    const [shown, refusing, ...others] = await rulesOf(store, team.id);
    expect(others).toEqual([]);
    expect(shown).toMatchObject({ ruleId: made.ruleId, breached: false, groupBy });
    expect(shown?.groupBreakdown).toMatchObject([{ groupValue: value, currentValue: 2, breached: false }]);
    expect(refusing).toMatchObject({ ruleId: made.ruleId, name: `cap (${value})`, breached: true, groupBy: null });
    expect(refusing?.filters).toEqual([...filters, { dimension: groupBy, operator: 'IS', value }]);
  });

  test('a body stays below 1 MiB, and what refuses somebody is kept before what does not', async () => {
    const { store, team, clock } = bench;
    await store.createControl(team.id, control({ groupBy: 'SUBSCRIBER', hardLimit: '2', warnThreshold: '1' }));
    const events = Array.from({ length: 6_000 }, (_, n) =>
      event(NOON, { totalCost: n < 100 ? 2 : 1, ...person(`subscriber-${'x'.repeat(160)}-${n}`) }),
    );
    await store.recordEvents(team.id, events);
    const { body } = await store.feed(team.id);
    expect(Buffer.byteLength(body ?? '')).toBeLessThan(1_048_576);
    const groups = (await rulesOf(store, team.id))[0]?.groupBreakdown ?? [];
    expect(groups.length).toBeLessThan(6_000);
    expect(groups.filter(({ breached }) => breached)).toHaveLength(100);
    expect(clock.logged.filter((line) => line.includes('1 MiB'))).toHaveLength(1);
  });
}
