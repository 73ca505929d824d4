import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decide } from '../../../enforcement/decide.js';
import { compileRuleSet } from '../../../enforcement/rule-set.js';
import type { CostControlInput } from '../../../service/store/store.js';
import { parseFeed } from '../../../src/wire/feed-parse.js';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import type { TestStore } from '../../helpers/stores.js';
import { control, event, handClock } from '../store-support.js';

const EXPLAIN = '/v2/api/fusewire/explain';

/** Runs the suite on a store. */
export function describeExplain({ name, open }: TestStore): void {
  describe(`explain, ${name}`, () => {
    let service: ServiceFixture;
    let clock: ReturnType<typeof handClock>;
    beforeEach(async () => {
      clock = handClock();
      service = await openServiceFixture(open, { runtime: clock.runtime });
    });
    afterEach(() => service.close());

    const ask = (call: Record<string, string>, key?: string) =>
      service.ask({ path: `${EXPLAIN}?${new URLSearchParams(call)}`, ...(key === undefined ? {} : { key }) });
    const spend = (fields: Record<string, unknown>) =>
      service.store.recordEvents(service.team.id, [event(clock.nowMs, fields)]);

    it('shows which controls concern a call, their arithmetic, and why the others do not', async () => {
      const cap = await service.store.createControl(
        service.team.id,
        control({
          name: 'Mini cap',
          hardLimit: '2',
          filters: [{ dimension: 'MODEL', operator: 'IS', value: 'gpt-4o-mini' }],
        }),
      );
      await service.store.createControl(
        service.team.id,
        control({ name: 'Per person', hardLimit: '5', groupBy: 'SUBSCRIBER' }),
      );
      await service.store.createControl(
        service.team.id,
        control({ name: 'Watcher', hardLimit: '1', shadowMode: true }),
      );
      await service.store.createControl(service.team.id, control({ name: 'Off', enabled: false }));
      await spend({ totalCost: 2.5, subscriber: { id: 'u-88' } });
      const { json } = await ask({ model: 'gpt-4o-mini', provider: 'OPENAI', subscriberId: 'u-88' });
      expect(json.verdict).toEqual({
        outcome: 'refuse',
        controlId: cap.id,
        ruleId: cap.ruleId,
        equation: 'Mini cap: $2.50 >= $2.00: refused',
      });
      const byName = Object.fromEntries(json.controls.map((one: { name: string }) => [one.name, one]));
      expect(byName['Mini cap']).toMatchObject({
        reaction: 'refuse',
        filters: [{ filter: 'MODEL IS gpt-4o-mini', holds: true, actual: 'gpt-4o-mini' }],
        window: { type: 'DAILY', key: 'DAILY:2026-08-19', resetsAt: '2026-08-20T00:00:00.000Z', timeZone: 'UTC' },
      });
      expect(byName['Per person']).toMatchObject({
        reaction: 'allow',
        group: 'u-88',
        spend: '2.5',
        equation: '$2.50 < $5.00: passes',
      });
      expect(byName['Watcher']).toMatchObject({ reaction: 'observe' });
      expect(byName['Off']).toMatchObject({ reaction: 'not-concerned', equation: 'the control is not enabled' });
      expect(json.price).toMatchObject({ state: 'known', source: expect.stringContaining('gpt-4o-mini') });
      const other = (await ask({ model: 'gpt-4o' })).json;
      expect(other.verdict.outcome).toBe('allow');
      const mini = other.controls.find(({ name }: { name: string }) => name === 'Mini cap');
      expect(mini).toMatchObject({
        reaction: 'not-concerned',
        equation: "MODEL IS gpt-4o-mini: the call has 'gpt-4o'",
      });
      const unnamed = other.controls.find(({ name }: { name: string }) => name === 'Per person');
      expect(unnamed.equation).toBe('grouped by SUBSCRIBER, and the call belongs to no group');
    });

    it('says that an unknown price is what refuses, that a price is unknown, and that a bypass is on', async () => {
      await service.store.createControl(
        service.team.id,
        control({ name: 'Strict', hardLimit: '100', onUnknownPrice: 'refuse' }),
      );
      await spend({ model: 'a-model-nobody-prices', inputTokenCount: 5 });
      const call = { model: 'a-model-nobody-prices', provider: 'OPENAI' };
      const { json } = await ask(call, service.keys.metering);
      expect(json.price).toEqual({ state: 'unknown', source: 'none' });
      expect(json.verdict.equation).toBe('Strict: 1 events of unknown price, and onUnknownPrice is refuse: refused');
      await service.store.setBypass(
        service.team.id,
        { untilMs: clock.nowMs + 60_000, reason: 'incident 7' },
        { id: 'test' },
      );
      const passed = (await ask(call)).json;
      expect(passed.verdict.outcome).toBe('allow');
      expect(passed.verdict.equation).toContain(
        "an operators' bypass is on until 2026-08-19T12:01:00.000Z; without it Strict:",
      );
      expect(passed.bypass).toMatchObject({ reason: 'incident 7' });
    });

    it('finds the budget of a person under every name of theirs', async () => {
      await service.store.createControl(service.team.id, control({ hardLimit: '1', groupBy: 'SUBSCRIBER' }));
      await spend({ totalCost: 1, subscriber: { id: 'u-1', email: 'Rita@Example.org' } });
      const calls: Record<string, string>[] = [
        { subscriberId: 'u-1' },
        { subscriberEmail: 'rita@example.org' },
        { subscriberEmail: 'RITA@example.org' },
      ];
      for (const call of calls) {
        const { json } = await ask(call);
        expect([json.verdict.outcome, json.controls[0].group], JSON.stringify(call)).toEqual(['refuse', 'u-1']);
      }
      expect((await ask({ subscriberId: 'u-2' })).json.verdict.outcome).toBe('allow');
    });

    it('agrees with the guard on the feed, whatever the controls, the events and the call', async () => {
      const names = fc.constantFrom('a', 'b', 'c');
      const call = fc.record(
        { model: names, agent: names, subscriberId: names, organization: names },
        { requiredKeys: ['model'] },
      );
      const filter = fc.record({
        dimension: fc.constantFrom('MODEL' as const, 'AGENT' as const, 'ORGANIZATION' as const),
        operator: fc.constantFrom('IS' as const, 'IS_NOT' as const, 'STARTS_WITH' as const),
        value: names,
      });
      const input: fc.Arbitrary<CostControlInput> = fc
        .record({
          hardLimit: fc.integer({ min: 0, max: 6 }).map(String),
          groupBy: fc.constantFrom(null, 'SUBSCRIBER' as const, 'MODEL' as const, 'AGENT' as const),
          filters: fc.array(filter, { maxLength: 2 }),
          shadowMode: fc.boolean(),
          enabled: fc.boolean(),
          windowType: fc.constantFrom('DAILY' as const, 'LIFETIME' as const, 'HOURLY' as const),
        })
        .map((fields) => control(fields));
      await fc.assert(
        fc.asyncProperty(
          fc.array(input, { minLength: 1, maxLength: 5 }),
          fc.array(fc.tuple(call, fc.integer({ min: 0, max: 3 })), { maxLength: 8 }),
          fc.array(call, { minLength: 1, maxLength: 5 }),
          async (inputs, spent, calls) => {
            const { id: teamId } = await service.store.createTeam('property');
            for (const one of inputs) await service.store.createControl(teamId, one);
            for (const [{ subscriberId, organization, ...dims }, totalCost] of spent) {
              const fields = {
                ...dims,
                totalCost,
                ...(organization === undefined ? {} : { organizationName: organization }),
                ...(subscriberId === undefined ? {} : { subscriber: { id: subscriberId } }),
              };
              await service.store.recordEvents(teamId, [event(clock.nowMs, fields)]);
            }
            const feed = await service.store.feed(teamId);
            const parsed = parseFeed(String(feed.body ?? '{"rules":[]}'));
            if (parsed.kind !== 'rules') throw new Error(parsed.kind);
            const ruleSet = compileRuleSet(parsed.feed);
            for (const asked of calls) {
              const explained = (await service.store.explain(teamId, { ...asked, provider: 'OPENAI' })).verdict;
              const decided = decide(ruleSet, { ...asked, provider: 'OPENAI' }, clock.nowMs);
              expect([asked, explained.outcome]).toEqual([asked, decided.outcome]);
              if (decided.outcome === 'refuse') expect(explained.ruleId).toBe(Number(decided.rule?.ruleId));
            }
          },
        ),
        { numRuns: 40 },
      );
    });

    it('refuses an empty dimension and names it', async () => {
      const got = await service.ask({ path: `${EXPLAIN}?model=` });
      expect([got.status, got.json.model]).toEqual([400, 'must not be empty']);
      expect((await service.ask({ path: `${EXPLAIN}?model=x&teamId=${service.other.id}` })).status).toBe(403);
    });
  });
}
