/**
 * Customers of the gateway: who pays for a call. A customer is the subscriber of its events, its budget a cost control.
 * Whoever is deleted stays in the books: its events, its enforcement events and its number are never given away.
 */
import type { Customer } from '../gateway/types.js';
import { numberOf, type SqlParams, textOf } from '../store/sql.js';
import type { Page } from '../store/store.js';
import { StoreError } from '../store/store-error.js';
import { type AuditActor, noteAudit, SERVICE_ACTOR } from './audit.js';
import { type LedgerContext, readTeamState } from './context.js';
import { deleteControl } from './controls.js';
import { emailKeyOf } from './counted-event.js';
import { type BudgetInput, changeBudget, createBudget } from './customer-budgets.js';
import { customerOf, type ListedCustomer, searchKeyOf, selectCustomer, selectCustomerBy } from './customer-rows.js';
import { patternOf } from './enforcement-reading.js';
import { newHashid } from './hashid.js';
import { readPage } from './reading.js';

export type { BudgetInput } from './customer-budgets.js';
export type { CustomerBudget, ListedCustomer } from './customer-rows.js';

/** What a person writes of a new customer. Without a budget nothing limits it. */
export interface CustomerInput {
  readonly name: string;
  readonly email: string;
  readonly budget?: BudgetInput | undefined;
}

/** What changes of a customer; `budget: null` ends its budget. */
export interface CustomerPatch {
  readonly name?: string | undefined;
  readonly email?: string | undefined;
  readonly active?: boolean | undefined;
  readonly budget?: BudgetInput | null | undefined;
}

/** Which customers to list, by number; `query` looks in name, address and id, without case. */
export interface CustomerQuery {
  readonly page: number;
  readonly size: number;
  readonly query?: string | undefined;
  readonly includeDeleted?: boolean | undefined;
}

/** What was deleted. */
export interface DeletedCustomer {
  readonly customer: ListedCustomer;
  /** How many keys stopped working with it. */
  readonly revokedKeys: number;
}

/** Customers of one team that are not deleted (I10). */
export const CUSTOMERS_MAX = 100_000;
const NAME_MAX = 255;
const EMAIL_MAX = 254;
const EMAIL = /^[^\s@]+@[^\s@]+$/;

/** Makes a customer and its budget. @throws StoreError `UNKNOWN_TEAM`, `INVALID`, `INVALID_CONTROL`, `CONFLICT` */
export async function createCustomer(
  context: LedgerContext,
  teamId: string,
  input: CustomerInput,
  actor: AuditActor = SERVICE_ACTOR,
): Promise<ListedCustomer> {
  await readTeamState(context, teamId);
  const written = { id: `cus_${newHashid()}`, name: readName(input.name), email: readEmail(input.email), active: true };
  await refuseTakenEmail(context, teamId, written.email);
  const [count] = await context.sql.query('count-customers', { teamId, includeDeleted: false, pattern: null });
  if (count !== undefined && numberOf(count, 'total') >= CUSTOMERS_MAX) {
    throw new StoreError('CONFLICT', `a team has at most ${CUSTOMERS_MAX} customers`);
  }
  const [last] = await context.sql.query('select-last-customer-number', { teamId });
  const number = (last === undefined ? 0 : numberOf(last, 'number')) + 1;
  const { budget } = input;
  const budgetControlId = budget === undefined ? null : await createBudget(context, teamId, written, budget, actor);
  await context.sql.query('insert-customer', { ...paramsOf(context, { ...written, budgetControlId }), teamId, number });
  return changed(context, actor, 'created', undefined, { teamId, id: written.id });
}

/**
 * Changes a customer. `undefined` where there is none.
 * @throws StoreError `INVALID`, `INVALID_CONTROL`; `CONFLICT` where it was deleted, or the address is another's
 */
export async function updateCustomer(
  context: LedgerContext,
  teamId: string,
  id: string,
  patch: CustomerPatch,
  actor: AuditActor = SERVICE_ACTOR,
): Promise<ListedCustomer | undefined> {
  const before = await selectCustomer(context, teamId, id);
  if (before === undefined) return undefined;
  refuseDeleted(before);
  const name = patch.name === undefined ? before.name : readName(patch.name);
  const email = patch.email === undefined ? before.email : readEmail(patch.email);
  if (emailKeyOf(email) !== emailKeyOf(before.email)) await refuseTakenEmail(context, teamId, email);
  const budgetControlId = await changeBudget(context, before, { id, name }, patch.budget, actor);
  const after = { id, name, email, active: patch.active ?? before.active, budgetControlId };
  await context.sql.query('update-customer', paramsOf(context, after));
  return changed(context, actor, 'updated', before, before);
}

/**
 * Deletes a customer, revokes its keys and ends its budget; what it spent and what it was refused stays in the books.
 * `undefined` where there is none. @throws StoreError `CONFLICT` where it was deleted before
 */
export async function deleteCustomer(
  context: LedgerContext,
  teamId: string,
  id: string,
  actor: AuditActor = SERVICE_ACTOR,
): Promise<DeletedCustomer | undefined> {
  const before = await selectCustomer(context, teamId, id);
  if (before === undefined) return undefined;
  refuseDeleted(before);
  const revoked = await context.sql.query('revoke-customer-keys', { customerId: id, nowMs: context.nowMs });
  for (const row of revoked) {
    const subject = { subject: 'gateway-key' as const, subjectId: textOf(row, 'id') };
    await noteAudit(context, { teamId, actor, action: 'revoked', ...subject, after: { customerDeleted: id } });
  }
  if (before.budgetControlId !== null) await deleteControl(context, teamId, before.budgetControlId, actor);
  await context.sql.query('delete-customer', { id, nowMs: context.nowMs });
  const customer = await changed(context, actor, 'deleted', before, before);
  return { customer, revokedKeys: revoked.length };
}

/** One customer by its id, a deleted one too. */
export function getCustomer(context: LedgerContext, teamId: string, id: string): Promise<ListedCustomer | undefined> {
  return selectCustomer(context, teamId, id);
}

/**
 * One customer by its id, its number or its e-mail address, a deleted one too: its bills still name it. Of several that
 * had one address, the one that is not deleted, else the latest.
 */
export function findCustomer(
  context: LedgerContext,
  teamId: string,
  reference: string,
): Promise<ListedCustomer | undefined> {
  return selectCustomerBy(context, teamId, reference);
}

/** A page of customers, oldest first. */
export function listCustomers(
  context: LedgerContext,
  teamId: string,
  query: CustomerQuery,
): Promise<Page<ListedCustomer>> {
  const { includeDeleted = false } = query;
  const params: SqlParams = { teamId, includeDeleted, pattern: patternOf(query.query) };
  return readPage(context, ['list-customers', 'count-customers'], params, query, customerOf);
}

/** @throws StoreError `CONFLICT` */
export function refuseDeleted({ id, number, name, deletedAtMs }: Customer): void {
  if (deletedAtMs === undefined) return;
  const when = new Date(deletedAtMs).toISOString();
  throw new StoreError('CONFLICT', `the customer ${name} (number ${number}, ${id}) was deleted on ${when}`);
}

async function refuseTakenEmail(context: LedgerContext, teamId: string, email: string): Promise<void> {
  const taken = await selectCustomerBy(context, teamId, email);
  if (taken === undefined || taken.deletedAtMs !== undefined) return;
  throw new StoreError('CONFLICT', `a customer with the e-mail ${email} exists already: number ${taken.number}`);
}

function readName(text: string): string {
  const name = text.trim();
  if (name === '') throw invalid('name', 'must not be empty');
  if (name.length > NAME_MAX) throw invalid('name', `must have at most ${NAME_MAX} characters`);
  return name;
}

function readEmail(text: string): string {
  const email = text.trim();
  if (!EMAIL.test(email)) throw invalid('email', `'${email}' is not an e-mail address, for instance ann@example.com`);
  if (email.length > EMAIL_MAX) throw invalid('email', `must have at most ${EMAIL_MAX} characters`);
  return email;
}

function invalid(field: string, problem: string): StoreError {
  return new StoreError('INVALID', `${field}: ${problem}`, { problems: { [field]: problem } });
}

function paramsOf(
  context: LedgerContext,
  customer: Pick<Customer, 'id' | 'name' | 'email' | 'active' | 'budgetControlId'>,
): SqlParams {
  const keys = { emailKey: emailKeyOf(customer.email), searchKey: searchKeyOf(customer) };
  return { ...customer, ...keys, nowMs: context.nowMs };
}

/** Reads back what was written and notes it. */
async function changed(
  context: LedgerContext,
  actor: AuditActor,
  action: string,
  before: ListedCustomer | undefined,
  { teamId, id }: Pick<Customer, 'teamId' | 'id'>,
): Promise<ListedCustomer> {
  const after = await selectCustomer(context, teamId, id);
  if (after === undefined) throw new Error('a customer was written and is not there');
  const states = {
    before: before && stateOf(before),
    ...(after.deletedAtMs === undefined ? { after: stateOf(after) } : {}),
  };
  await noteAudit(context, { teamId, actor, action, subject: 'customer', subjectId: id, ...states });
  return after;
}

function stateOf({ number, name, email, active, budget }: ListedCustomer): Record<string, unknown> {
  return { number, name, email, active, budget: budget === null ? null : budget.amount };
}
