import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../enforcement/decide.js';
import type { CallDimensions } from '../../enforcement/decision.js';
import { exhaustedFor } from '../../enforcement/exhausted.js';
import { compileRuleSet, type RuleSet } from '../../enforcement/rule-set.js';
import { RuleSetEditor } from '../../enforcement/rule-set-editor.js';
import type { GroupVerdict, Rule } from '../../src/wire/feed.js';
import { feedFromJson } from '../../src/wire/feed-parse.js';
import { calls, NO_MAPS, rules as plainRules } from './arbitraries.js';
import { NOW_MS, tripped } from './ask.js';
import { oracleRow } from './oracle.js';

function read(...raw: object[]): RuleSet {
  const result = feedFromJson(raw);
  if (result.kind !== 'rules') throw new Error('not a feed');
  return compileRuleSet(result.feed);
}

function all<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

const hard = { ...tripped, breached: false, enforcement: 'HARD', graded: true, exhausted: true };

const hardRules = fc
  .record({
    rule: plainRules,
    hard: fc.option(fc.record({ graded: fc.boolean(), exhausted: fc.boolean() }), { nil: undefined, freq: 1 }),
    exhausted: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  })
  .map(({ rule, hard, exhausted }): Rule => {
    const groupBreakdown = rule.groupBreakdown?.map(
      (group, i): GroupVerdict => (exhausted[i] === true ? { ...group, exhausted: true } : group),
    );
    return { ...rule, groupBreakdown, hard };
  });
/** As the editor wants them: numbers, keys, in order. */
const keyedRules = fc
  .array(hardRules, { maxLength: 15 })
  .map((rules) => rules.map((rule, i) => ({ ...rule, ruleId: i + 1, key: String(i + 1) })));

/** Written down as a loop: what a call could have to be admitted against. */
function couldHold(rules: readonly Rule[], call: CallDimensions): boolean {
  return rules.some((rule) => {
    if (rule.hard === undefined || rule.shadowMode) return false;
    const names = [call.credentialName, call.credential];
    if (rule.credential !== undefined && !names.includes(rule.credential)) return false;
    return rule.filters.every((filter) => filter.dimension === 'DEPARTMENT' || oracleRow(filter, call));
  });
}

/** The same rules to somebody who reads "the limit is reached" as the verdict. */
function asVerdicts(rules: readonly Rule[]): readonly Rule[] {
  const isOfCalls = (rule: Rule) => rule.filters.every(({ dimension }) => dimension !== 'DEPARTMENT');
  return rules
    .filter((rule) => rule.hard !== undefined && !rule.shadowMode && rule.action === 'BLOCK' && isOfCalls(rule))
    .map((rule) => ({
      ...rule,
      breached: rule.hard!.exhausted,
      groupBreakdown: rule.groupBreakdown?.map((group) => ({ ...group, breached: group.exhausted === true })),
    }));
}

describe('rules of hard controls, held against calls', () => {
  it('are found by their filters, whatever their verdict is and whenever their window ended', () => {
    const filters = [{ dimension: 'MODEL', operator: 'STARTS_WITH', value: 'gpt' }];
    const set = read({ ...hard, exhausted: false, filters, resetsAt: '2020-01-01T00:00:00Z' });
    expect(set.holdingCount).toBe(1);
    expect(set.holdingFor({ model: 'gpt-4o' })).toBe(true);
    expect(set.holdingFor({ model: 'claude' })).toBe(false);
    expect(set.holdingFor({})).toBe(false);
  });

  it('are none in shadow mode, and none in a feed that says nothing of enforcement', () => {
    expect(read({ ...hard, shadowMode: true }).holdingFor({})).toBe(false);
    for (const enforcement of [undefined, 'POLLED', 'hard', 1, null, {}]) {
      const set = read({ ...hard, enforcement });
      expect([set.holdingCount, set.holdingFor({}), exhaustedFor(set, {}, NOW_MS)]).toEqual([0, false, undefined]);
    }
  });

  it('count as covering a call where only the service knows whether they do', () => {
    const department = { dimension: 'DEPARTMENT', operator: 'IS', value: '7' };
    expect(read({ ...hard, departmentId: 7, filters: [department] }).holdingFor({})).toBe(true);
    expect(read({ ...hard, groupBy: 'DEPARTMENT', filters: [] }).holdingFor({})).toBe(true);
    const both = [department, { dimension: 'MODEL', operator: 'IS', value: 'gpt-4o' }];
    expect(
      read({ ...hard, groupBy: 'SUBSCRIBER', groupBreakdown: [], filters: both }).holdingFor({ model: 'o3' }),
    ).toBe(false);
  });

  it('take what they do not understand of the new fields as if it were not there (I8)', () => {
    const set = read({ ...hard, graded: 'yes', exhausted: 'true' });
    expect(set.holdingCount).toBe(1);
    expect(exhaustedFor(set, {}, NOW_MS)).toBeUndefined();
    expect(decide(read({ ...hard, breached: true, graded: 7 }), {}, NOW_MS).outcome).toBe('refuse');
  });

  it('refuse by what is used up where the verdict does not say it', () => {
    const set = read(hard);
    expect(decide(set, {}, NOW_MS).outcome).toBe('allow');
    expect(exhaustedFor(set, {}, NOW_MS)).toMatchObject({
      outcome: 'refuse',
      code: 'RULE_TRIPPED',
      message: 'Request blocked by Revenium enforcement rule: A rule',
      rule: { ruleId: 1, currentValue: 251.37, threshold: 250 },
    });
  });

  it('refuse by the group of the caller', () => {
    const groupBreakdown = [
      { groupValue: 'lee', breached: false, exhausted: true, currentValue: 9 },
      { groupValue: 'kim', breached: false, exhausted: false },
    ];
    const set = read({ ...hard, exhausted: false, groupBy: 'SUBSCRIBER', groupBreakdown });
    expect(exhaustedFor(set, { subscriberId: 'lee' }, NOW_MS)).toMatchObject({
      code: 'GROUP_TRIPPED',
      rule: { groupValue: 'lee', currentValue: 9 },
    });
    expect(exhaustedFor(set, { subscriberId: 'kim' }, NOW_MS)).toBeUndefined();
    expect(exhaustedFor(set, {}, NOW_MS)).toBeUndefined();
  });

  it('refuse nobody once their window has ended (I13)', () => {
    const set = read({ ...hard, resetsAt: new Date(NOW_MS).toISOString() });
    expect(exhaustedFor(set, {}, NOW_MS - 1)?.outcome).toBe('refuse');
    expect(exhaustedFor(set, {}, NOW_MS)).toBeUndefined();
    expect(set.holdingFor({})).toBe(true);
  });

  it('are found as a loop over all rules finds them', () => {
    fc.assert(
      fc.property(fc.array(hardRules, { maxLength: 30 }), calls, (rules, call) => {
        const set = compileRuleSet({ rules, departments: NO_MAPS });
        expect(set.holdingFor(call)).toBe(couldHold(rules, call));
      }),
      { numRuns: 400 },
    );
  });

  it('refuse as rules with those verdicts would, and hide no other decision', () => {
    fc.assert(
      fc.property(
        fc.array(hardRules, { maxLength: 20 }),
        calls,
        fc.integer({ min: 880, max: 1120 }),
        (all, call, now) => {
          const rules = all.filter(({ filters }) => filters.every(({ dimension }) => dimension !== 'DEPARTMENT'));
          const set = compileRuleSet({ rules, departments: NO_MAPS });
          const expected = decide(compileRuleSet({ rules: asVerdicts(rules), departments: NO_MAPS }), call, now);
          const plain = rules.map(({ hard: _hard, ...rule }) => rule);
          expect(exhaustedFor(set, call, now)).toEqual(expected.outcome === 'refuse' ? plainly(expected) : undefined);
          expect(decide(set, call, now)).toEqual(
            decide(compileRuleSet({ rules: plain, departments: NO_MAPS }), call, now),
          );
        },
      ),
      { numRuns: 400 },
    );
  });

  it('are the same however the feed came: whole, or rule by rule', () => {
    fc.assert(
      fc.property(keyedRules, keyedRules, calls, (before, after, call) => {
        const editor = all(RuleSetEditor.open(before, NO_MAPS));
        for (const rule of after) all(editor.put(rule));
        for (const { key } of before.slice(after.length)) editor.remove(key);
        for (const { key } of after.slice(0, 3)) editor.setValue(key, 55);
        const changed = after.map((rule, i) => (i < 3 ? { ...rule, currentValue: 55 } : rule));
        const whole = compileRuleSet({ rules: changed, departments: NO_MAPS });
        const edited = all(editor.build());
        expect(edited.holdingFor(call)).toBe(whole.holdingFor(call));
        expect(exhaustedFor(edited, call, 1000)).toEqual(exhaustedFor(whole, call, 1000));
      }),
      { numRuns: 300 },
    );
  });

  it('follow the groups of a difference', () => {
    const group = (groupValue: string, exhausted: boolean) => ({ groupValue, breached: false, exhausted });
    const [rule] = feedRules({ ...hard, key: '1', groupBy: 'SUBSCRIBER', groupBreakdown: [group('lee', true)] });
    const editor = all(RuleSetEditor.open([rule!], NO_MAPS));
    const first = all(editor.build());
    all(editor.changeGroups('1', { set: [group('kim', true)], removed: ['lee'] }));
    const second = all(editor.build());
    const refused = (set: RuleSet, subscriberId: string) => exhaustedFor(set, { subscriberId }, NOW_MS) !== undefined;
    expect([refused(first, 'lee'), refused(first, 'kim')]).toEqual([true, false]);
    expect([refused(second, 'lee'), refused(second, 'kim')]).toEqual([false, true]);
  });
});

function feedRules(...raw: object[]): readonly Rule[] {
  const result = feedFromJson(raw);
  if (result.kind !== 'rules') throw new Error('not a feed');
  return result.feed.rules;
}

/** What observes is said by the decision on the polled rules. */
function plainly(decision: object): object {
  return { ...decision, observed: undefined };
}
