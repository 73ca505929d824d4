/** The budget of a customer is a cost control: made with it, changed with it, deleted with it, in the same transaction. */
import type { WeekDay, WindowType } from 'fusewire/internal';
import type { Customer } from '../gateway/types.js';
import type { CostControlInput } from '../store/store.js';
import { StoreError } from '../store/store-error.js';
import type { AuditActor } from './audit.js';
import type { LedgerContext } from './context.js';
import { createControl, deleteControl, getControl, updateControl } from './controls.js';
import { formatScaled, parseScaled } from './decimal.js';
import { isHard } from './hard-fields.js';

/** What a person writes of a budget; what is left out stays, and of a new budget it is the default. */
export interface BudgetInput {
  /** Dollars as decimal text with at most nine decimals. `0` lets nothing pass. */
  readonly amount?: string | undefined;
  /** @defaultValue `MONTHLY` */
  readonly windowType?: WindowType | undefined;
  /** For ROLLING, and for nothing else: an ISO 8601 duration. */
  readonly windowDuration?: string | null | undefined;
  /** IANA name. @defaultValue `UTC` */
  readonly timeZone?: string | undefined;
  /** @defaultValue `MONDAY` */
  readonly weekStart?: WeekDay | undefined;
  /** Whether calls are admitted against holds only (I7). @defaultValue false */
  readonly hard?: boolean | undefined;
}

const USD_DIGITS = 9;
/** So many digits tell whether something was rounded away. */
const CHECK_DIGITS = 40;
/** The largest limit that a control takes, in dollars. */
const AMOUNT_MAX = 9_000_000_000n;
/** Of the name of a control, the rest is its id. */
const NAME_MAX = 200;

type Named = Pick<Customer, 'id' | 'name'>;

/** Makes the control of a new budget and returns its id. @throws StoreError `INVALID`, `INVALID_CONTROL` */
export async function createBudget(
  context: LedgerContext,
  teamId: string,
  customer: Named,
  budget: BudgetInput,
  actor: AuditActor,
): Promise<string> {
  if (budget.amount === undefined) {
    throw invalid('the customer has no budget yet: say its amount in dollars, for instance 25');
  }
  const hardLimit = readBudgetAmount(budget.amount);
  const input: CostControlInput = {
    name: budgetName(customer),
    description: 'What this customer may spend through the gateway.',
    metricType: 'TOTAL_COST',
    windowType: budget.windowType ?? 'MONTHLY',
    windowDuration: budget.windowDuration ?? null,
    timeZone: budget.timeZone ?? 'UTC',
    weekStart: budget.weekStart ?? 'MONDAY',
    action: 'BLOCK',
    groupBy: null,
    warnThreshold: warnThresholdOf(hardLimit),
    hardLimit,
    filters: [{ dimension: 'SUBSCRIBER', operator: 'IS', value: customer.id }],
    shadowMode: false,
    enabled: true,
    notificationChannelIds: [],
    onUnknownPrice: 'refuse',
    enforcement: budget.hard === true ? 'HARD' : 'POLLED',
  };
  return (await createControl(context, teamId, input, actor)).id;
}

/**
 * Changes a customer's budget to what `budget` says, and its name with the customer's. `null` ends it. Returns the id of
 * the control, `null` where there is none. @throws StoreError `INVALID`, `INVALID_CONTROL`
 */
export async function changeBudget(
  context: LedgerContext,
  before: Customer,
  after: Named,
  budget: BudgetInput | null | undefined,
  actor: AuditActor,
): Promise<string | null> {
  const { teamId, budgetControlId } = before;
  const control = budgetControlId === null ? undefined : await getControl(context, teamId, budgetControlId);
  if (control === undefined) return budget == null ? null : createBudget(context, teamId, after, budget, actor);
  if (budget === null) {
    await deleteControl(context, teamId, control.id, actor);
    return null;
  }
  // A name that somebody gave it stays, and so does a threshold that is not ours.
  const renamed = before.name !== after.name && control.name === budgetName(before) ? { name: budgetName(after) } : {};
  const patch = {
    ...renamed,
    ...windowPatch(budget),
    ...hardPatch(control, budget),
    ...amountPatch(control, budget?.amount),
  };
  if (Object.keys(patch).length > 0) await updateControl(context, teamId, control.id, patch, actor);
  return control.id;
}

/** Dollars as exact decimal text in its shortest form. @throws StoreError `INVALID` */
export function readBudgetAmount(text: string): string {
  const fine = parseScaled(text, CHECK_DIGITS);
  if (fine === undefined) throw invalid(`'${text}' is not an amount of dollars; write for instance 25 or 12.50`);
  if (fine < 0n) throw invalid('must not be negative; 0 lets nothing pass, and without a budget there is no limit');
  if (fine > AMOUNT_MAX * 10n ** BigInt(CHECK_DIGITS)) throw invalid(`must be at most ${AMOUNT_MAX} dollars`);
  const step = 10n ** BigInt(CHECK_DIGITS - USD_DIGITS);
  if (fine % step !== 0n) throw invalid(`must have at most ${USD_DIGITS} decimals`);
  return formatScaled(fine / step, USD_DIGITS);
}

function amountPatch(control: CostControlInput, amount: string | undefined): Partial<CostControlInput> {
  if (amount === undefined) return {};
  const hardLimit = readBudgetAmount(amount);
  const own = control.warnThreshold;
  const isOurs = own === null || own === warnThresholdOf(control.hardLimit) || nanoOf(own) > nanoOf(hardLimit);
  return isOurs ? { hardLimit, warnThreshold: warnThresholdOf(hardLimit) } : { hardLimit };
}

/** As over the API: whoever makes a budget hard means that calls of unknown price are refused, unless they are assumed. */
function hardPatch(control: CostControlInput, budget: BudgetInput | undefined): Partial<CostControlInput> {
  if (budget?.hard === undefined || budget.hard === isHard(control)) return {};
  if (!budget.hard) return { enforcement: 'POLLED' };
  return { enforcement: 'HARD', ...(control.onUnknownPrice === 'flag' ? { onUnknownPrice: 'refuse' } : {}) };
}

/** Another window leaves the duration of a rolling one behind. */
function windowPatch(budget: BudgetInput | undefined): Partial<CostControlInput> {
  if (budget === undefined) return {};
  const { windowType, timeZone, weekStart } = budget;
  const duration = budget.windowDuration ?? (windowType !== undefined && windowType !== 'ROLLING' ? null : undefined);
  return {
    ...(windowType === undefined ? {} : { windowType }),
    ...(duration === undefined ? {} : { windowDuration: duration }),
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(weekStart === undefined ? {} : { weekStart }),
  };
}

function budgetName({ id, name }: Named): string {
  return `Budget of ${name.slice(0, NAME_MAX)} (${id})`;
}

/** Four fifths of the limit; `null` where that is nothing. */
function warnThresholdOf(hardLimit: string): string | null {
  const threshold = (nanoOf(hardLimit) * 4n) / 5n;
  return threshold === 0n ? null : formatScaled(threshold, USD_DIGITS);
}

function nanoOf(amount: string): bigint {
  return parseScaled(amount, USD_DIGITS) ?? 0n;
}

function invalid(problem: string): StoreError {
  return new StoreError('INVALID', `budget: ${problem}`, { problems: { budget: problem } });
}
