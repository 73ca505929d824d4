/** `fusewire events`: what cost controls did; with `--usage`, what was metered. */
import { type Command, InvalidArgumentError } from 'commander';
import { type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { type CliIo, CliUsageError } from './io.js';
import { amountCell } from './money.js';
import { type Column, printJson, printRows } from './print.js';

interface EventsOptions extends ApiOptions {
  readonly usage?: boolean;
  readonly size: number;
  readonly transaction?: string;
  readonly since?: string;
  readonly until?: string;
  readonly level?: string;
  readonly mode?: string;
  readonly rule?: string;
  readonly query?: string;
  readonly group?: string;
  readonly oldest?: boolean;
}

interface EnforcementRow {
  readonly created: string;
  readonly outcome: string;
  readonly ruleName: string | null;
  readonly ruleId: string | null;
  readonly metricType: string | null;
  readonly groupValue: string | null;
  readonly currentValue: number | null;
  readonly threshold: number | null;
  readonly count: number;
  readonly subscriberEmail: string | null;
  readonly transactionId: string | null;
}

interface UsageRow {
  readonly created: string;
  readonly transactionId: string;
  readonly provider: string;
  readonly model: string;
  readonly totalTokenCount?: number;
  readonly totalCost: number | null;
  readonly priceState: string;
  readonly stopReason: string;
}

const ENFORCEMENT: readonly Column<EnforcementRow>[] = [
  { heading: 'WHEN', cell: (row) => row.created },
  { heading: 'WHAT', cell: (row) => row.outcome },
  { heading: 'CONTROL', cell: (row) => row.ruleName ?? row.ruleId ?? '', min: 12 },
  { heading: 'GROUP', cell: (row) => row.groupValue ?? row.subscriberEmail ?? '', min: 8 },
  { heading: 'VALUE', cell: (row) => amountCell(row.metricType, row.currentValue), align: 'right' },
  { heading: 'LIMIT', cell: (row) => amountCell(row.metricType, row.threshold), align: 'right' },
  { heading: 'CALLS', cell: (row) => String(row.count), align: 'right', drop: 2 },
  { heading: 'BY', cell: (row) => row.transactionId ?? '', min: 10, drop: 1 },
];
const USAGE: readonly Column<UsageRow>[] = [
  { heading: 'WHEN', cell: (row) => row.created },
  { heading: 'TRANSACTION', cell: (row) => row.transactionId, min: 12 },
  { heading: 'PROVIDER', cell: (row) => row.provider, drop: 2 },
  { heading: 'MODEL', cell: (row) => row.model, min: 14 },
  { heading: 'TOKENS', cell: (row) => String(row.totalTokenCount ?? ''), align: 'right' },
  { heading: 'USD', cell: (row) => (row.totalCost === null ? 'unknown' : String(row.totalCost)), align: 'right' },
  { heading: 'PRICE', cell: (row) => row.priceState },
  { heading: 'END', cell: (row) => row.stopReason, drop: 1 },
];

/** Adds the command. */
export function addEvents(program: Command, io: CliIo): void {
  withApiOptions(program.command('events'))
    .description('What cost controls did, newest first: trips, resets, warnings, shadow hits, refusals.')
    .option('--since <time>', 'full ISO 8601 date-time (30 days ago)')
    .option('--until <time>', 'full ISO 8601 date-time (now)')
    .option('--level <level>', 'HARD, WARN or ALL (ALL)')
    .option('--mode <mode>', 'ENFORCED, SHADOW or ALL (ALL)')
    .option('--rule <id>', 'of this cost control only')
    .option('--query <text>', 'text in the names of rule, group and subscriber')
    .option('--group <DIMENSION=VALUE>', 'of this group only, for instance SUBSCRIBER=rita')
    .option('--oldest', 'oldest first')
    .option('--usage', 'list metered calls with their price instead')
    .option('--transaction <id>', 'of this call only')
    .option('--size <number>', 'how many', wholeNumber, 20)
    .action(async (options: EventsOptions) => {
      const client = createApiClient(io, options);
      const query = { teamId: await client.teamId(), size: String(options.size) };
      if (options.usage) {
        const asked = { ...query, ...(options.transaction ? { transactionId: options.transaction } : {}) };
        const answer = await client.get<{ _embedded: { aICompletionMetricResourceList: UsageRow[] } }>(
          '/sources/metrics/ai/completions',
          asked,
        );
        return show(io, options, USAGE, answer._embedded.aICompletionMetricResourceList, 'nothing was metered yet');
      }
      const answer = await client.get<{ _embedded: { objectList: EnforcementRow[] } }>('/ai/enforcement-events', {
        ...query,
        ...filtersOf(options),
      });
      show(io, options, ENFORCEMENT, answer._embedded.objectList, 'no cost control did anything yet');
    });
}

function filtersOf(options: EventsOptions): Record<string, string> {
  const [groupBy, ...value] = options.group?.split('=') ?? [];
  if (options.group !== undefined && value.length === 0) {
    throw new CliUsageError(`--group takes DIMENSION=VALUE, for instance SUBSCRIBER=rita, not '${options.group}'`);
  }
  const fields = {
    since: options.since,
    until: options.until,
    level: options.level?.toUpperCase() ?? 'ALL',
    mode: options.mode?.toUpperCase(),
    ruleId: options.rule,
    query: options.query,
    groupBy: groupBy?.toUpperCase(),
    groupValue: options.group === undefined ? undefined : value.join('='),
    transactionId: options.transaction,
    sort: options.oldest ? 'created,asc' : undefined,
  };
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function show<T>(
  io: CliIo,
  options: ApiOptions,
  columns: readonly Column<T>[],
  rows: readonly T[],
  nothing: string,
): void {
  if (options.json) printJson(io, rows);
  else printRows(io, columns, rows, nothing);
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('it must be a whole number from 1 on.');
}
