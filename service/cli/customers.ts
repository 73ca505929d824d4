/** `fusewire customers`: who pays for calls through the gateway, and how much each may spend. */
import { type Command, Option } from 'commander';
import { WEEK_DAYS, WINDOW_TYPES } from 'fusewire/internal';
import type { z } from 'zod';
import type { customerSchema, deletedCustomerSchema, gatewayKeySchema } from '../admin/customer-body.js';
import { type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { CliFailure, type CliIo, CliUsageError } from './io.js';
import { type Column, printJson, printRows, visible } from './print.js';

/** Below the path family. */
const CUSTOMERS_PATH = '/customers';

/** A customer as the API shows it. */
export type Customer = z.output<typeof customerSchema>;
type GatewayKey = z.output<typeof gatewayKeySchema>;

interface BudgetOptions extends ApiOptions {
  readonly budget?: string;
  readonly window?: string;
  readonly duration?: string;
  readonly timeZone?: string;
  readonly weekStart?: string;
  readonly hard?: boolean;
}

interface UpdateOptions extends BudgetOptions {
  readonly name?: string;
  readonly email?: string;
  readonly active?: 'true' | 'false';
}

interface DeleteOptions extends ApiOptions {
  readonly yes?: boolean;
  readonly force?: boolean;
}

const REFERENCE = 'the id (cus_…), the number or the e-mail address';
const COLUMNS: readonly Column<Customer>[] = [
  { heading: 'NUMBER', cell: (row) => String(row.number), align: 'right' },
  { heading: 'ID', cell: (row) => row.id, drop: 2 },
  { heading: 'NAME', cell: (row) => row.name, min: 12 },
  { heading: 'E-MAIL', cell: (row) => row.email, min: 16 },
  { heading: 'BUDGET', cell: budgetText, align: 'right' },
  { heading: 'WINDOW', cell: (row) => (row.budget === null ? '' : windowText(row.budget)), drop: 1 },
  { heading: 'STATE', cell: stateOf },
];
const FIELDS: readonly Column<readonly [string, string]>[] = [
  { heading: 'FIELD', cell: ([field]) => field },
  { heading: 'VALUE', cell: ([, value]) => value, wraps: true },
];

/** Adds the commands. */
export function addCustomers(program: Command, io: CliIo): void {
  const customers = program
    .command('customers')
    .description('Who pays for calls through the gateway, and how much each may spend.');
  withCreate(customers.command('create'), io);
  withList(customers.command('list'), io);
  withApiOptions(customers.command('show'))
    .description('Show a customer, a deleted one too.')
    .argument('<customer>', REFERENCE)
    .action((reference: string, options: ApiOptions) => show(io, reference, options));
  withUpdate(customers.command('update'), io);
  withDelete(customers.command('delete'), io).option('--yes', 'without asking');
  // As the gateway that this one follows spelt them.
  const hidden = { hidden: true };
  withCreate(program.command('create-customer', hidden), io);
  withList(program.command('list-customers', hidden), io);
  withUpdate(program.command('update-customer', hidden), io);
  withDelete(program.command('delete-customer', hidden), io).option('--force', 'without asking');
}

/** The path of a customer, or of something of it. */
export function customerPath(reference: string): string {
  return `${CUSTOMERS_PATH}/${encodeURIComponent(reference)}`;
}

function withCreate(command: Command, io: CliIo): void {
  withBudget(withApiOptions(command))
    .description('Create a customer. Without a budget nothing of its own limits it.')
    .argument('<name>')
    .argument('<email>')
    .action(async (name: string, email: string, options: BudgetOptions) => {
      const budget = budgetOf(options);
      if (budget === null) throw new CliUsageError('a new customer has no budget to remove; leave --budget out');
      if (budget !== undefined && budget['amount'] === undefined) {
        throw new CliUsageError(
          '--window, --duration, --time-zone, --week-start and --hard are of a budget: add --budget',
        );
      }
      const body = { name, email, ...(budget === undefined ? {} : { budget }) };
      print(io, options, await createApiClient(io, options).send<Customer>('POST', CUSTOMERS_PATH, body));
    });
}

function withList(command: Command, io: CliIo): void {
  withApiOptions(command)
    .description('List customers.')
    .option('--query <text>', 'text that the name, the address or the id holds')
    .option('--all', 'deleted ones too')
    .action(async (options: ApiOptions & { query?: string; all?: boolean }) => {
      const query = {
        ...(options.query ? { query: options.query } : {}),
        includeDeleted: String(options.all === true),
      };
      const rows = await createApiClient(io, options).list<Customer>(CUSTOMERS_PATH, query);
      if (options.json) printJson(io, rows);
      else printRows(io, COLUMNS, rows, 'no customers');
    });
}

function withUpdate(command: Command, io: CliIo): void {
  withBudget(withApiOptions(command), '; none removes it')
    .description('Change what is given and leave the rest.')
    .argument('<customer>', REFERENCE)
    .option('--name <text>')
    .option('--email <address>')
    .addOption(new Option('--active <flag>', 'false: its keys are refused until it is true').choices(['true', 'false']))
    .action(async (reference: string, options: UpdateOptions) => {
      const { name, email, active } = options;
      const fields = { name, email, active: active === undefined ? undefined : active === 'true' };
      const body = Object.fromEntries(
        Object.entries({ ...fields, budget: budgetOf(options) }).filter(([, value]) => value !== undefined),
      );
      if (Object.keys(body).length === 0) {
        throw new CliUsageError(
          'nothing to change: give --name, --email, --budget, --window, --time-zone, --hard or --active',
        );
      }
      const client = createApiClient(io, options);
      print(io, options, await client.send<Customer>('PATCH', customerPath(reference), body));
    });
}

function withDelete(command: Command, io: CliIo): Command {
  return withApiOptions(command)
    .description('Delete a customer: its keys stop at once, its budget ends. What it spent stays in the books.')
    .argument('<customer>', REFERENCE)
    .action(async (reference: string, options: DeleteOptions) => {
      const client = createApiClient(io, options);
      if (options.yes !== true && options.force !== true) await confirm(io, await client.get(customerPath(reference)));
      const path = customerPath(reference);
      const gone = await client.send<z.output<typeof deletedCustomerSchema>>('DELETE', path);
      if (options.json) return printJson(io, gone);
      io.out(visible(`deleted ${gone.id} (number ${gone.number}, ${gone.name}); keys revoked: ${gone.revokedKeys}`));
    });
}

async function confirm(io: CliIo, { number, name, email }: Customer): Promise<void> {
  if (io.ask === undefined) {
    throw new CliUsageError('deleting a customer stops its keys at once, and nobody is here to ask: add --yes');
  }
  const who = visible(`customer ${number}, ${name} <${email}>`);
  const answer = await io.ask(`This deletes ${who}: its keys stop at once, its bills stay. Type DELETE to go on: `);
  if (answer.trim() !== 'DELETE') throw new CliFailure('nothing was deleted');
}

async function show(io: CliIo, reference: string, options: ApiOptions): Promise<void> {
  const client = createApiClient(io, options);
  const customer = await client.get<Customer>(customerPath(reference));
  const keys = await client.list<GatewayKey>(`${customerPath(customer.id)}/keys`);
  if (options.json) return printJson(io, { ...customer, keys });
  const { budget } = customer;
  const fields: [string, string][] = [
    ['number', String(customer.number)],
    ['id', customer.id],
    ['name', customer.name],
    ['e-mail', customer.email],
    ['state', stateOf(customer)],
    [
      'budget',
      budget === null ? 'none: nothing of its own limits it' : `${budgetText(customer)} ${windowText(budget)}`,
    ],
    ['warns from', budget?.warnThreshold == null ? '' : `$${budget.warnThreshold}`],
    ['cost control', budget?.controlId ?? ''],
    ['active keys', String(keys.filter(({ state }) => state === 'active').length)],
    ['created', customer.created],
    ['deleted', customer.deleted ?? ''],
  ];
  printRows(
    io,
    FIELDS,
    fields.filter(([, value]) => value !== ''),
    '',
  );
}

function withBudget(command: Command, more = ''): Command {
  return command
    .option('--budget <dollars>', `what it may spend in a window; 0 lets nothing pass${more}`)
    .option('--window <type>', `${WINDOW_TYPES.join(', ')} (MONTHLY)`)
    .option('--duration <iso>', 'of a ROLLING window, for instance PT24H or P7D')
    .option('--time-zone <name>', 'in which windows begin, for instance Europe/Berlin (UTC)')
    .option('--week-start <day>', `on which weeks begin: ${WEEK_DAYS.join(', ')} (MONDAY)`)
    .option('--hard', 'a hard budget: a call is admitted against a hold only, so that it is never overspent')
    .option('--no-hard', 'callers refuse by the rules that they polled');
}

/** The budget of a body; `null` ends it, `undefined` leaves it. */
function budgetOf(options: BudgetOptions): Readonly<Record<string, string | boolean>> | null | undefined {
  const ends = options.budget?.trim().toLowerCase() === 'none';
  const fields = {
    amount: ends ? undefined : options.budget,
    windowType: options.window?.toUpperCase(),
    windowDuration: options.duration,
    timeZone: options.timeZone,
    weekStart: options.weekStart?.toUpperCase(),
    hard: options.hard,
  };
  const given = Object.entries(fields).filter((entry): entry is [string, string | boolean] => entry[1] !== undefined);
  if (!ends) return given.length === 0 ? undefined : Object.fromEntries(given);
  if (given.length > 0) throw new CliUsageError('--budget none removes the budget: it has no window or time zone');
  return null;
}

function print(io: CliIo, options: ApiOptions, customer: Customer): void {
  if (options.json) printJson(io, customer);
  else printRows(io, COLUMNS, [customer], '');
}

function budgetText({ budget }: Customer): string {
  if (budget === null) return '';
  const raised = budget.raised === '0' ? '' : ` + $${budget.raised} raised`;
  return `$${budget.amount}${raised}${budget.hard ? ' hard' : ''}`;
}

function windowText({ windowType, windowDuration, timeZone }: NonNullable<Customer['budget']>): string {
  return `${windowType}${windowDuration === null ? '' : ` ${windowDuration}`}${timeZone === 'UTC' ? '' : ` ${timeZone}`}`;
}

function stateOf({ active, deleted, budget }: Customer): string {
  if (deleted !== null) return `deleted ${deleted.slice(0, 10)}`;
  if (!active) return 'inactive';
  if (budget === null || (budget.enabled && !budget.shadowMode)) return 'active';
  return `active, its budget ${budget.enabled ? 'only observes' : 'is switched off'}`;
}
