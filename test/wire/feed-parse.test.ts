import { describe, expect, test } from 'vitest';
import type { Feed, FeedResult, Rule } from '../../src/wire/feed.js';
import { feedFromJson, parseFeed } from '../../src/wire/feed-parse.js';

function feedOf(result: FeedResult): Feed {
  if (result.kind !== 'rules') throw new Error(`not a feed: ${JSON.stringify(result)}`);
  return result.feed;
}

const parsed = (body: unknown) => feedOf(parseFeed(JSON.stringify(body)));

function ruleOf(fields: Record<string, unknown>): Rule {
  const feed = parsed({ rules: [{ ruleId: 1, ...fields }] });
  expect(feed.dropped).toEqual({ count: 0, reasons: new Map() });
  return feed.rules[0]!;
}

function dropReason(fields: unknown): string {
  // A good rule stands beside the bad one: only the bad one goes (I8).
  const feed = parsed({ rules: [fields, { ruleId: 2 }] });
  expect(feed.rules.map((rule) => rule.ruleId)).toEqual([2]);
  expect(feed.dropped.count).toBe(1);
  return [...feed.dropped.reasons.keys()].join();
}

describe('a body', () => {
  test('with status 204, or empty with status 200, is an empty feed', () => {
    expect(parseFeed('', 204)).toEqual({ kind: 'empty' });
    expect(parseFeed('ignored', 204)).toEqual({ kind: 'empty' });
    expect(parseFeed('', 200)).toEqual({ kind: 'empty' });
    expect(parseFeed(' \r\n', 200)).toEqual({ kind: 'empty' });
  });

  test('with any other status is malformed', () => {
    for (const status of [201, 202, 301, 304, 404, 500])
      expect(parseFeed('{"rules":[]}', status).kind).toBe('malformed');
  });

  test('I8: that is no JSON, no object, or has no known field is malformed', () => {
    for (const body of [
      'not json',
      '{"rules":[]',
      '[1,',
      '"text"',
      '17',
      'true',
      'null',
      '{}',
      '{"message":"hello"}',
    ]) {
      expect(parseFeed(body), body).toMatchObject({ kind: 'malformed' });
    }
    expect(parseFeed('{"revision":7}').kind).toBe('malformed');
    expect(parseFeed('{"constructor":{},"__proto__":{"rules":[]},"toString":1}').kind).toBe('malformed');
  });

  test('I8: whose rules are no list, or a list without a single rule in it, is malformed', () => {
    for (const rules of [{}, 'x', 7, true, ['error'], [1, 2], [null], [[]], [{ message: 'no' }]]) {
      expect(parseFeed(JSON.stringify({ rules })), JSON.stringify(rules)).toMatchObject({ kind: 'malformed' });
    }
    expect(parseFeed('["error"]').kind).toBe('malformed');
  });

  test('D20: with rules null or [] is a feed without rules', () => {
    expect(parsed({ rules: null }).rules).toEqual([]);
    expect(parsed({ rules: [] }).rules).toEqual([]);
    expect(parsed({ compiledAt: '2026-11-20T09:15:00Z' }).rules).toEqual([]);
  });

  test('that is a bare list is the list of rules, with empty maps', () => {
    const feed = parsed([{ ruleId: 5, breached: true }]);
    expect(feed.rules[0]).toMatchObject({ ruleId: 5, breached: true, action: 'BLOCK', shadowMode: false, filters: [] });
    expect(feed.departments.blocks.size).toBe(0);
    expect(parsed([]).rules).toEqual([]);
  });

  test('may begin with a byte order mark', () => {
    expect(feedOf(parseFeed('\ufeff{"rules":[{"ruleId":1}]}')).rules).toHaveLength(1);
  });

  test('carries compile time, revision and the rules as they came', () => {
    const rules = [{ ruleId: 1, custom: { kept: true } }, 'nonsense'];
    const feed = parsed({ rules, compiledAt: 1776829860.156, revision: 12 });
    expect(feed.compiledAtMs).toBe(1_776_829_860_156);
    expect(feed.revision).toBe(12);
    expect([...feed.rawRules]).toEqual(rules);
    expect(parsed({ rules, compiledAt: '2026-11-20T09:15:00Z' }).compiledAtMs).toBe(Date.UTC(2026, 10, 20, 9, 15));
    for (const revision of ['12', 1.5, null, true]) expect(parsed({ rules, revision }).revision).toBeUndefined();
  });

  test('is read by its own fields only', () => {
    expect(feedFromJson(Object.create({ rules: [{ ruleId: 1 }] })).kind).toBe('malformed');
  });
});

describe('a rule', () => {
  test('D11: takes numeric text for numbers, and leaves out what is none', () => {
    const rule = ruleOf({ threshold: ' 250.50 ', currentValue: '1e2', warnThreshold: '-3' });
    expect(rule).toMatchObject({ threshold: 250.5, currentValue: 100, warnThreshold: -3 });
    for (const bad of ['', 'x', '0x10', 'Infinity', 'NaN', '1,5', true, {}, [], null]) {
      expect(ruleOf({ threshold: bad }).threshold, JSON.stringify(bad)).toBeUndefined();
    }
    expect(feedOf(parseFeed('{"rules":[{"ruleId":1,"threshold":1e999}]}')).rules[0]?.threshold).toBeUndefined();
  });

  test('D9, D10: has an integer or text id, also under the old name', () => {
    expect(ruleOf({ ruleId: 'abc' }).ruleId).toBe('abc');
    expect(ruleOf({ ruleId: null, id: 9 }).ruleId).toBe(9);
    expect(ruleOf({ ruleId: 3, id: 9 }).ruleId).toBe(3);
    expect(ruleOf({ ruleId: '__proto__' }).ruleId).toBe('__proto__');
    expect(dropReason({ name: 'no id' })).toBe('no rule id');
    for (const ruleId of [1.5, '', ' ', true, {}, []])
      expect(dropReason({ ruleId }), String(ruleId)).toBe('malformed rule id');
  });

  test('D9: is tripped by breached or by the old name blocked; anything but a boolean drops it', () => {
    expect(ruleOf({ blocked: true }).breached).toBe(true);
    expect(ruleOf({ breached: null, blocked: true }).breached).toBe(true);
    expect(ruleOf({ breached: false, blocked: true }).breached).toBe(true);
    expect(ruleOf({ breached: null }).breached).toBe(false);
    for (const breached of ['true', 1, 0, {}, []])
      expect(dropReason({ ruleId: 1, breached })).toBe('malformed breached');
    expect(dropReason({ ruleId: 1, breached: true, shadowMode: 'false' })).toBe('malformed shadowMode');
  });

  test('D12: without action blocks; the action is trimmed and upper-cased; an unknown one drops the rule', () => {
    expect(ruleOf({}).action).toBe('BLOCK');
    expect(ruleOf({ action: null }).action).toBe('BLOCK');
    expect(ruleOf({ action: ' block ' }).action).toBe('BLOCK');
    expect(ruleOf({ action: 'warn_only' }).action).toBe('WARN_ONLY');
    for (const action of ['EXPLODE', '', 7, {}, 'constructor'])
      expect(dropReason({ ruleId: 1, action })).toBe('unknown action');
  });

  test('has times in epoch seconds, with fractions, as numbers or text, or in ISO form, which is UTC without a zone', () => {
    expect(ruleOf({ windowEnd: 1795219199.999 }).windowEndMs).toBe(1_795_219_199_999);
    expect(ruleOf({ windowEnd: '1795219199.999' }).windowEndMs).toBe(1_795_219_199_999);
    const noonMs = Date.UTC(2026, 10, 21, 12);
    for (const text of [
      '2026-11-21T12:00:00Z',
      '2026-11-21T12:00:00',
      '2026-11-21 12:00:00.000',
      '2026-11-21T13:00:00+01:00',
    ]) {
      expect(ruleOf({ resetsAt: text }), text).toMatchObject({ resetsAt: text, resetsAtMs: noonMs });
    }
    expect(ruleOf({ resetsAt: noonMs / 1000 })).toMatchObject({
      resetsAt: '2026-11-21T12:00:00.000Z',
      resetsAtMs: noonMs,
    });
    expect(ruleOf({ resetsAt: 'soon' })).toMatchObject({ resetsAt: 'soon', resetsAtMs: undefined });
    expect(ruleOf({ resetsAt: '', windowEnd: {} })).toMatchObject({ resetsAt: undefined, windowEndMs: undefined });
    expect(ruleOf({ windowEnd: '2026-02-31T99:00:00Z' }).windowEndMs).toBeUndefined();
  });

  test('keeps the text of resetsAt of each rule, also where rules share it', () => {
    const feed = parsed({ rules: ['a', 'b', 'b', null, 'b'].map((resetsAt, ruleId) => ({ ruleId, resetsAt })) });
    expect(feed.rules.map((rule) => rule.resetsAt)).toEqual(['a', 'b', 'b', undefined, 'b']);
  });

  test('takes old flat scopes for the dimensions that its filters do not name', () => {
    const flat = { subscriberId: 's', productName: 'p', model: 'm', provider: 'OPENAI' };
    const all = [
      { dimension: 'SUBSCRIBER', operator: 'IS', value: 's' },
      { dimension: 'PRODUCT', operator: 'IS', value: 'p' },
      { dimension: 'MODEL', operator: 'IS', value: 'm' },
      { dimension: 'PROVIDER', operator: 'IS', value: 'OPENAI' },
    ];
    expect(ruleOf(flat).filters).toEqual(all);
    expect(ruleOf({ ...flat, filters: [] }).filters).toEqual(all);
    const filters = [{ dimension: 'MODEL', operator: 'IS', value: 'other' }];
    expect(ruleOf({ model: 'm', filters }).filters).toEqual(filters);
    expect(ruleOf({ model: '', productName: null }).filters).toEqual([]);
    expect(dropReason({ ruleId: 1, model: 7 })).toBe('malformed filters');
  });

  test('D4: keeps a filter on an unknown dimension, reads ORG_UNIT as DEPARTMENT and an empty operator as IS', () => {
    const filters = [
      { dimension: 'MOON_PHASE', value: 'full' },
      { dimension: 'ORG_UNIT', operator: '', value: 31 },
      { dimension: ' model ', operator: 'starts_with', value: 'a:b' },
      { dimension: 'AGENT', operator: 'IN', values: ['x', null, 'y'] },
    ];
    expect(ruleOf({ filters }).filters).toEqual([
      { dimension: 'UNKNOWN', operator: 'IS', value: 'full' },
      { dimension: 'DEPARTMENT', operator: 'IS', value: '31' },
      { dimension: 'MODEL', operator: 'STARTS_WITH', value: 'a:b' },
      { dimension: 'AGENT', operator: 'IN', values: ['x', 'y'] },
    ]);
  });

  test('I8: with an unknown operator or malformed filters is dropped alone', () => {
    const withFilter = (filter: unknown) => dropReason({ ruleId: 1, breached: true, filters: [filter] });
    expect(withFilter({ dimension: 'MODEL', operator: 'RESEMBLES', value: 'x' })).toBe('unknown operator');
    expect(withFilter({ dimension: 'MODEL', operator: 5, value: 'x' })).toBe('unknown operator');
    for (const filter of [
      'MODEL',
      null,
      {},
      { dimension: 3, value: 'x' },
      { dimension: 'MODEL' },
      { dimension: 'MODEL', value: '' },
      { dimension: 'MODEL', operator: 'CONTAINS', value: '' },
      { dimension: 'MODEL', operator: 'IN', value: 'x' },
      { dimension: 'MODEL', operator: 'IN', values: 'x' },
      { dimension: 'MODEL', operator: 'IN', values: [{}] },
    ]) {
      expect(withFilter(filter), JSON.stringify(filter)).toBe('malformed filters');
    }
    for (const filters of ['x', {}, 7, true]) expect(dropReason({ ruleId: 1, filters })).toBe('malformed filters');
  });

  test('is grouped by a list that is not empty; entries that are not understood are skipped', () => {
    const groupBreakdown = [
      'x',
      null,
      { groupValue: 'a', breached: true, currentValue: '7.5', usagePercent: 1.4, displayName: 'A' },
      { groupValue: 'b', breached: 'yes' },
      { groupValue: 5, breached: true },
      { groupValue: 'c' },
    ];
    expect(ruleOf({ groupBy: 'subscriber', groupBreakdown })).toMatchObject({
      groupBy: 'SUBSCRIBER',
      groupBreakdown: [
        { groupValue: 'a', breached: true, currentValue: 7.5, usagePercent: 1.4, displayName: 'A' },
        { groupValue: 'c', breached: false },
      ],
    });
    expect(ruleOf({ groupBreakdown: [] }).groupBreakdown).toBeUndefined();
    expect(ruleOf({ groupBreakdown: null }).groupBreakdown).toBeUndefined();
    expect(ruleOf({ groupBreakdown: ['x'] }).groupBreakdown).toEqual([]);
    expect(ruleOf({ groupBy: 'MOON' }).groupBy).toBe('UNKNOWN');
    expect(ruleOf({ groupBy: 'ORG_UNIT' }).groupBy).toBe('DEPARTMENT');
    expect(dropReason({ ruleId: 1, groupBreakdown: {} })).toBe('malformed groupBreakdown');
    expect(dropReason({ ruleId: 1, groupBy: 7 })).toBe('malformed groupBy');
  });

  test('reads the old names of departments and the credential, and drops what is neither', () => {
    expect(ruleOf({ orgUnitId: 31 }).departmentId).toBe(31);
    expect(ruleOf({ departmentId: null, orgUnitId: 'x' }).departmentId).toBe('x');
    expect(ruleOf({ credential: 'key' }).credential).toBe('key');
    expect(ruleOf({ credential: '' }).credential).toBeUndefined();
    expect(dropReason({ ruleId: 1, departmentId: {} })).toBe('malformed departmentId');
    expect(dropReason({ ruleId: 1, credential: 7 })).toBe('malformed credential');
  });

  test('is counted by reason when it is dropped', () => {
    const feed = parsed({ rules: [1, 'x', { ruleId: 1 }, { ruleId: 2, action: '?' }] });
    expect(feed.dropped).toEqual({
      count: 3,
      reasons: new Map([
        ['not an object', 2],
        ['unknown action', 1],
      ]),
    });
  });
});

describe('the department maps', () => {
  const rules = [{ ruleId: 1 }, { ruleId: 2, action: 'EXPLODE', departmentId: 5 }];

  test('normalise addresses, and keep the first of two that become the same', () => {
    const { departments } = parsed({
      rules,
      departmentBudgetBlocks: { ' Rita@Example.ORG ': 1, 'rita@example.org': 7, '': 1, ' ': 1 },
    });
    expect([...departments.blocks]).toEqual([['rita@example.org', 1]]);
  });

  test('take whole numbers for rules, and numbers or numeric text for balances', () => {
    const { departments } = parsed({
      rules,
      departmentBudgetBlocks: { a: true, b: 1.5, c: '1', d: null, e: 9 },
      departmentBudgetWarnings: { a: 1, b: {} },
      departmentBudgetBlockBalances: { a: '1003.20', b: 0, c: true, d: 'NaN', e: '', f: null, g: 'Infinity' },
    });
    expect([...departments.blocks]).toEqual([['e', 9]]);
    expect([...departments.warnings]).toEqual([['a', 1]]);
    expect([...departments.balances]).toEqual([
      ['a', 1003.2],
      ['b', 0],
    ]);
  });

  test('have old names, which count only where the present one is absent or null', () => {
    const old = {
      orgUnitBudgetBlocks: { a: 1 },
      orgUnitBudgetBlockBalances: { a: 5 },
      orgUnitBudgetWarnings: { b: 1 },
    };
    const read = (more: object) => parsed({ rules, ...old, ...more }).departments;
    expect(read({})).toEqual({
      blocks: new Map([['a', 1]]),
      balances: new Map([['a', 5]]),
      warnings: new Map([['b', 1]]),
    });
    expect(read({ departmentBudgetBlocks: null }).blocks.size).toBe(1);
    for (const other of [{}, [], 'x', 7, [1]]) expect(read({ departmentBudgetBlocks: other }).blocks.size).toBe(0);
  });

  test('lose the verdicts of a rule that was dropped: they rest on what was not understood', () => {
    const { departments } = parsed({
      rules,
      departmentBudgetBlocks: { a: 1, b: 2, c: 3 },
      departmentBudgetWarnings: { d: 2 },
    });
    expect([...departments.blocks]).toEqual([
      ['a', 1],
      ['c', 3],
    ]);
    expect(departments.warnings.size).toBe(0);
  });

  test('take addresses that look like properties of objects', () => {
    const { departments } = feedOf(parseFeed('{"rules":[],"departmentBudgetBlocks":{"__proto__":1,"constructor":2}}'));
    expect([...departments.blocks]).toEqual([
      ['__proto__', 1],
      ['constructor', 2],
    ]);
  });
});
