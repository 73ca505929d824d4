/** Customers of the gateway as rows. */
import type { WeekDay, WindowType } from 'fusewire/internal';
import type { Customer } from '../gateway/types.js';
import { bigintOrNull, flagOf, numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { LedgerContext } from './context.js';
import { emailKeyOf } from './counted-event.js';

/** The budget of a customer, as its cost control says it now. */
export interface CustomerBudget {
  readonly controlId: string;
  /** Dollars, exact, as decimal text. `0` lets nothing pass. */
  readonly amount: string;
  readonly warnThreshold: string | null;
  readonly windowType: WindowType;
  readonly windowDuration: string | null;
  readonly timeZone: string;
  readonly weekStart: WeekDay;
  /** Where somebody switched the control off, or made it watch only, it refuses nothing. */
  readonly enabled: boolean;
  readonly shadowMode: boolean;
  /** Whether calls are admitted against holds only. */
  readonly hard: boolean;
  /** What open raises add to `amount` now. */
  readonly raised: string;
}

/** A customer with its budget. */
export interface ListedCustomer extends Customer {
  readonly updatedAtMs: number;
  /** `null`: nothing of its own limits it. */
  readonly budget: CustomerBudget | null;
}

const NUMBER = /^[1-9]\d{0,14}$/;

/** One customer by its id, a deleted one too. */
export async function selectCustomer(
  context: LedgerContext,
  teamId: string,
  id: string,
): Promise<ListedCustomer | undefined> {
  const [row] = await context.sql.query('select-customer', { teamId, id });
  return row === undefined ? undefined : customerOf(row);
}

/** One customer by its id, its number or its e-mail address; of an address, who is not deleted before who is. */
export async function selectCustomerBy(
  context: LedgerContext,
  teamId: string,
  reference: string,
): Promise<ListedCustomer | undefined> {
  const text = reference.trim();
  if (NUMBER.test(text)) {
    const [row] = await context.sql.query('select-customer-by-number', { teamId, number: Number(text) });
    return row === undefined ? undefined : customerOf(row);
  }
  if (!text.includes('@')) return selectCustomer(context, teamId, text);
  const [row] = await context.sql.query('select-customer-by-email', { teamId, emailKey: emailKeyOf(text) });
  return row === undefined ? undefined : customerOf(row);
}

/** What customers are looked for by. */
export function searchKeyOf({ id, name, email }: Pick<Customer, 'id' | 'name' | 'email'>): string {
  return `${name}\n${email}\n${id}`.toLowerCase();
}

/** Reads a row of `customer`, joined with its budget. */
export function customerOf(row: SqlRow): ListedCustomer {
  const deletedAtMs = bigintOrNull(row, 'deleted_at_ms');
  const budgetControlId = textOrNull(row, 'budget_control_id');
  return {
    id: textOf(row, 'id'),
    number: numberOf(row, 'number'),
    teamId: textOf(row, 'team_id'),
    name: textOf(row, 'name'),
    email: textOf(row, 'email'),
    active: flagOf(row, 'active'),
    budgetControlId,
    createdAtMs: numberOf(row, 'created_at_ms'),
    updatedAtMs: numberOf(row, 'updated_at_ms'),
    ...(deletedAtMs === null ? {} : { deletedAtMs: Number(deletedAtMs) }),
    budget: budgetControlId === null ? null : budgetOf(row, budgetControlId),
  };
}

function budgetOf(row: SqlRow, controlId: string): CustomerBudget {
  return {
    controlId,
    amount: textOf(row, 'hard_limit'),
    warnThreshold: textOrNull(row, 'warn_threshold'),
    windowType: textOf(row, 'window_type') as WindowType,
    windowDuration: textOrNull(row, 'window_duration'),
    timeZone: textOf(row, 'time_zone'),
    weekStart: textOf(row, 'week_start') as WeekDay,
    enabled: flagOf(row, 'enabled'),
    shadowMode: flagOf(row, 'shadow_mode'),
    hard: textOf(row, 'enforcement') === 'HARD',
    raised: textOrNull(row, 'raised') ?? '0',
  };
}
