import { expect, test } from 'vitest';
import {
  type BoundedRules,
  boundedRules,
  quietRules,
  shown,
  wholeRules,
} from '../../../service/compile/bounded-rules.js';
import { ControlState } from '../../../service/compile/control-state.js';
import type { CostControlInput } from '../../../service/store/store.js';
import { control, NOON } from '../store-support.js';

const DOLLAR = 1_000_000_000n;
const WINDOW = {
  startMs: NOON,
  key: 'DAILY:2026-08-19',
  balanceStartMs: NOON,
  resetsAtMs: NOON + 1_000,
  validUntilMs: NOON + 1_000,
  bucketMs: null,
};

function stateOf(ruleId: number, fields: Partial<CostControlInput>, dollars = 0): ControlState {
  const kept = { ...control(fields), id: `c${ruleId}`, ruleId, teamId: 't', createdAtMs: NOON, updatedAtMs: NOON };
  const total = { value: BigInt(dollars) * DOLLAR, unknownCount: 0n };
  const state = new ControlState({ control: kept, window: WINDOW, total }, 1);
  state.settle();
  return state;
}

function trip(state: ControlState, groupKey: string, dollars: number): void {
  const values = { value: BigInt(Math.round(dollars * 1_000)) * (DOLLAR / 1_000n), unknownCount: 0n };
  state.setGroups([{ groupKey, values }]);
  state.settle();
}

function run(steps: Generator<void, BoundedRules>): BoundedRules {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

function bounded(states: readonly ControlState[], max?: number) {
  const { parts, omitted } = run(boundedRules(shown(states), max));
  const text = parts.join('');
  return { rules: JSON.parse(text), bytes: Buffer.byteLength(text), omitted };
}

const names = (rule: { groupBreakdown: { groupValue: string }[] }) =>
  rule.groupBreakdown.map(({ groupValue }) => groupValue);

test('what fits is the whole list', () => {
  const grouped = stateOf(2, { groupBy: 'SUBSCRIBER', hardLimit: '1', warnThreshold: '0.5' });
  trip(grouped, 'u1', 2);
  trip(grouped, 'u2', 0.6);
  const states = [stateOf(1, {}), grouped, stateOf(3, { groupBy: 'MODEL' })];
  const { rules, omitted } = bounded(states);
  expect([rules, omitted]).toEqual([JSON.parse(wholeRules(shown(states)).join('')), 0]);
  expect(bounded([])).toEqual({ rules: [], bytes: 2, omitted: 0 });
});

test('a little too long: entries lose what a guard does not need, nobody is left out', () => {
  const grouped = stateOf(1, { groupBy: 'SUBSCRIBER', hardLimit: '1' });
  for (let n = 0; n < 100; n += 1) trip(grouped, `u${n}`, 2);
  const { rules, bytes, omitted } = bounded([grouped], 8_000);
  expect([rules[0].groupBreakdown.length, omitted]).toEqual([100, 0]);
  expect(bytes).toBeLessThanOrEqual(8_000);
  expect(rules[0].groupBreakdown[0]).toEqual({ groupValue: 'u0', currentValue: 2, breached: true });
});

test('20,000 groups trip at once: rules that refuse everybody first, then whoever is the furthest beyond the limit', () => {
  const grouped = stateOf(5, { groupBy: 'SUBSCRIBER', hardLimit: '1', warnThreshold: '0.5' });
  const other = stateOf(6, { groupBy: 'SUBSCRIBER', hardLimit: '100' });
  const readings = Array.from({ length: 20_000 }, (_, n) => ({
    groupKey: `customer-${10_000 + n}@northwind.example`,
    values: { value: DOLLAR + BigInt(n) * 1_000_000n, unknownCount: 0n },
  }));
  grouped.setGroups(readings);
  grouped.settle();
  trip(grouped, 'only warned', 0.7);
  trip(other, 'far beyond', 100_000);
  const agents = stateOf(7, { groupBy: 'AGENT', hardLimit: '1' });
  trip(agents, 'bot', 3);
  const calm = Array.from({ length: 3_000 }, (_, n) => stateOf(100 + n, { name: `calm ${n}` }));
  const states = [stateOf(1, {}, 2), grouped, other, agents, ...calm];
  const { rules, bytes, omitted } = bounded(states);
  expect(bytes).toBeLessThanOrEqual(1_000_000);
  expect(bytes).toBeGreaterThan(990_000);
  const ids = rules.map(({ key }: { key: string }) => key);
  expect(ids.slice(0, 4)).toEqual(['1', '5', '6', '7:bot']);
  expect(names(rules[2])).toEqual(['far beyond']);
  const kept = names(rules[1]);
  expect(kept).toEqual(readings.slice(-kept.length).map(({ groupKey }) => groupKey));
  // Left out: groups, whoever is only warned, what the agents' own rule shows, and rules that refuse nobody.
  const calmKept = ids.length - 4;
  expect(omitted).toBe(20_000 - kept.length + 2 + (3_001 - calmKept));
  // Whoever goes on spending moves up the list.
  const left = readings[0]!.groupKey;
  expect(kept).not.toContain(left);
  trip(grouped, left, 500);
  expect(names(bounded(states).rules[1])).toContain(left);
});

test('while an operator lets everything pass, every rule is there and refuses nobody', () => {
  const grouped = stateOf(2, { groupBy: 'SUBSCRIBER', hardLimit: '1' });
  const agents = stateOf(3, { groupBy: 'AGENT', hardLimit: '1' });
  for (const state of [grouped, agents]) trip(state, 'x', 3);
  const { parts, omitted } = run(quietRules(shown([stateOf(1, {}, 2), grouped, agents])));
  const rules = JSON.parse(parts.join(''));
  expect(omitted).toBe(0);
  expect(rules.map(({ key }: { key: string }) => key)).toEqual(['1', '2', '3']);
  expect(JSON.stringify(rules)).not.toMatch(/reached":true/);
});
