import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FeedResult } from '../../src/wire/feed.js';
import { parseFeedInSteps } from '../../src/wire/feed-in-steps.js';
import { parseFeed } from '../../src/wire/feed-parse.js';

/** In steps whatever the size, and how many steps it took. */
function inSteps(text: string | readonly string[]): { result: FeedResult; steps: number } {
  const generator = parseFeedInSteps(text, 200, 0);
  for (let steps = 0; ; steps += 1) {
    const step = generator.next();
    if (step.done) return { result: step.value, steps };
  }
}

/** Results with the rules as they came read out, for comparing. */
function spread(result: FeedResult): unknown {
  return result.kind === 'rules'
    ? { ...result, feed: { ...result.feed, rawRules: [...result.feed.rawRules] } }
    : result;
}

function expectSame(text: string): void {
  const expected = spread(parseFeed(text));
  expect(spread(inSteps(text).result)).toEqual(expected);
  // In parts that end anywhere, an empty one among them.
  const cuts = [text.length % 7, text.length % 7, text.length % 11, text.length >> 1].sort((a, b) => a - b);
  const parts = [0, ...cuts].map((from, i) => text.slice(from, cuts[i] ?? text.length));
  expect(parts.join('')).toBe(text);
  expect(spread(inSteps(parts).result)).toEqual(expected);
}

const rule = fc.record(
  {
    ruleId: fc.oneof(fc.integer(), fc.string(), fc.constant(null)),
    name: fc.string({ unit: 'binary' }),
    breached: fc.oneof(fc.boolean(), fc.jsonValue()),
    action: fc.constantFrom('BLOCK', 'WARN_ONLY', 'EXPLODE', null),
    filters: fc.array(
      fc.record({
        dimension: fc.constantFrom('MODEL', '"]}', 'X'),
        operator: fc.constantFrom('IS', '?'),
        value: fc.string(),
      }),
    ),
    groupBreakdown: fc.jsonValue(),
    departmentId: fc.constantFrom(null, 31),
  },
  { requiredKeys: [] },
);

const maps = fc.dictionary(
  fc.constantFrom('a', ' A ', '1', ' 1', '01', '10', '2', 'b@c', '__proto__', '4294967295'),
  fc.jsonValue(),
);

const envelope = fc.record(
  {
    rules: fc.oneof(fc.array(fc.oneof(rule, rule, fc.jsonValue())), fc.jsonValue()),
    compiledAt: fc.jsonValue(),
    revision: fc.jsonValue(),
    departmentBudgetBlocks: fc.oneof(maps, fc.jsonValue()),
    orgUnitBudgetBlocks: fc.oneof(maps, fc.jsonValue()),
    departmentBudgetBlockBalances: maps,
    departmentBudgetWarnings: maps,
    other: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

const body = fc.oneof(envelope, fc.array(rule), fc.jsonValue());
const spaced = fc
  .tuple(body, fc.constantFrom(undefined, 1, '\t'))
  .map(([value, space]) => JSON.stringify(value, null, space));

describe('parsing in steps', () => {
  test('gives what parsing at once gives, for random bodies', () => {
    let feeds = 0;
    fc.assert(
      fc.property(spaced, (text) => {
        if (parseFeed(text).kind === 'rules') feeds += 1;
        expectSame(text);
      }),
      { numRuns: 1_500 },
    );
    expect(feeds).toBeGreaterThan(250);
  });

  test('I8: gives what parsing at once gives, for bodies that were cut, doubled or changed at random', () => {
    const noise = fc.constantFrom(
      ',',
      ':',
      '"',
      '{',
      '}',
      '[',
      ']',
      '\\',
      ' ',
      '0',
      'null',
      ',,',
      '[]',
      '"rules":[],',
      '\u0000',
    );
    const mutated = fc
      .tuple(spaced, fc.array(fc.tuple(fc.nat(), fc.nat(6), noise), { minLength: 1, maxLength: 3 }))
      .map(([text, changes]) =>
        changes.reduce((changed, [at, length, put]) => {
          const from = at % (changed.length + 1);
          return changed.slice(0, from) + put + changed.slice(from + length);
        }, text),
      );
    fc.assert(fc.property(mutated, expectSame), { numRuns: 2_500 });
  });

  test('I8: gives what parsing at once gives, for arbitrary text', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:\\ rules1e-+.tfn'.split('')) }), expectSame), {
      numRuns: 2_500,
    });
    for (const text of [
      '[,]',
      '[1,]',
      '[1,,2]',
      '[]]',
      '{"rules":[1,]}',
      '{"rules":[],}',
      '{,"rules":[]}',
      '{"rules":[]} x',
      '[] x',
      '{"rules"}',
      '{"rules":[{"ruleId":1}],"rules":[{"ruleId":2}]}',
      '{"rules":[{"ruleId":1}],"rules":null}',
      '{"rules":null,"rules":7}',
      '{"r\\u0075les":[{"ruleId":1}]}',
      '{"rules":[{"ruleId":1}}]',
      '{"departmentBudgetBlocks":{"a":1,"a":2,}}',
      '{"departmentBudgetBlocks":{"a":1,"b":2,"a":3}}',
      '\ufeff[{"ruleId":1}]',
      '{"rules":[{"ruleId":1}',
      '{"rules": "x"',
      '[[[[',
      '',
    ]) {
      expectSame(text);
    }
  });

  test('takes many short steps for a large body, and the same rules come out', () => {
    const rules = Array.from({ length: 5_000 }, (_, ruleId) => ({
      ruleId,
      name: 'a rule with "quotes" and \\ slashes',
    }));
    const departmentBudgetBlocks = Object.fromEntries(
      rules.map(({ ruleId }) => [`person-${ruleId}@example.org`, ruleId]),
    );
    const text = JSON.stringify({ departmentBudgetBlocks, rules });
    const { result, steps } = inSteps(text);
    expect(steps).toBeGreaterThan(text.length / 32_768);
    expect(spread(result)).toEqual(spread(parseFeed(text)));
  });

  test('reads the rules as they came out of the body again and again', () => {
    const text = JSON.stringify({ rules: Array.from({ length: 100 }, (_, ruleId) => ({ ruleId, extra: [ruleId] })) });
    const { result } = inSteps(text);
    if (result.kind !== 'rules') throw new Error(result.kind);
    const expected = (JSON.parse(text) as { rules: unknown[] }).rules;
    expect([...result.feed.rawRules]).toEqual(expected);
    expect([...result.feed.rawRules]).toEqual(expected);
  });
});
