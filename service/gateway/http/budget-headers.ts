/**
 * Budget headers, on every answer that concerns a caller's call: of the budget that is nearest to its end.
 *
 * | header | value |
 * |---|---|
 * | `fusewire-budget-control` | the id of the cost control |
 * | `fusewire-budget-metric` | what is counted: `TOTAL_COST` (US dollars), `TOKEN_COUNT` … |
 * | `fusewire-budget-limit`, `-spend`, `-remaining` | decimal text in the metric's own unit |
 * | `fusewire-budget-held` | set aside for calls under way: `remaining = limit - spend - held`; absent where it is 0 |
 * | `fusewire-budget-reset` | ISO 8601, as `resets_at` in a refusal, or `never` |
 * | `fusewire-budget-warning` | from the warn threshold on: `85% used; control=ID; name=NAME`, the name percent-encoded |
 */
import type { BudgetFacts } from '../types.js';

/** What {@link budgetHeaders} can send, for `access-control-expose-headers`. */
export const BUDGET_HEADERS: readonly string[] = [
  'fusewire-budget-control',
  'fusewire-budget-metric',
  'fusewire-budget-limit',
  'fusewire-budget-spend',
  'fusewire-budget-held',
  'fusewire-budget-remaining',
  'fusewire-budget-reset',
  'fusewire-budget-warning',
];

const NAME_LENGTH_MAX = 100;
const NOTHING = /^0(\.0*)?$/;
const NONE: readonly string[] = Object.freeze([]);

/** Names and values, alternating, as `writeHead` takes them; empty where no budget concerns the call. */
export function budgetHeaders(facts: BudgetFacts | undefined): readonly string[] {
  if (facts === undefined) return NONE;
  const headers = [
    'fusewire-budget-control',
    headerText(facts.controlId),
    'fusewire-budget-metric',
    headerText(facts.metric),
    'fusewire-budget-limit',
    facts.limit,
    'fusewire-budget-spend',
    facts.spend,
    'fusewire-budget-remaining',
    facts.remaining,
    'fusewire-budget-reset',
    facts.resetsAt ?? 'never',
  ];
  if (!NOTHING.test(facts.held)) headers.push('fusewire-budget-held', facts.held);
  if (facts.isWarning) headers.push('fusewire-budget-warning', warningOf(facts));
  return headers;
}

function warningOf({ spend, limit, controlId, name }: BudgetFacts): string {
  return `${percentUsed(spend, limit)}% used; control=${headerText(controlId)}; name=${headerText(name)}`;
}

/** Whole percent, rounded down: 100 means that nothing is left. A limit of 0 is used up from the start. */
export function percentUsed(spend: string, limit: string): string {
  const digits = Math.max(fraction(spend).length, fraction(limit).length);
  const limitUnits = units(limit, digits);
  return limitUnits <= 0n ? '100' : String((units(spend, digits) * 100n) / limitUnits);
}

function fraction(decimal: string): string {
  return decimal.split('.')[1] ?? '';
}

function units(decimal: string, digits: number): bigint {
  return BigInt(`${decimal.split('.')[0]}${fraction(decimal).padEnd(digits, '0')}`);
}

/** Header values are ASCII without separators of ours. Half of a surrogate pair, as the cut can leave it, has no UTF-8. */
function headerText(text: string): string {
  return encodeURIComponent(text.slice(0, NAME_LENGTH_MAX).replace(/\p{Surrogate}/gu, '\ufffd'));
}
