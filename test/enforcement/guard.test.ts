import { describe, expect, test } from 'vitest';
import type { CallDimensions } from '../../enforcement/decision.js';
import { createGuard, type GuardSources, type GuardState, type LoadedRules } from '../../enforcement/guard.js';
import { compileRuleSet } from '../../enforcement/rule-set.js';
import { feedFromJson } from '../../src/wire/feed-parse.js';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 10, 20);

function load(body: unknown): LoadedRules {
  const result = feedFromJson(body);
  if (result.kind !== 'rules') throw new Error(result.kind);
  return { ruleSet: compileRuleSet(result.feed), generation: 1 };
}

const ON: GuardState = { enabled: true, bypassed: false, configured: true, failMode: 'open' };
const TRIPPED = load([{ ruleId: 1, breached: true }]);

/** A guard whose sources a test can change, and what it logged. */
function makeGuard(
  sources: Partial<GuardSources> & { given?: Partial<GuardState>; loaded?: LoadedRules | undefined } = {},
) {
  const world = {
    state: { ...ON, ...sources.given },
    loaded: 'loaded' in sources ? sources.loaded : TRIPPED,
    nowMs: START_MS,
    warned: [] as string[],
    failed: [] as string[],
  };
  const guard = createGuard({
    state: () => world.state,
    rules: () => world.loaded,
    now: () => world.nowMs,
    log: { warn: (message) => void world.warned.push(message), error: (message) => void world.failed.push(message) },
    ...sources,
  });
  return { ...guard, world };
}

const never = (): never => {
  throw new Error('must not be asked');
};

describe('the order of the guard', () => {
  test('bypass comes before everything, and then nothing else is asked', () => {
    const guard = makeGuard({
      given: { bypassed: true, failMode: 'closed', configured: false },
      rules: never,
      now: never,
    });
    expect(guard.decide({})).toEqual({ outcome: 'allow', code: 'BYPASSED' });
    expect(guard.decide({})).toBe(guard.decide({ model: 'm' }));
  });

  test('disabled lets through as a constant, whatever the rules and the fail mode say', () => {
    const guard = makeGuard({
      given: { enabled: false, failMode: 'closed', configured: false },
      rules: never,
      now: never,
    });
    expect(guard.decide({})).toEqual({ outcome: 'allow', code: 'DISABLED' });
    expect(guard.decide({})).toBe(guard.decide({ model: 'm' }));
    expect(guard.world.warned).toEqual([]);
  });

  test('fail-open without key or team id lets through, and warns once with what is missing', () => {
    const guard = makeGuard({ given: { configured: false, missing: ['REVENIUM_TEAM_ID'] }, loaded: undefined });
    expect(guard.decide({})).toEqual({ outcome: 'allow', code: 'NOT_CONFIGURED' });
    expect(guard.decide({})).toEqual({ outcome: 'allow', code: 'NOT_CONFIGURED' });
    expect(guard.world.warned).toEqual([expect.stringContaining('REVENIUM_TEAM_ID is not set')]);
  });

  test('fail-closed without key or team id refuses: it can never be initialised', () => {
    const guard = makeGuard({ given: { configured: false, failMode: 'closed' }, loaded: undefined });
    expect(guard.decide({})).toMatchObject({ outcome: 'refuse', code: 'UNINITIALIZED', rule: null });
    expect(guard.world.warned).toEqual([expect.stringContaining('every call is refused')]);
  });

  test('I9: a key that is set late is enough: the rules count from then on', () => {
    const guard = makeGuard({ given: { configured: false } });
    expect(guard.decide({}).code).toBe('NOT_CONFIGURED');
    guard.world.state = ON;
    expect(guard.decide({}).code).toBe('RULE_TRIPPED');
  });

  test('before any rules were loaded the fail mode decides, with the words of contract 2.10', () => {
    expect(makeGuard({ loaded: undefined }).decide({})).toEqual({ outcome: 'allow', code: 'NO_RULES_YET' });
    expect(makeGuard({ loaded: undefined, given: { failMode: 'closed' } }).decide({})).toEqual({
      outcome: 'refuse',
      code: 'UNINITIALIZED',
      message: 'Request blocked: enforcement cache is uninitialized and REVENIUM_CB_FAIL_MODE=closed.',
      rule: null,
    });
  });

  test('an empty rule set counts as initialised', () => {
    expect(makeGuard({ loaded: load([]), given: { failMode: 'closed' } }).decide({}).code).toBe('ALLOWED');
  });

  test('I13: the wall clock of the call decides whether a verdict still stands', () => {
    const guard = makeGuard({ loaded: load([{ ruleId: 1, breached: true, resetsAt: '2026-11-21T00:00:00Z' }]) });
    expect(guard.decide({}).code).toBe('RULE_TRIPPED');
    guard.world.nowMs += DAY_MS;
    expect(guard.decide({}).code).toBe('ALLOWED');
  });
});

describe('I2: the guard never hurts the call', () => {
  test('I2: whatever throws inside, the call is let through, and that is logged once a minute', () => {
    const guard = makeGuard({
      rules: () => {
        throw new Error('broken cache');
      },
    });
    for (let i = 0; i < 3; i += 1) expect(guard.decide({})).toEqual({ outcome: 'allow', code: 'UNDECIDED' });
    expect(guard.world.failed).toEqual([expect.stringContaining('broken cache')]);
    guard.world.nowMs += 59_999;
    guard.decide({});
    expect(guard.world.failed).toHaveLength(1);
    guard.world.nowMs += 1;
    guard.decide({});
    expect(guard.world.failed).toHaveLength(2);
  });

  test('I2: a log or a clock that throws changes no decision', () => {
    const log = { warn: never, error: never };
    const shadow = load([{ ruleId: 1, breached: true, shadowMode: true }]);
    expect(makeGuard({ log, loaded: shadow }).decide({}).code).toBe('ALLOWED');
    expect(makeGuard({ log, given: { configured: false, failMode: 'closed' } }).decide({}).code).toBe('UNINITIALIZED');
    expect(makeGuard({ log, now: never }).decide({}).code).toBe('UNDECIDED');
    expect(makeGuard({ log, state: never }).decide({}).code).toBe('UNDECIDED');
  });

  test('I2: values that a caller got wrong are no values', () => {
    const call = { model: 7, subscriberEmail: {}, provider: null, agent: Symbol('x') } as unknown as CallDimensions;
    const rules = load({ rules: [{ ruleId: 1, breached: true, model: 'm' }], departmentBudgetBlocks: { x: 1 } });
    expect(makeGuard({ loaded: rules }).decide(call)).toEqual({ outcome: 'allow', code: 'ALLOWED' });
  });
});

describe('warnings', () => {
  const shadow = { ruleId: 5, name: 'Trial', breached: true, shadowMode: true, threshold: 10, currentValue: 12 };

  test('D13: a shadow hit is logged once for a rule and window, over all generations', () => {
    const body = (day: string) => load([{ ...shadow, resetsAt: `2026-11-${day}T00:00:00Z` }]);
    const guard = makeGuard({ loaded: body('21') });
    guard.decide({});
    guard.decide({ model: 'other' });
    guard.world.loaded = { ...body('21'), generation: 2 };
    guard.decide({});
    expect(guard.world.warned).toEqual(['rule Trial (5) would refuse this call, but is in shadow mode: 12 of 10']);
    guard.world.loaded = body('22');
    guard.world.nowMs += DAY_MS;
    guard.decide({});
    expect(guard.world.warned).toHaveLength(2);
  });

  test('a rule without a window is logged once a day', () => {
    const guard = makeGuard({ loaded: load([shadow]) });
    for (const hour of [0, 1, 23, 24, 25]) {
      guard.world.nowMs = START_MS + (hour * DAY_MS) / 24;
      guard.decide({});
    }
    expect(guard.world.warned).toHaveLength(2);
  });

  test('name the action of a rule that does not block, and the rule that is past its warn limit', () => {
    const rules = [
      { ruleId: 1, breached: true, action: 'THROTTLE' },
      { ruleId: 2, name: 'Soon', warnBreached: true, threshold: 10, currentValue: 8 },
    ];
    const guard = makeGuard({ loaded: load(rules) });
    expect(guard.decide({}).code).toBe('ALLOWED');
    expect(guard.world.warned).toEqual([
      'rule 1 is used up, but its action is not to block (THROTTLE)',
      'rule Soon (2) is past its warn limit: 8 of 10',
    ]);
  });

  test('I12: a department warning says rule and figures, never the address', () => {
    const guard = makeGuard({
      loaded: load({
        rules: [{ ruleId: 7, name: 'Research', departmentId: 1, threshold: 100 }],
        departmentBudgetWarnings: { 'sam@example.org': 7 },
        departmentBudgetBlockBalances: { 'sam@example.org': 88 },
      }),
    });
    guard.decide({ subscriberEmail: 'sam@example.org' });
    guard.decide({ subscriberEmail: 'sam@example.org' });
    expect(guard.world.warned).toEqual(['rule Research (7) is past its warn limit: 88 of 100']);
  });

  test('I10: with too many rules that warn, one line says so, and one that it is over', () => {
    const resetsAt = '2026-11-21T00:00:00Z';
    const many = Array.from({ length: 1_300 }, (_, i) => ({ ...shadow, ruleId: i, model: `m-${i}`, resetsAt }));
    const guard = makeGuard({ loaded: load(many) });
    for (let i = 0; i < many.length; i += 1) guard.decide({ model: `m-${i}` });
    expect(guard.world.warned).toHaveLength(1_001);
    expect(guard.world.warned.at(-1)).toContain('more than 1000 rules warn');
    guard.world.nowMs += DAY_MS;
    guard.world.loaded = load([{ ...shadow, ruleId: 'next' }]);
    guard.decide({});
    expect(guard.world.warned.slice(1_001)).toEqual([
      'rules that warn are logged again; 300 warnings were not logged',
      expect.stringContaining('rule Trial (next)'),
    ]);
  });
});

test('I11: two guards do not see each other', () => {
  const one = makeGuard({ loaded: load([{ ruleId: 1, breached: true }]) });
  const other = makeGuard({ loaded: load([]) });
  expect([one.decide({}).code, other.decide({}).code]).toEqual(['RULE_TRIPPED', 'ALLOWED']);
});
