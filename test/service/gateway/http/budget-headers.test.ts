import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budgetHeaders, percentUsed } from '../../../../service/gateway/http/budget-headers.js';
import { BUDGET } from './front.js';

describe('budget headers', () => {
  const named = (list: readonly string[]) =>
    Object.fromEntries(list.flatMap((text, at) => (at % 2 === 0 ? [[text, list[at + 1]]] : [])));

  it('are none without a budget', () => expect(budgetHeaders(undefined)).toEqual([]));

  it('leave out what is nothing', () => {
    const got = named(budgetHeaders({ ...BUDGET, held: '0.00', isWarning: false, resetsAt: null }));
    expect(Object.keys(got)).toHaveLength(6);
    expect(got['fusewire-budget-reset']).toBe('never');
  });

  it('never break a head, whatever a budget is called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (name) => {
        for (const text of budgetHeaders({ ...BUDGET, name, controlId: name, metric: name })) {
          expect(text).toMatch(/^[\x20-\x7e]*$/);
          expect(text.length).toBeLessThan(3_000);
        }
      }),
    );
  });

  it.each([
    ['8.5', '10', '85'],
    ['8.59', '10', '85'],
    ['10', '10', '100'],
    ['10.000000001', '10', '100'],
    ['0', '10', '0'],
    ['25', '10', '250'],
    ['0', '0', '100'],
    ['5', '0.0', '100'],
    ['0.000000009', '0.00000001', '90'],
    ['123456789012345678901234567890', '123456789012345678901234567890.5', '99'],
  ])('%s of %s is %s percent', (spend, limit, percent) => expect(percentUsed(spend, limit)).toBe(percent));
});
