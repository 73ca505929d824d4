import { describe, expect, test } from 'vitest';
import { ask, code, tripped } from './ask.js';

const MIDNIGHT_MS = Date.UTC(2026, 10, 21);

describe('I13: a verdict ends with its window', () => {
  const ends = [
    { resetsAt: '2026-11-21T00:00:00Z' },
    { windowEnd: MIDNIGHT_MS / 1000 },
    { resetsAt: '2027-01-01', windowEnd: MIDNIGHT_MS / 1000 },
  ];
  const before = MIDNIGHT_MS - 1;

  test('I13: of a pooled rule', () => {
    for (const end of ends)
      expect([code(end, {}, before), code(end, {}, MIDNIGHT_MS)]).toEqual(['RULE_TRIPPED', 'ALLOWED']);
  });

  test('I13: of a group', () => {
    const groupBreakdown = [{ groupValue: 'a', breached: true }];
    for (const end of ends) {
      const at = (nowMs: number) => code({ ...end, groupBreakdown }, { subscriberId: 'a' }, nowMs);
      expect([at(before), at(MIDNIGHT_MS)]).toEqual(['GROUP_TRIPPED', 'ALLOWED']);
    }
  });

  test('I13: of a department, its block and its warning, and of a rule that only observes', () => {
    for (const end of ends) {
      const body = {
        rules: [
          { ...tripped, departmentId: 1, ...end },
          { ...tripped, ruleId: 2, shadowMode: true, ...end },
        ],
        departmentBudgetBlocks: { 'a@b': 1 },
        departmentBudgetWarnings: { 'c@d': 1 },
      };
      expect(ask(body, { subscriberEmail: 'a@b' }, before)).toMatchObject({
        code: 'DEPARTMENT_TRIPPED',
        observed: [{ ruleId: 2 }],
      });
      expect(ask(body, { subscriberEmail: 'a@b' }, MIDNIGHT_MS)).toEqual({ outcome: 'allow', code: 'ALLOWED' });
      expect(ask(body, { subscriberEmail: 'c@d' }, before).observed).toHaveLength(2);
      expect(ask(body, { subscriberEmail: 'c@d' }, MIDNIGHT_MS)).toEqual({ outcome: 'allow', code: 'ALLOWED' });
    }
  });

  test('I13: and the next rule that still runs takes its place', () => {
    const rules = [
      { ...tripped, ruleId: 1, ...ends[0] },
      { ...tripped, ruleId: 2 },
    ];
    expect([before, MIDNIGHT_MS].map((nowMs) => ask(rules, {}, nowMs))).toMatchObject([
      { rule: { ruleId: 1 } },
      { rule: { ruleId: 2 } },
    ]);
  });
});
