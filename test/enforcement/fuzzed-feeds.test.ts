import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decide } from '../../enforcement/decide.js';
import { compileRuleSet } from '../../enforcement/rule-set.js';
import { feedFromJson } from '../../src/wire/feed-parse.js';
import { calls } from './arbitraries.js';
import { NOW_MS } from './ask.js';

/** Mostly what belongs there, now and then anything. */
const mostly = <T>(right: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 9, arbitrary: right as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: fc.jsonValue() });

const rule = fc.record(
  {
    ruleId: mostly(fc.nat(3)),
    breached: mostly(fc.boolean()),
    action: mostly(fc.constantFrom('BLOCK', null)),
    shadowMode: mostly(fc.constant(false)),
    filters: mostly(
      fc.array(
        fc.record({
          dimension: mostly(fc.constantFrom('MODEL', 'SUBSCRIBER')),
          operator: mostly(fc.constantFrom('IS', 'IS_NOT', 'IN', 'CONTAINS')),
          value: mostly(fc.constantFrom('gpt', 'o')),
          values: mostly(fc.array(fc.constantFrom('gpt', 'u-1'))),
        }),
        { maxLength: 2 },
      ),
    ),
    groupBy: mostly(fc.constantFrom(null, 'MODEL')),
    groupBreakdown: mostly(
      fc.option(fc.array(fc.record({ groupValue: mostly(fc.constant('gpt')), breached: mostly(fc.boolean()) }))),
    ),
    resetsAt: fc.jsonValue(),
    credential: mostly(fc.constantFrom(undefined, null, '')),
  },
  { requiredKeys: ['ruleId', 'breached'] },
);
const body = fc.oneof(
  fc.array(mostly(rule)),
  fc.record({ rules: mostly(fc.array(mostly(rule))), departmentBudgetBlocks: fc.jsonValue() }),
  fc.jsonValue(),
);

test('I8: no feed makes parsing or a decision throw, and nothing but a plain true refuses', () => {
  let refused = 0;
  fc.assert(
    fc.property(body, calls, (feed, call) => {
      const result = feedFromJson(feed);
      if (result.kind !== 'rules') return;
      const decision = decide(compileRuleSet(result.feed), call, NOW_MS);
      // A department verdict needs no rule that is breached.
      if (decision.outcome === 'allow' || decision.code === 'DEPARTMENT_TRIPPED') return;
      refused += 1;
      expect(JSON.stringify(feed)).toContain('"breached":true');
    }),
    { numRuns: 1_500 },
  );
  // Nearly a third of the feeds refuses; none would show that the feeds are worth nothing.
  expect(refused).toBeGreaterThan(100);
});
