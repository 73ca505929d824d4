/** `fusewire usage report`: what a customer used and what it cost. */
import type { Command } from 'commander';
import { usd } from '../ledger/spoken-amount.js';
import type { UsageReport, UsageReportRow, UsageReportSums } from '../usage/usage-route.js';
import { createApiClient } from './api-client.js';
import type { CliIo } from './io.js';
import { type Column, printJson, printRows, visible } from './print.js';
import { defineExport } from './usage-export.js';
import { RANGE_HELP, type RangeOptions, rangeQueryOf, withRange } from './usage-range-options.js';

interface ReportOptions extends RangeOptions {
  readonly by: string;
}

const REPORT_HELP = `${RANGE_HELP}
A cost is exact. 'unknown' and 'at least' say that nobody knows the price of some events; UNKNOWN counts them.`;

const GROUPS: readonly (Column<UsageReportRow> & { readonly by: string })[] = [
  { by: 'day', heading: 'DAY', cell: (row) => row.day ?? '' },
  { by: 'model', heading: 'MODEL', cell: (row) => row.model ?? '', min: 12 },
  { by: 'model', heading: 'PROVIDER', cell: (row) => row.provider ?? '', drop: 4 },
  { by: 'key', heading: 'KEY', cell: (row) => row.key ?? 'none', min: 10 },
  { by: 'key', heading: 'LABEL', cell: (row) => row.keyLabel ?? '', min: 8 },
  { by: 'operation', heading: 'OPERATION', cell: (row) => row.operation ?? '' },
];
const SUMS: readonly Column<UsageReportSums>[] = [
  { heading: 'REQUESTS', cell: (row) => String(row.requests), align: 'right' },
  { heading: 'FAILED', cell: (row) => String(row.failed), align: 'right', drop: 3 },
  { heading: 'INPUT', cell: (row) => String(row.inputTokens), align: 'right' },
  { heading: 'OUTPUT', cell: (row) => String(row.outputTokens), align: 'right' },
  { heading: 'CACHED', cell: (row) => String(row.cachedTokens), align: 'right', drop: 5 },
  { heading: 'COST', cell: costText, align: 'right' },
  { heading: 'UNKNOWN', cell: (row) => String(row.unknownPrices), align: 'right', drop: 2 },
  { heading: 'ESTIMATED', cell: (row) => String(row.estimated), align: 'right', drop: 1 },
];

/** Adds the commands, and the names that they had elsewhere. */
export function addUsage(program: Command, io: CliIo): void {
  const usage = program.command('usage').description('What customers of the gateway used, and what it cost.');
  defineReport(usage.command('report'), io);
  defineReport(program.command('usage-report', { hidden: true }), io);
  defineExport(usage.command('export'), io);
  defineExport(program.command('export-usage', { hidden: true }), io);
}

function defineReport(command: Command, io: CliIo): void {
  withRange(command, REPORT_HELP)
    .description('What a customer used and what it cost, by the prices that hold now.')
    .option(
      '--by <list>',
      "what to tell apart: day, model, key, operation, with commas between; '' is the totals",
      'model',
    )
    .action(async (customer: string, options: ReportOptions) => {
      const path = `/customers/${encodeURIComponent(customer)}/usage`;
      const query = { ...rangeQueryOf(options), by: options.by };
      const report = await createApiClient(io, options).get<UsageReport>(path, query);
      if (options.json) printJson(io, report);
      else show(io, report);
    });
}

function show(io: CliIo, report: UsageReport): void {
  const { customer, start, end, timeZone, by, rows, totals } = report;
  const columns: readonly Column<UsageReportRow>[] = [
    ...GROUPS.filter((column) => (by as readonly string[]).includes(column.by)),
    ...SUMS,
  ];
  if (io.isTerminal) {
    const gone = customer.deleted === null ? '' : `, deleted ${customer.deleted}`;
    io.out(visible(`${io.colors.bold(customer.name)} (number ${customer.number}, ${customer.id}${gone})`));
    io.out(`from ${start} until before ${end}, days of ${timeZone}`);
  }
  if (by.length === 0) printRows(io, SUMS, [totals], '');
  else printRows(io, columns, rows, 'nothing was used');
  if (io.isTerminal) for (const line of footOf(totals)) io.out(line);
}

function footOf(totals: UsageReportSums): readonly string[] {
  const { requests, failed, unknownPrices, estimated, unknownUsage } = totals;
  const lines = [`total: ${counted(requests, 'request')}, ${failed} failed, ${costText(totals)}`];
  if (unknownPrices > 0) {
    const what = counted(unknownPrices, 'event');
    lines.push(`${what} of unknown price: the cost is a lower bound; declare it with fusewire prices set, or free`);
  }
  if (estimated > 0) lines.push(`${counted(estimated, 'event')} with estimated usage`);
  if (unknownUsage > 0) lines.push(`${counted(unknownUsage, 'event')} with unknown usage`);
  return lines;
}

function costText({ costUsd, unknownPrices }: UsageReportSums): string {
  if (costUsd === null) return 'unknown';
  return unknownPrices > 0 ? `at least ${usd(costUsd)}` : usd(costUsd);
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
