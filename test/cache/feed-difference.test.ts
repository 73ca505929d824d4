import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyDifference, readDifferenceInSteps } from '../../cache/feed-difference.js';
import { readFeedInSteps } from '../../cache/feed-reader.js';
import { type KeptFeed, OddDifference } from '../../cache/kept-feed.js';
import { decide } from '../../enforcement/decide.js';
import type { CallDimensions } from '../../enforcement/decision.js';
import type { RuleSet } from '../../enforcement/rule-set.js';
import { type FeedBody, feedStep } from '../../src/testing/feed-step.js';

function drain<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

function whole(body: object) {
  const reading = drain(readFeedInSteps(JSON.stringify(body), 200, true));
  if (reading.kind !== 'feed') throw new Error(reading.reason);
  return reading;
}

function keptOf(body: object): KeptFeed {
  const { kept } = whole(body);
  if (kept === undefined) throw new Error('the feed cannot be kept');
  return kept;
}

function apply(kept: KeptFeed, steps: readonly object[], revision = 2) {
  const text = JSON.stringify({ revision, compiledAt: '2026-11-20T09:15:00Z', steps });
  return drain(applyDifference(kept, drain(readDifferenceInSteps([text.slice(0, 40), text.slice(40)]))));
}

const VALUES = [
  'u-1',
  'u-2',
  'lee@example.org',
  'Lee@Example.org',
  'constructor',
  '__proto__',
  'ü',
  'OpenAI',
  'openai',
];
const MODELS = ['gpt-4o', 'gpt-4o-mini', 'o3'];
const value = fc.constantFrom(...VALUES);

const filters = fc.array(
  fc.oneof(
    fc.record({
      dimension: fc.constant('MODEL'),
      operator: fc.constantFrom('IS', 'IS_NOT', 'STARTS_WITH'),
      value: fc.constantFrom(...MODELS),
    }),
    fc.record({
      dimension: fc.constant('SUBSCRIBER'),
      operator: fc.constant('IN'),
      values: fc.array(value, { maxLength: 3 }),
    }),
  ),
  { maxLength: 2 },
);

const groups = fc.uniqueArray(
  fc.record({ groupValue: value, breached: fc.boolean(), currentValue: fc.integer({ min: 0, max: 9 }) }),
  { selector: (group) => group.groupValue, maxLength: 6 },
);

/** Rules over few keys, so that one state of a feed shares rules with the next; some are not understood. */
const rules = fc
  .uniqueArray(
    fc.record({
      ruleId: fc.integer({ min: 1, max: 8 }),
      part: fc.constantFrom('', ':a', ':b'),
      name: fc.constantFrom('one', 'two'),
      breached: fc.boolean(),
      warnBreached: fc.boolean(),
      shadowMode: fc.constantFrom(false, false, true),
      action: fc.constantFrom('BLOCK', 'BLOCK', 'WARN_ONLY'),
      currentValue: fc.integer({ min: 0, max: 99 }),
      percentUsed: fc.integer({ min: 0, max: 200 }),
      filters,
      groupBy: fc.constantFrom('SUBSCRIBER', 'SUBSCRIBER', 'PROVIDER', null, 'DEPARTMENT'),
      groupBreakdown: fc.option(groups, { nil: null }),
    }),
    { selector: (rule) => `${rule.ruleId}${rule.part}`, maxLength: 12 },
  )
  .map((list) =>
    list
      .map(({ part, ...rule }) => ({ ...rule, key: `${rule.ruleId}${part}` }))
      .sort((a, b) => a.ruleId - b.ruleId || (a.key < b.key ? -1 : 1)),
  );

const map = (of: fc.Arbitrary<number>) =>
  fc.dictionary(fc.constantFrom('u-1', 'lee@example.org', 'ann@example.org'), of);

const feeds = fc.record({
  rules,
  departmentBudgetBlocks: map(fc.integer({ min: 1, max: 9 })),
  departmentBudgetBlockBalances: map(fc.integer({ min: 100, max: 999 })),
  departmentBudgetWarnings: map(fc.integer({ min: 1, max: 9 })),
  bypass: fc.constantFrom(undefined, undefined, { until: '2026-12-01T00:00:00Z', reason: 'incident' }),
});

const CALLS: readonly CallDimensions[] = [...VALUES, undefined].flatMap((id) =>
  [...MODELS, undefined].flatMap((model) => [
    { subscriberId: id, model, provider: 'OpenAI' },
    { subscriberId: 'nobody', subscriberEmail: id, model, provider: id },
  ]),
);

const decisions = (ruleSet: RuleSet) => CALLS.map((call) => decide(ruleSet, call, 1_000));

/** The rules without regard to the order of groups, which says nothing. */
function canonical(rawRules: Iterable<unknown>): unknown {
  return [...rawRules].map((raw) => {
    const { groupBreakdown, ...rest } = raw as Record<string, unknown>;
    const list = Array.isArray(groupBreakdown) ? groupBreakdown : [];
    const sorted = [...list].sort((a, b) => (a.groupValue < b.groupValue ? -1 : 1));
    return { ...rest, groupBreakdown: sorted };
  });
}

const plain = (change: Record<string, unknown> = {}) => ({ ruleId: 7, key: '7', name: 'a', breached: true, ...change });
const grouped = (...breached: string[]) => ({
  ...plain({ breached: false, groupBy: 'SUBSCRIBER' }),
  groupBreakdown: breached.map((groupValue) => ({ groupValue, breached: true, currentValue: 5 })),
});

describe('differences of the feed', () => {
  it('any row of steps comes to what the whole feed says: every decision, every raw rule, maps and bypass', () => {
    fc.assert(
      fc.property(fc.array(feeds, { minLength: 2, maxLength: 8 }), fc.boolean(), (states, atOnce) => {
        let kept = keptOf(states[0]!);
        const pending: object[] = [];
        for (const [index, state] of states.entries()) {
          if (index === 0) continue;
          pending.push(feedStep(states[index - 1] as unknown as FeedBody, state as unknown as FeedBody));
          // Several steps in one answer are the same as one by one.
          if (atOnce && index < states.length - 1) continue;
          const expected = whole(state);
          const reading = apply(kept, pending.splice(0), index + 1);
          expect(decisions(reading.ruleSet)).toEqual(decisions(expected.ruleSet));
          expect(canonical(reading.rawRules)).toEqual(canonical(expected.rawRules));
          expect(reading.departments).toEqual(expected.departments);
          expect(reading.bypass).toEqual(expected.bypass);
          expect([reading.ruleCount, reading.revision]).toEqual([expected.ruleCount, index + 1]);
          kept = reading.kept!;
        }
      }),
      { numRuns: 120 },
    );
  }, 60_000);

  it('the rule set that was in force before does not change under the guard', () => {
    const first = whole({ rules: [grouped('u-1')] });
    const before = decisions(first.ruleSet);
    const second = apply(first.kept!, [{ groups: [{ rule: '7', set: [{ groupValue: 'u-2', breached: true }] }] }]);
    const between = decisions(second.ruleSet);
    apply(first.kept!, [{ removed: ['7'] }], 3);
    expect(decisions(first.ruleSet)).toEqual(before);
    expect(decisions(second.ruleSet)).toEqual(between);
    expect(before).not.toEqual(between);
  });

  it('many small differences, far beyond what lies over the large index, stay right', () => {
    const names = Array.from({ length: 3_000 }, (_, i) => `u-${i}`);
    const body = (breached: ReadonlySet<string>) => ({
      rules: [
        plain({ ruleId: 1, key: '1', filters: [{ dimension: 'MODEL', operator: 'IS', value: 'o3' }] }),
        {
          ...grouped(),
          groupBreakdown: names.map((groupValue) => ({ groupValue, breached: breached.has(groupValue) })),
        },
      ],
    });
    const breached = new Set(['u-0']);
    let reading: { ruleSet: RuleSet; kept: KeptFeed | undefined } = whole(body(breached));
    for (let i = 0; i < 1_000; i += 1) {
      const name = names[(i * 7) % names.length]!;
      const isBreached = !breached.has(name);
      if (isBreached) breached.add(name);
      else breached.delete(name);
      reading = apply(
        reading.kept!,
        [{ groups: [{ rule: '7', set: [{ groupValue: name, breached: isBreached, currentValue: i }] }] }],
        i + 2,
      );
    }
    for (const name of names) {
      const { outcome } = decide(reading.ruleSet, { subscriberId: name }, 0);
      expect([name, outcome]).toEqual([name, breached.has(name) ? 'refuse' : 'allow']);
    }
  });

  it.each([
    ['an unknown rule removed', [{ removed: ['8'] }]],
    ['groups of an unknown rule', [{ groups: [{ rule: '8', set: [], removed: [] }] }]],
    ['a value of an unknown rule', [{ values: [{ rule: '8', currentValue: 1 }] }]],
    ['an unknown group removed', [{ groups: [{ rule: '7', removed: ['nobody'] }] }]],
    ['a group that is none', [{ groups: [{ rule: '7', set: ['u-1'] }] }]],
    ['a rule without a key', [{ rules: [{ ruleId: 9, breached: true }] }]],
    ['a rule that is not understood', [{ rules: [plain({ ruleId: 9, key: '9', action: 'SING' })] }]],
    ['a rule that is no longer understood', [{ rules: [plain({ breached: 'perhaps' })] }]],
    ['a key that changes its rule', [{ rules: [plain({ ruleId: 8 })] }]],
    ['an unknown map', [{ maps: { planets: { set: {} } } }]],
    ['a value of a map that is none', [{ maps: { departmentBudgetBlocks: { set: { 'a@example.org': '7' } } } }]],
    ['lists that are none', [{ removed: '7' }]],
    ['steps that are none', ['7']],
  ])('I8: refuses %s', (_what, steps) => {
    expect(() => apply(keptOf({ rules: [grouped('u-1')] }), steps as object[])).toThrow(OddDifference);
  });

  it.each([
    ['{"revision":2'],
    ['[]'],
    ['{"steps":[]}'],
    ['{"revision":2,"steps":{}}'],
    ['{"revision":2,"steps":[]} x'],
    [''],
  ])('I8: refuses the body %s', (text) => {
    expect(() => drain(readDifferenceInSteps([text]))).toThrow(OddDifference);
  });

  it('a feed whose rules have no keys, or another order, takes no differences', () => {
    for (const list of [
      [{ ruleId: 7, breached: true }],
      [plain(), plain()],
      [plain(), plain({ ruleId: 3, key: '3' })],
      [{ ...plain(), ruleId: '7' }],
    ]) {
      expect(whole({ rules: list }).kept).toBeUndefined();
    }
  });

  it('a rule that is not understood stays in the mirror, takes its changes, and decides nothing', () => {
    const odd = plain({ ruleId: 9, key: '9', action: 'SING', currentValue: 1 });
    const kept = keptOf({ rules: [plain({ breached: false }), odd], departmentBudgetBlocks: { 'a@example.org': 9 } });
    const reading = apply(kept, [
      { values: [{ rule: '9', currentValue: 2, percentUsed: 3 }] },
      { rules: [{ ...odd, name: 'b', currentValue: 4 }] },
      { maps: { departmentBudgetBlocks: { set: { 'b@example.org': 9 } } } },
    ]);
    expect([...reading.rawRules][1]).toEqual({ ...odd, name: 'b', currentValue: 4 });
    expect(reading.departments.blocks.size).toBe(0);
    expect(decide(reading.ruleSet, { subscriberEmail: 'b@example.org' }, 0).outcome).toBe('allow');
  });
});
