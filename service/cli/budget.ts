/** `fusewire budget check`: what is left of every budget that concerns a customer. */
import type { Command } from 'commander';
import { spokenAmount } from '../ledger/spoken-amount.js';
import type { CustomerBudgets } from '../usage/budget-route.js';
import type { ShownBudget } from '../usage/budget-state.js';
import { type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { CliAnswerNo, type CliIo } from './io.js';
import { type Column, printJson, printRows, visible } from './print.js';
import { CUSTOMER } from './usage-range-options.js';

const COLUMNS: readonly Column<ShownBudget>[] = [
  { heading: 'BUDGET', cell: (row) => row.name, min: 12 },
  { heading: 'FOR', cell: forText, wraps: true },
  { heading: 'SPEND', cell: (row) => amountText(row, row.spend), align: 'right' },
  { heading: 'LIMIT', cell: (row) => amountText(row, row.limit), align: 'right' },
  { heading: 'REMAINING', cell: (row) => amountText(row, row.remaining), align: 'right', drop: 3 },
  { heading: 'USED', cell: (row) => `${row.percentUsed} %`, align: 'right', drop: 1 },
  { heading: 'UNKNOWN', cell: (row) => String(row.unknownPrices), align: 'right', drop: 2 },
  { heading: 'RESETS', cell: (row) => row.resetsAt ?? 'never' },
  { heading: 'STATE', cell: stateText },
];

/** Adds the command, and the name that it had elsewhere. */
export function addBudget(program: Command, io: CliIo): void {
  const budget = program.command('budget').description('What customers of the gateway may still spend.');
  defineCheck(budget.command('check'), io);
  defineCheck(program.command('check-budget', { hidden: true }), io);
}

function defineCheck(command: Command, io: CliIo): void {
  withApiOptions(command)
    .description('What is left of every budget that concerns a customer. Exit code 3 where one is exceeded.')
    .argument('<customer>', CUSTOMER)
    .addHelpText(
      'after',
      '\nUNKNOWN counts events of unknown price: with some, the spend is a lower bound. Calls under way are not in it.',
    )
    .action(async (customer: string, options: ApiOptions) => {
      const path = `/customers/${encodeURIComponent(customer)}/budget`;
      const answer = await createApiClient(io, options).get<CustomerBudgets>(path);
      if (options.json) printJson(io, answer);
      else show(io, answer);
      if (answer.state === 'exceeded') throw new CliAnswerNo('a budget is exceeded');
    });
}

function show(io: CliIo, answer: CustomerBudgets): void {
  const { customer, budgets, hasOwnBudget, dependsOnCall, state } = answer;
  if (io.isTerminal) {
    const gone = customer.deleted === null ? '' : `, deleted ${customer.deleted}`;
    const own = hasOwnBudget ? '' : ': no budget of its own';
    io.out(visible(`${io.colors.bold(customer.name)} (number ${customer.number}, ${customer.id}${gone})${own}`));
  }
  printRows(io, COLUMNS, budgets, 'no budget concerns this customer: nothing limits what it spends');
  if (!io.isTerminal) return;
  const unknown = budgets.reduce((most, { unknownPrices }) => Math.max(most, unknownPrices), 0);
  if (unknown > 0) io.out(`${unknown} of unknown price: what was spent is more than that`);
  for (const { name, groupBy } of dependsOnCall) {
    io.out(visible(`${name}: ${groupBy === null ? 'may concern some calls' : `by ${groupBy}, as each call says`}`));
  }
  if (budgets.length > 0) io.out(state === 'exceeded' ? io.colors.red('exceeded') : io.colors.green(state));
}

function forText({ onlyFor, group }: ShownBudget): string {
  const parts = [...(group === null ? [] : [`group ${group}`]), ...onlyFor];
  return parts.length === 0 ? 'every call' : parts.join(', ');
}

function stateText({ state, shadowMode }: ShownBudget): string {
  return shadowMode ? `${state} (only watches)` : state;
}

function amountText({ metricType }: ShownBudget, amount: string): string {
  return spokenAmount(metricType, amount);
}
