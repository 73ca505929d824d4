import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../enforcement/decide.js';
import { matchesFilters } from '../../enforcement/match-filters.js';
import { compileInSteps, compileRuleSet } from '../../enforcement/rule-set.js';
import { createScopeIndex } from '../../enforcement/scope-index.js';
import { calls, feeds, filters } from './arbitraries.js';
import { oracle, oracleRow } from './oracle.js';

const RUNS = { numRuns: 2_000 };

describe('decide', () => {
  test('agrees with a straight loop over contract 2.10 on random feeds and calls', () => {
    const met = new Map<string, number>();
    fc.assert(
      fc.property(
        feeds,
        fc.array(calls, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 850, max: 1150 }),
        (feed, some, nowMs) => {
          const ruleSet = compileRuleSet(feed);
          for (const call of some) {
            const expected = oracle(feed.rules, feed.departments, call, nowMs);
            const decision = decide(ruleSet, call, nowMs);
            const observed = (decision.observed ?? []).map((one) => `${one.kind} ${one.ruleId}`);
            const rule = decision.outcome === 'refuse' ? decision.rule : null;
            expect({
              code: decision.code,
              ruleId: rule?.ruleId ?? null,
              currentValue: rule?.currentValue ?? null,
              observed,
            }).toEqual(expected);
            expect(decision.outcome).toBe(expected.code === 'ALLOWED' ? 'allow' : 'refuse');
            met.set(decision.code, (met.get(decision.code) ?? 0) + 1);
            if (observed.length > 0) met.set('observed', (met.get('observed') ?? 0) + 1);
          }
        },
      ),
      RUNS,
    );
    // The comparison is worth something only if every outcome was met often.
    for (const code of ['ALLOWED', 'RULE_TRIPPED', 'GROUP_TRIPPED', 'DEPARTMENT_TRIPPED', 'observed']) {
      expect(met.get(code) ?? 0, code).toBeGreaterThan(50);
    }
  });

  test('decides the same whether the rules were compiled at once or in steps', () => {
    fc.assert(
      fc.property(feeds, calls, (feed, call) => {
        const steps = compileInSteps(feed);
        let step = steps.next();
        while (!step.done) step = steps.next();
        expect(decide(step.value, call, 1000)).toEqual(decide(compileRuleSet(feed), call, 1000));
      }),
      { numRuns: 300 },
    );
  });
});

describe('the scope index', () => {
  const scopes = fc.array(fc.array(filters, { maxLength: 5 }), { maxLength: 60 });

  test('finds exactly the scopes that cover a call, in order, and the first of them', () => {
    fc.assert(
      fc.property(scopes, fc.array(calls, { minLength: 1, maxLength: 5 }), (some, asked) => {
        const index = createScopeIndex(some.map((filters, payload) => ({ filters, payload })));
        for (const call of asked) {
          const expected = some.flatMap((rows, i) => (rows.every((row) => oracleRow(row, call)) ? [i] : []));
          expect(index.all(call)).toEqual(expected);
          expect(index.first(call)).toBe(expected[0]);
          expect(index.firstFew(call, 3)).toEqual(expected.slice(0, 3));
          const accept = (payload: number) => payload % 3 === 0;
          expect(index.first(call, accept)).toBe(expected.filter(accept)[0]);
          expect(index.firstFew(call, 2, accept)).toEqual(expected.filter(accept).slice(0, 2));
          for (const [i, rows] of some.entries()) expect(matchesFilters(rows, call)).toBe(expected.includes(i));
        }
      }),
      RUNS,
    );
  });

  test('agrees on random texts, where beginnings, ends and middles overlap', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 40 });
    const row = fc.record({
      dimension: fc.constantFrom('MODEL' as const, 'AGENT' as const),
      operator: fc.constantFrom('CONTAINS' as const, 'STARTS_WITH' as const, 'ENDS_WITH' as const, 'IS_NOT' as const),
      value: fc.oneof(
        text,
        text.map((long) => long.slice(0, 3)),
      ),
    });
    fc.assert(
      fc.property(
        fc.array(fc.array(row, { minLength: 1, maxLength: 2 }), { maxLength: 80 }),
        text,
        text,
        (some, model, agent) => {
          const call = { model, agent };
          const index = createScopeIndex(some.map((filters, payload) => ({ filters, payload })));
          const expected = some.flatMap((rows, i) => (rows.every((row) => oracleRow(row, call)) ? [i] : []));
          expect(index.all(call)).toEqual(expected);
          expect(index.first(call)).toBe(expected[0]);
        },
      ),
      RUNS,
    );
  });
});
