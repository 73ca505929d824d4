/** Refusals in words and figures: which budget, the arithmetic, when it has room again, what to do. Pure. */
import type { Dimension, RefuseDecision } from 'fusewire/internal';
import type { CountedEvent } from '../../ledger/counted-event.js';
import { spokenAmount } from '../../ledger/spoken-amount.js';
import type { Refusal, RefusalCode } from '../types.js';
import type { BudgetView } from './budget-view.js';
import type { CellStanding } from './cell.js';
import type { ControlBook } from './control-book.js';

/** What people call the owner of a budget, the closest first. */
const OWNERS: readonly (readonly [Dimension, kind: string, value: (event: CountedEvent) => string | undefined])[] = [
  ['SUBSCRIBER', 'customer', ({ asked }) => asked.subscriberId ?? asked.subscriberEmail],
  ['CREDENTIAL', 'key', ({ asked }) => asked.credentialName],
  ['DEPARTMENT', 'department', ({ departments }) => departments.at(-1)?.toString()],
  ['AGENT', 'agent', ({ asked }) => asked.agent],
  ['TASK_TYPE', 'task type', ({ asked }) => asked.taskType],
  ['PRODUCT', 'product', ({ asked }) => asked.product],
  ['ORGANIZATION', 'organization', ({ asked }) => asked.organization],
  ['MODEL', 'model', ({ asked }) => asked.model],
  ['PROVIDER', 'provider', ({ asked }) => asked.provider],
];
const TEAM = { kind: 'team', value: null } as const;
/** What a caller can change. A flat fee and a picture cost the same whatever the limit of the output. */
const HELP: Readonly<Record<string, string>> = {
  TOTAL_COST: ' Where its model is priced by tokens, a smaller output limit (max_tokens) may let it pass.',
  TOKEN_COUNT: ' A smaller output limit (max_tokens) may let it pass.',
  OUTPUT_TOKEN_COUNT: ' A smaller output limit (max_tokens) may let it pass.',
};

/** Whose budget a control is for a call. */
export function scopeOf(book: ControlBook, event: CountedEvent): Refusal['scope'] {
  const { filters, groupBy } = book.compiled.control;
  const named = new Set<Dimension>(filters.map(({ dimension }) => dimension));
  for (const [dimension, kind, value] of OWNERS) {
    if (dimension === groupBy || (groupBy === null && named.has(dimension))) {
      return { kind, value: value(event) ?? null };
    }
  }
  return TEAM;
}

/** The call may cost more than is left, or nothing is left. */
export function exceeded(book: ControlBook, view: BudgetView, now: CellStanding, bound: bigint, event: CountedEvent) {
  const isUsedUp = now.value >= book.compiled.limit;
  const text = (amount: string) => spokenAmount(view.metric, amount);
  const spent = `${text(view.spend)} spent`;
  const held = now.held === 0n ? '' : ` + ${text(view.held)} held for calls under way`;
  const most = bound === 0n ? '' : ` + up to ${text(view.text(bound))} for this call`;
  const equation = isUsedUp
    ? `${spent} of ${text(view.limit)}`
    : `${spent}${held}${most} is more than the limit of ${text(view.limit)}`;
  const scope = scopeOf(book, event);
  const asked = bound === 0n ? undefined : view.text(bound);
  if (book.compiled.limit === 0n) return refusalOf('BUDGET_EXCEEDED', shutText(view, scope), book, view, scope, asked);
  const help = isUsedUp ? '' : (HELP[view.metric] ?? '');
  const message = `The budget '${view.name}' of ${ownerOf(scope)} ${
    isUsedUp ? 'is used up' : 'cannot take this call'
  }: ${equation}.${resetText(view)}${help}`;
  return refusalOf('BUDGET_EXCEEDED', message, book, view, scope, asked);
}

/** The control refuses what nobody knows the price of, or holds such a call already (I5). */
export function unknownPrice(book: ControlBook, view: BudgetView, event: CountedEvent, isOfCall: boolean): Refusal {
  const scope = scopeOf(book, event);
  const what = isOfCall
    ? `nobody knows what a call of ${event.asked.model ?? 'an unnamed model'} at ${event.asked.provider ?? 'this provider'} costs`
    : 'calls of unknown cost count into it already, so that nobody knows what is left';
  const message =
    `The budget '${view.name}' of ${ownerOf(scope)} refuses this call: ${what}. ` +
    'Declare a price for the model (fusewire prices set), or let the budget assume one (onUnknownPrice).';
  return refusalOf('UNKNOWN_PRICE', message, book, view, scope, undefined);
}

/** A rule of the feed refuses; with the standing of its control where it is known here. */
export function tripped(
  decision: RefuseDecision,
  known: { readonly book: ControlBook; readonly view: BudgetView } | undefined,
  event: CountedEvent,
): Refusal {
  const code = CODES.has(decision.code) ? (decision.code as RefusalCode) : 'RULE_TRIPPED';
  const { rule } = decision;
  if (known !== undefined) {
    const { book, view } = known;
    const scope = scopeOf(book, event);
    if (book.compiled.limit === 0n) return refusalOf(code, shutText(view, scope), book, view, scope, undefined);
    const text = (amount: string) => spokenAmount(view.metric, amount);
    const message = `The budget '${view.name}' of ${ownerOf(scope)} is used up: ${text(view.spend)} spent of ${text(view.limit)}.${resetText(view)}`;
    return refusalOf(code, message, book, view, scope, undefined);
  }
  const figures =
    rule?.currentValue == null || rule.threshold == null ? '' : `: ${rule.currentValue} of ${rule.threshold}`;
  const until = rule?.resetsAt == null ? '' : ` It resets at ${rule.resetsAt}.`;
  const ruleId = Number(rule?.ruleId);
  return {
    code,
    message: `The budget '${rule?.ruleName ?? 'cost limit'}' is used up${figures}.${until}`,
    rule: rule === null || !Number.isFinite(ruleId) ? null : { id: '', ruleId, name: rule.ruleName ?? '' },
    scope: rule?.groupValue === undefined ? TEAM : { kind: 'group', value: rule.groupValue },
  };
}

const CODES: ReadonlySet<string> = new Set(['DEPARTMENT_TRIPPED', 'GROUP_TRIPPED', 'RULE_TRIPPED']);

function refusalOf(
  code: RefusalCode,
  message: string,
  book: ControlBook,
  view: BudgetView,
  scope: Refusal['scope'],
  asked: string | undefined,
): Refusal {
  const { id, ruleId, name } = book.compiled.control;
  const rule = { id, ruleId, name };
  return asked === undefined
    ? { code, message, rule, scope, budget: view }
    : { code, message, rule, scope, budget: view, asked };
}

function ownerOf({ kind, value }: Refusal['scope']): string {
  return value === null ? `the ${kind}` : `${kind} ${value}`;
}

/** No end of a window gives room to a budget of nothing. */
function shutText({ name }: BudgetView, scope: Refusal['scope']): string {
  return `The budget '${name}' of ${ownerOf(scope)} lets nothing pass: its limit is 0. Ask whoever runs the gateway for a larger one.`;
}

function resetText({ resetsAt }: BudgetView): string {
  return resetsAt === null ? ' It does not reset by itself.' : ` It has room again at ${resetsAt}.`;
}
