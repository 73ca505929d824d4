import { afterEach, describe, expect, test, vi } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { RefuseDecision } from '../../enforcement/decision.js';

const decision: RefuseDecision = {
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
};

afterEach(() => vi.resetModules());

describe('BudgetExceededError', () => {
  test('carries the fields of contract 3.1 and prints as its example', () => {
    const error = new BudgetExceededError(decision, { subscriberId: 'u-88', model: 'gpt-4o-mini', provider: 'OPENAI' });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'BudgetExceededError',
      code: 'COST_LIMIT_EXCEEDED',
      message: 'Request blocked by Revenium enforcement rule: Nightly batch cap',
      ruleName: 'Nightly batch cap',
      ruleId: 90417,
      currentValue: 251.37,
      threshold: 250,
      resetsAt: '2026-11-21T00:00:00Z',
      periodType: 'DAILY',
      context: { subscriberId: 'u-88', productName: null, model: 'gpt-4o-mini', provider: 'OPENAI' },
    });
    expect(error).toMatchObject({ action: 'BLOCK', reason: 'RULE_TRIPPED', ruleIdText: '90417' });
    expect(Object.getPrototypeOf(BudgetExceededError)).toBe(Error);
    expect(String(error)).toBe(`BudgetExceededError: ${decision.message}`);
  });

  test('has read-only aliases in snake case', () => {
    const error = new BudgetExceededError(decision);
    expect([error.rule_name, error.rule_id, error.current_value, error.resets_at]).toEqual([
      'Nightly batch cap',
      90417,
      251.37,
      '2026-11-21T00:00:00Z',
    ]);
    expect(() => {
      (error as { rule_name: unknown }).rule_name = 'other';
    }).toThrow(TypeError);
  });

  test('has null for what no rule gave, when the cache is not initialised', () => {
    const error = new BudgetExceededError({
      outcome: 'refuse',
      code: 'UNINITIALIZED',
      message: 'Request blocked.',
      rule: null,
    });
    expect(error).toMatchObject({
      message: 'Request blocked.',
      ruleName: null,
      ruleId: null,
      ruleIdText: null,
      currentValue: null,
      threshold: null,
      resetsAt: null,
      periodType: null,
      code: 'COST_LIMIT_EXCEEDED',
      reason: 'UNINITIALIZED',
    });
    expect(error.context).toEqual({ subscriberId: null, productName: null, model: null, provider: null });
  });

  test('I1: is found through cause, however a runner wrapped it', () => {
    const error = new BudgetExceededError(decision);
    const wrapped = new Error('stream failed', { cause: new Error('inner', { cause: error }) });
    expect(BudgetExceededError.is(error)).toBe(true);
    expect(BudgetExceededError.is(wrapped)).toBe(true);
    expect(BudgetExceededError.find(wrapped)).toBe(error);
    expect(wrapped instanceof BudgetExceededError).toBe(false);
  });

  test('is not taken for anything else, and asking never throws', () => {
    const loop: { cause?: unknown } = {};
    loop.cause = loop;
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
      },
    );
    for (const other of [
      undefined,
      null,
      7,
      'BudgetExceededError',
      new Error('x'),
      { name: 'BudgetExceededError' },
      loop,
      hostile,
    ]) {
      expect(BudgetExceededError.is(other)).toBe(false);
    }
  });

  test('I1: is recognised by another copy of the package, by instanceof too', async () => {
    vi.resetModules();
    const other = (await import('../../enforcement/budget-exceeded-error.js')).BudgetExceededError;
    expect(other).not.toBe(BudgetExceededError);
    const error = new other(decision);
    expect(BudgetExceededError.is(error)).toBe(true);
    expect(error instanceof BudgetExceededError).toBe(true);
    expect(new BudgetExceededError(decision) instanceof other).toBe(true);
    expect(new Error('x') instanceof other).toBe(false);
  });

  test('can be derived from, and a subclass is told by its prototype', () => {
    class Special extends BudgetExceededError {}
    expect(new Special(decision) instanceof Special).toBe(true);
    expect(new Special(decision) instanceof BudgetExceededError).toBe(true);
    expect(new BudgetExceededError(decision) instanceof Special).toBe(false);
  });
});
