import { describe, expect, test } from 'vitest';
import type { CallDimensions } from '../../enforcement/decision.js';
import { ask, code, tripped } from './ask.js';

const filter = (dimension: string, operator: string, value: string) => ({ filters: [{ dimension, operator, value }] });

/** The example of contract 2.2. */
const EXAMPLE = {
  compiledAt: '2026-11-20T09:15:00Z',
  rules: [
    {
      ruleId: 90417,
      name: 'Nightly batch cap',
      metricType: 'TOTAL_COST',
      operatorType: 'GREATER_THAN_OR_EQUAL_TO',
      threshold: 250.0,
      warnThreshold: 200.0,
      currentValue: 251.37,
      percentUsed: 100.55,
      breached: true,
      warnBreached: true,
      shadowMode: false,
      action: 'BLOCK',
      periodType: 'DAILY',
      windowKey: 'DAILY:2026-11-20',
      windowStart: 1795132800,
      windowEnd: 1795219199.999,
      resetsAt: '2026-11-21T00:00:00Z',
      groupBy: null,
      groupBreakdown: null,
      filters: [{ dimension: 'MODEL', operator: 'IS', value: 'gpt-4o-mini' }],
    },
    {
      ruleId: 90418,
      name: 'Per user tokens',
      metricType: 'TOKEN_COUNT',
      threshold: 50000,
      currentValue: 81200,
      percentUsed: 162.4,
      breached: true,
      shadowMode: false,
      action: 'BLOCK',
      periodType: 'WEEKLY',
      resetsAt: '2026-11-23T00:00:00Z',
      groupBy: 'SUBSCRIBER',
      filters: [],
      groupBreakdown: [
        { groupValue: 'u-88', displayName: 'Rita', currentValue: 70000, usagePercent: 1.4, breached: true },
        {
          groupValue: 'lee@example.org',
          displayName: 'Lee',
          currentValue: 11200,
          usagePercent: 0.224,
          breached: false,
        },
      ],
    },
    {
      ruleId: 90419,
      name: 'Research dept',
      metricType: 'TOTAL_COST',
      threshold: 1000.0,
      currentValue: 1003.2,
      breached: true,
      shadowMode: false,
      action: 'BLOCK',
      periodType: 'MONTHLY',
      groupBy: 'DEPARTMENT',
      departmentId: 31,
      filters: [],
    },
  ],
  departmentBudgetBlocks: { 'rita@example.org': 90419 },
  departmentBudgetBlockBalances: { 'rita@example.org': '1003.20' },
  departmentBudgetWarnings: { 'sam@example.org': 90419 },
};

describe('the example of the contract', () => {
  test('refuses the model of a pooled rule, with all that the error shows', () => {
    expect(ask(EXAMPLE, { model: 'gpt-4o-mini', provider: 'OPENAI' })).toEqual({
      outcome: 'refuse',
      code: 'RULE_TRIPPED',
      message: 'Request blocked by Revenium enforcement rule: Nightly batch cap',
      rule: {
        ruleId: 90417,
        ruleName: 'Nightly batch cap',
        currentValue: 251.37,
        threshold: 250,
        resetsAt: '2026-11-21T00:00:00Z',
        periodType: 'DAILY',
        action: 'BLOCK',
      },
    });
    expect(ask(EXAMPLE, { model: 'gpt-4o' })).toEqual({ outcome: 'allow', code: 'ALLOWED' });
  });

  test('D7: refuses the member of a breached group with the group\u2019s own value, and no other caller', () => {
    expect(ask(EXAMPLE, { model: 'o3', subscriberId: 'u-88' })).toMatchObject({
      code: 'GROUP_TRIPPED',
      rule: { ruleId: 90418, currentValue: 70000, threshold: 50000 },
    });
    for (const call of [{ subscriberEmail: 'lee@example.org' }, { subscriberId: 'u-89' }, {}]) {
      expect(ask(EXAMPLE, { model: 'o3', ...call }).code).toBe('ALLOWED');
    }
    // The first identity that the breakdown lists decides: a breached e-mail does not outvote it.
    expect(ask(EXAMPLE, { subscriberId: 'lee@example.org', subscriberEmail: 'u-88' }).code).toBe('ALLOWED');
    expect(ask(EXAMPLE, { subscriberId: 'unlisted', subscriberEmail: 'u-88' }).code).toBe('GROUP_TRIPPED');
  });

  test('D4, D8: a department rule with further filters refuses only the calls that they cover; who is a member the maps say', () => {
    const feed = (filters: object[]) => ({
      rules: [{ ruleId: 9, breached: true, departmentId: 31, filters }],
      departmentBudgetBlocks: { 'rita@example.org': 9 },
    });
    const row = (dimension: string, value: string) => ({ dimension, operator: 'IS', value });
    const call = { subscriberEmail: 'rita@example.org', model: 'o3' };
    expect(ask(feed([row('DEPARTMENT', '31')]), call).code).toBe('DEPARTMENT_TRIPPED');
    expect(ask(feed([row('ORG_UNIT', '31'), row('MODEL', 'o3')]), call).code).toBe('DEPARTMENT_TRIPPED');
    expect(ask(feed([row('MODEL', 'gpt-4o')]), call).code).toBe('ALLOWED');
  });

  test('D8: refuses a blocked member of a department with the own balance, before any other rule', () => {
    expect(ask(EXAMPLE, { model: 'gpt-4o-mini', subscriberEmail: ' Rita@Example.org ' })).toMatchObject({
      code: 'DEPARTMENT_TRIPPED',
      message: 'Request blocked by Revenium enforcement rule: Research dept',
      rule: { ruleId: 90419, currentValue: 1003.2, threshold: 1000, resetsAt: null, periodType: 'MONTHLY' },
    });
    expect(ask(EXAMPLE, { model: 'o3', subscriberEmail: '  ' }).code).toBe('ALLOWED');
  });

  test('warns a member of a department who is past the warn limit, and lets the call through', () => {
    expect(ask(EXAMPLE, { subscriberEmail: 'sam@example.org' })).toMatchObject({
      code: 'ALLOWED',
      observed: [{ kind: 'warning', ruleId: 90419, ruleName: 'Research dept', currentValue: 1003.2 }],
    });
  });
});

describe('the choices of contract 2.11', () => {
  test('D4: every operator compares as its name says, and a missing value matches nothing', () => {
    const cases: [string, string, string[], string[]][] = [
      ['IS', 'gpt-4o', ['gpt-4o'], ['gpt-4o-mini', 'GPT-4O', 'gpt']],
      ['IS_NOT', 'gpt-4o', ['o3', 'GPT-4O'], ['gpt-4o']],
      ['CONTAINS', '4o', ['gpt-4o-mini', '4o'], ['gpt-4', 'gpt-4O']],
      ['STARTS_WITH', 'gpt', ['gpt', 'gpt-4o'], ['xgpt', 'gp', 'GPT-4']],
      ['ENDS_WITH', 'mini', ['gpt-4o-mini', 'mini'], ['mini-x', 'ini']],
    ];
    for (const [operator, value, hits, misses] of cases) {
      for (const model of hits)
        expect(code(filter('MODEL', operator, value), { model }), `${operator} ${model}`).toBe('RULE_TRIPPED');
      for (const model of misses)
        expect(code(filter('MODEL', operator, value), { model }), `${operator} ${model}`).toBe('ALLOWED');
      for (const call of [{}, { model: '' }, { model: undefined }, { agent: value }]) {
        expect(code(filter('MODEL', operator, value), call), operator).toBe('ALLOWED');
      }
    }
    const isIn = { filters: [{ dimension: 'MODEL', operator: 'IN', values: ['a', 'b'] }] };
    expect(['a', 'b', 'c'].map((model) => code(isIn, { model }))).toEqual(['RULE_TRIPPED', 'RULE_TRIPPED', 'ALLOWED']);
  });

  test('D4: every dimension reads its own value, and only that', () => {
    const fields: [string, keyof CallDimensions][] = [
      ['MODEL', 'model'],
      ['PROVIDER', 'provider'],
      ['SUBSCRIBER', 'subscriberId'],
      ['SUBSCRIBER', 'subscriberEmail'],
      ['ORGANIZATION', 'organization'],
      ['PRODUCT', 'product'],
      ['CREDENTIAL', 'credential'],
      ['CREDENTIAL', 'credentialName'],
      ['AGENT', 'agent'],
      ['TASK_TYPE', 'taskType'],
    ];
    for (const [dimension, own] of fields) {
      for (const [other, field] of fields) {
        const expected = other === dimension ? 'RULE_TRIPPED' : 'ALLOWED';
        expect(code(filter(dimension, 'IS', 'v'), { [field]: 'v' }), `${dimension} ${field}`).toBe(expected);
      }
      expect(code(filter(dimension, 'IS_NOT', 'v'), { [own]: 'w' })).toBe('RULE_TRIPPED');
    }
    expect(code(filter('SUBSCRIBER', 'IS_NOT', 'v'), { subscriberId: 'w', subscriberEmail: 'v' })).toBe('ALLOWED');
  });

  test('D4: all rows must hold; an unknown dimension and DEPARTMENT match no call', () => {
    const filters = [
      { dimension: 'MODEL', operator: 'IS', value: 'm' },
      { dimension: 'AGENT', operator: 'IS_NOT', value: 'a' },
    ];
    expect(code({ filters }, { model: 'm', agent: 'b' })).toBe('RULE_TRIPPED');
    for (const call of [{ model: 'm', agent: 'a' }, { model: 'm' }, { agent: 'b' }])
      expect(code({ filters }, call)).toBe('ALLOWED');
    expect(code(filter('MOON', 'IS_NOT', 'full'), { model: 'm' })).toBe('ALLOWED');
    expect(code(filter('DEPARTMENT', 'IS', '31'), { model: 'm', subscriberEmail: 'a@b' })).toBe('ALLOWED');
  });

  test('providers are compared without case, in filters and in groups', () => {
    for (const provider of ['OPENAI', 'OpenAI', 'openai']) {
      expect(code(filter('PROVIDER', 'IS', 'OpenAI'), { provider })).toBe('RULE_TRIPPED');
      expect(code(filter('PROVIDER', 'STARTS_WITH', 'OPEN'), { provider })).toBe('RULE_TRIPPED');
      expect(code(filter('PROVIDER', 'IS_NOT', 'OpenAI'), { provider })).toBe('ALLOWED');
      const groupBreakdown = [{ groupValue: 'OpenAI', breached: true }];
      expect(code({ groupBy: 'PROVIDER', groupBreakdown }, { provider })).toBe('GROUP_TRIPPED');
    }
  });

  test('D5: a tripped rule without a scope refuses every call', () => {
    expect(code({}, {})).toBe('RULE_TRIPPED');
  });

  test('D6, D13: an action other than BLOCK, or shadow mode, never refuses and is observed', () => {
    const observed = { ruleId: 1, ruleName: 'A rule', currentValue: 251.37, threshold: 250 };
    for (const action of ['WARN_ONLY', 'THROTTLE']) {
      expect(ask([{ ...tripped, action }], {})).toMatchObject({
        outcome: 'allow',
        observed: [{ ...observed, kind: 'action', action }],
      });
    }
    expect(ask([{ ...tripped, shadowMode: true }], {})).toMatchObject({
      outcome: 'allow',
      observed: [{ ...observed, kind: 'shadow' }],
    });
  });

  test('D6, D13: a department rule in shadow mode or with another action does not refuse, and still warns', () => {
    const body = (rule: object) => ({
      ...EXAMPLE,
      rules: [{ ...EXAMPLE.rules[2], ...rule }],
      departmentBudgetWarnings: { 'rita@example.org': 90419 },
    });
    const call = { subscriberEmail: 'rita@example.org' };
    expect(ask(body({ shadowMode: true }), call)).toMatchObject({
      outcome: 'allow',
      observed: [{ kind: 'shadow' }, { kind: 'warning' }],
    });
    expect(ask(body({ action: ' warn_only ' }), call)).toMatchObject({
      outcome: 'allow',
      observed: [{ kind: 'action' }, { kind: 'warning' }],
    });
    expect(ask(body({ action: null }), call).outcome).toBe('refuse');
  });

  test('D7: a grouped rule is judged by its groups, whatever it says at the top; an empty breakdown is none', () => {
    const groupBreakdown = [{ groupValue: 'a', breached: true, currentValue: '3.5' }];
    expect(ask([{ ...tripped, breached: false, groupBreakdown }], { subscriberId: 'a' })).toMatchObject({
      rule: { currentValue: 3.5 },
    });
    expect(code({ groupBreakdown }, { subscriberId: 'b' })).toBe('ALLOWED');
    expect(code({ groupBreakdown: ['nonsense'] }, { subscriberId: 'a' })).toBe('ALLOWED');
    expect(code({ groupBreakdown: [] }, {})).toBe('RULE_TRIPPED');
    expect(code({ groupBreakdown: null, groupBy: 'SUBSCRIBER' }, {})).toBe('RULE_TRIPPED');
    const byModel = { groupBy: 'MODEL', groupBreakdown: [{ groupValue: 'gpt', breached: true }] };
    expect([code(byModel, { model: 'gpt' }), code(byModel, { subscriberId: 'gpt' })]).toEqual([
      'GROUP_TRIPPED',
      'ALLOWED',
    ]);
    const scoped = { groupBreakdown, ...filter('MODEL', 'IS', 'm') };
    expect([code(scoped, { subscriberId: 'a', model: 'm' }), code(scoped, { subscriberId: 'a' })]).toEqual([
      'GROUP_TRIPPED',
      'ALLOWED',
    ]);
  });

  test('D8: department rules act through the maps only; a rule that is not listed still refuses', () => {
    for (const rule of [{ departmentId: 31 }, { orgUnitId: 31 }, { groupBy: 'DEPARTMENT' }, { groupBy: 'ORG_UNIT' }]) {
      expect(code(rule, { model: 'm' })).toBe('ALLOWED');
    }
    const maps = { departmentBudgetBlocks: { 'a@b': 7 }, departmentBudgetBlockBalances: { 'a@b': 12 } };
    expect(ask({ rules: [], ...maps }, { subscriberEmail: 'a@b' })).toMatchObject({
      code: 'DEPARTMENT_TRIPPED',
      rule: { ruleName: 'Department budget', ruleId: 7, currentValue: 12, threshold: null },
    });
    expect(ask({ rules: [], departmentBudgetBlocks: { 'a@b': 7 } }, { subscriberEmail: 'a@b' })).toMatchObject({
      rule: { currentValue: null },
    });
    expect(ask({ rules: [{ ruleId: '7', name: 'By text id' }], ...maps }, { subscriberEmail: 'a@b' })).toMatchObject({
      rule: { ruleName: 'By text id', currentValue: 12 },
    });
  });

  test('I8: a department rule with an action that nobody knows refuses nobody', () => {
    const body = { rules: [{ ruleId: 7, departmentId: 1, action: 'EXPLODE' }], departmentBudgetBlocks: { 'a@b': 7 } };
    expect(ask(body, { subscriberEmail: 'a@b' }).code).toBe('ALLOWED');
  });

  test('D9: the legacy field credential limits a rule to that credential', () => {
    expect(code({ credential: 'key-1' }, { credential: 'key-1' })).toBe('RULE_TRIPPED');
    expect(code({ credential: 'key-1' }, { credential: 'key-2' })).toBe('ALLOWED');
    expect(code({ credential: 'key-1' }, {})).toBe('ALLOWED');
    expect(code({ credential: '' }, {})).toBe('RULE_TRIPPED');
  });

  test('D10, D12: a rule with a text id and nothing but a verdict refuses', () => {
    expect(ask([{ ruleId: 'r-1', breached: true }], {})).toEqual({
      outcome: 'refuse',
      code: 'RULE_TRIPPED',
      message: 'Request blocked by Revenium enforcement rule: cost limit',
      rule: {
        ruleId: 'r-1',
        ruleName: null,
        currentValue: null,
        threshold: null,
        resetsAt: null,
        periodType: null,
        action: 'BLOCK',
      },
    });
  });
});

describe('the order', () => {
  test('the first rule of the feed that blocks wins, however it is found', () => {
    const rules = [
      { ...tripped, ruleId: 1, ...filter('MODEL', 'IS', 'other') },
      { ...tripped, ruleId: 2, ...filter('MODEL', 'CONTAINS', 'p') },
      { ...tripped, ruleId: 3 },
      { ...tripped, ruleId: 4, ...filter('MODEL', 'IS', 'gpt') },
    ];
    const first = (from: number) => ask(rules.slice(from), { model: 'gpt' });
    expect([0, 2, 3].map((from) => first(from))).toMatchObject([
      { rule: { ruleId: 2 } },
      { rule: { ruleId: 3 } },
      { rule: { ruleId: 4 } },
    ]);
  });

  test('a rule that refuses hides no rule that observes, and at most 8 are listed, in order', () => {
    const rules = [
      ...Array.from({ length: 6 }, (_, i) => ({ ...tripped, ruleId: 10 + i, shadowMode: true })),
      { ...tripped, ruleId: 1 },
      ...Array.from({ length: 6 }, (_, i) => ({ ...tripped, ruleId: 20 + i, action: 'WARN_ONLY' })),
    ];
    const decision = ask(rules, {});
    expect(decision).toMatchObject({ outcome: 'refuse', rule: { ruleId: 1 } });
    expect(decision.observed?.map((one) => one.ruleId)).toEqual([10, 11, 12, 13, 14, 15, 20, 21]);
  });
});
