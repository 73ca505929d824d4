/** A control as a budget: what is left of it. Pure. */
import { z } from 'zod';
import type { StandingControl } from '../explain/customer-standing.js';
import { limitNow } from '../explain/holding.js';
import { formatScaled, parseScaled } from '../ledger/decimal.js';

/** What became of a budget. */
export type BudgetState = 'exceeded' | 'ok' | 'warning';

/** Amounts are decimal text in the metric's own unit. */
export const budgetSchema = z.object({
  controlId: z.string(),
  name: z.string(),
  metricType: z.string(),
  isOwn: z.boolean().describe("the customer's own budget"),
  onlyFor: z.array(z.string()).describe('what a call needs to be met by it; empty: every call of the customer is'),
  group: z.string().nullable().describe('whose budget it is, of a grouped control'),
  limit: z.string(),
  spend: z.string(),
  remaining: z.string(),
  percentUsed: z.number().describe('with two decimals, rounded down'),
  warnThreshold: z.string().nullable(),
  state: z.enum(['ok', 'warning', 'exceeded']),
  refuses: z.boolean().describe('calls that it meets are refused now; a control that only watches refuses none'),
  shadowMode: z.boolean(),
  unknownPrices: z.int().describe('events of unknown price in the window: with some, spend is a lower bound'),
  window: z.string(),
  windowStart: z.iso.datetime(),
  resetsAt: z.string().nullable(),
  timeZone: z.string(),
  equation: z.string(),
});
/** One budget as it is shown. */
export type ShownBudget = z.output<typeof budgetSchema>;

/** Of the amounts of every metric. */
const DIGITS = 9;
const PERCENT_DIGITS = 2;

/** Shows a control as a budget; `ownControlId` is that of the customer's own. */
export function showBudget(control: StandingControl, ownControlId: string | null): ShownBudget {
  const limit = limitNow(control);
  const { controlId, name, metricType, group, spend, warnThreshold, shadowMode, unknownPrices } = control;
  return {
    controlId,
    name,
    metricType,
    isOwn: controlId === ownControlId,
    onlyFor: [...control.onlyFor],
    group,
    limit,
    spend,
    remaining: remainingOf(limit, spend),
    percentUsed: percentOf(limit, spend),
    warnThreshold,
    state: stateOf(control),
    refuses: control.reaction === 'refuse',
    shadowMode,
    unknownPrices,
    window: control.window.key,
    windowStart: control.window.start,
    resetsAt: control.window.resetsAt,
    timeZone: control.window.timeZone,
    equation: control.equation,
  };
}

/** The worst state of those that refuse or would; who only watches says nothing about what may pass. */
export function worstState(budgets: readonly ShownBudget[]): BudgetState {
  const enforced = budgets.filter(({ shadowMode }) => !shadowMode);
  if (enforced.some(({ state }) => state === 'exceeded')) return 'exceeded';
  return enforced.some(({ state }) => state === 'warning') ? 'warning' : 'ok';
}

function stateOf({ reaction }: StandingControl): BudgetState {
  if (reaction === 'refuse' || reaction === 'observe') return 'exceeded';
  return reaction === 'warn' ? 'warning' : 'ok';
}

function remainingOf(limit: string, spend: string): string {
  const left = scaled(limit) - scaled(spend);
  return formatScaled(left > 0n ? left : 0n, DIGITS);
}

/** Of a budget of nothing, all is used. */
function percentOf(limit: string, spend: string): number {
  const whole = scaled(limit);
  if (whole <= 0n) return 100;
  return Number(formatScaled((scaled(spend) * 10_000n) / whole, PERCENT_DIGITS));
}

function scaled(text: string): bigint {
  return parseScaled(text, DIGITS) ?? 0n;
}
