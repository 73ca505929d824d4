/** `fusewire controls`: cost controls over the API. */

import type { Command } from 'commander';
import { type CostControlResource, DIMENSIONS, FILTER_OPERATORS, WINDOW_TYPES } from 'fusewire/internal';
import { CONTROLS_PATH } from '../admin/control-resource.js';
import { type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { type HardOptions, hardFieldsOf, hardText, withHard } from './hard-options.js';
import { type CliIo, CliUsageError } from './io.js';
import { amountCell } from './money.js';
import { type Column, printJson, printRows } from './print.js';
import { addRaises } from './raises.js';

type Filter = CostControlResource['filters'][number];

interface ControlOptions extends ApiOptions, HardOptions {
  readonly name?: string;
  readonly description?: string;
  readonly metric?: string;
  readonly window?: string;
  readonly limit?: string;
  readonly warn?: string;
  readonly groupBy?: string;
  readonly filter?: readonly string[];
  readonly shadow?: boolean;
  readonly enabled?: boolean;
  readonly onUnknownPrice?: string;
  readonly onClientLeave?: string;
  readonly duration?: string;
  readonly timeZone?: string;
  readonly weekStart?: string;
  readonly assumePerMillion?: string;
  readonly assumePerRequest?: string;
}

const COLUMNS: readonly Column<CostControlResource>[] = [
  { heading: 'ID', cell: (control) => control.id },
  { heading: 'NAME', cell: (control) => control.name, min: 12 },
  { heading: 'METRIC', cell: (control) => control.metricType },
  { heading: 'WINDOW', cell: windowText },
  { heading: 'LIMIT', cell: limitText, align: 'right' },
  {
    heading: 'WARN',
    cell: (control) => amountCell(control.metricType, control.warnThreshold),
    align: 'right',
    drop: 1,
  },
  { heading: 'GROUP BY', cell: (control) => control.groupBy ?? '' },
  { heading: 'FILTERS', cell: (control) => control.filters.map(filterText).join(' '), below: true },
  { heading: 'STATE', cell: stateOf },
];

const FIELDS: readonly Column<readonly [string, string]>[] = [
  { heading: 'FIELD', cell: ([field]) => field },
  { heading: 'VALUE', cell: ([, value]) => value, wraps: true },
];

/** Adds the commands. */
export function addControls(program: Command, io: CliIo): void {
  const controls = program.command('controls').description('Cost controls: who may spend how much of what, and when.');
  withApiOptions(controls.command('list'))
    .description('List cost controls.')
    .option('--query <text>', 'text that the name or description holds')
    .action(async (options: ApiOptions & { query?: string }) => {
      const client = createApiClient(io, options);
      const query = {
        teamId: await client.teamId(),
        sort: 'name,asc',
        ...(options.query ? { query: options.query } : {}),
      };
      const rows = await client.list<CostControlResource>(CONTROLS_PATH, query);
      show(io, options, rows);
    });
  withApiOptions(controls.command('show'))
    .description('Show a cost control, with everything that it does.')
    .argument('<id>')
    .action(async (id: string, options: ApiOptions) => {
      const control = await createApiClient(io, options).get<CostControlResource>(pathOf(id));
      if (options.json) printJson(io, control);
      else printRows(io, FIELDS, fieldRows(control), '');
    });
  withFields(withApiOptions(controls.command('create')))
    .description('Create a cost control. It blocks, unless --shadow is given.')
    .action(async (options: ControlOptions) => {
      const client = createApiClient(io, options);
      const body = {
        teamId: await client.teamId(),
        metricType: 'TOTAL_COST',
        windowType: 'DAILY',
        ...fieldsOf(options),
      };
      show(io, options, await client.send<CostControlResource>('POST', CONTROLS_PATH, body));
    });
  withFields(withApiOptions(controls.command('update')))
    .description('Change what is given and leave the rest. Filters are replaced whole; --filter none removes them.')
    .argument('<id>')
    .action(async (id: string, options: ControlOptions) => {
      const body = fieldsOf(options);
      if (Object.keys(body).length === 0) throw new CliUsageError('nothing to change: give at least one field');
      const client = createApiClient(io, options);
      show(io, options, await client.send<CostControlResource>('PATCH', pathOf(id), body));
    });
  withApiOptions(controls.command('delete'))
    .description('Delete a cost control.')
    .argument('<id>')
    .action(async (id: string, options: ApiOptions) => {
      await createApiClient(io, options).send('DELETE', pathOf(id));
      if (options.json) printJson(io, { id, deleted: true });
      else io.out(`deleted ${id}`);
    });
  addRaises(controls, io);
}

function withFields(command: Command): Command {
  const collect = (value: string, kept: readonly string[] = []) => [...kept, value];
  return withHard(command)
    .option('--name <text>')
    .option('--description <text>')
    .option('--metric <type>', 'TOTAL_COST, TOKEN_COUNT … (TOTAL_COST)')
    .option('--window <type>', `${WINDOW_TYPES.join(', ')} (DAILY)`)
    .option('--duration <iso>', 'of a ROLLING window, for instance PT24H or P7D')
    .option('--time-zone <name>', 'in which windows begin, for instance Europe/Berlin (UTC)')
    .option('--week-start <day>', 'on which weeks begin (MONDAY)')
    .option('--limit <number>', 'dollars, or a count, that may be spent in a window')
    .option('--warn <number>', 'warn from here on; none removes it')
    .option('--group-by <dimension>', 'a budget for each, for instance SUBSCRIBER; none removes it')
    .option(
      '--filter <row>',
      'DIMENSION:OPERATOR:VALUE, for instance MODEL:IS:gpt-4o; IN takes a,b,c; repeatable',
      collect,
    )
    .option('--shadow', 'observe and never block')
    .option('--no-shadow', 'block')
    .option('--enabled', 'switch on')
    .option('--no-enabled', 'switch off')
    .option('--on-unknown-price <reaction>', 'flag, refuse or assume (flag)')
    .option('--assume-per-million <dollars>', 'for a million tokens of unknown price, with assume; none removes it')
    .option('--assume-per-request <dollars>', 'for each request of unknown price, with assume; none removes it')
    .option('--on-client-leave <reaction>', 'of the gateway, to a caller that hangs up: auto, abort or drain (auto)');
}

function fieldsOf(options: ControlOptions): Record<string, unknown> {
  const orNull = (value: string | undefined) => (value?.toLowerCase() === 'none' ? null : value);
  const fields = {
    name: options.name,
    description: options.description,
    metricType: options.metric?.toUpperCase(),
    windowType: options.window?.toUpperCase(),
    hardLimit: options.limit,
    warnThreshold: orNull(options.warn),
    groupBy: orNull(options.groupBy)?.toUpperCase() ?? (options.groupBy === undefined ? undefined : null),
    filters: options.filter === undefined ? undefined : filtersOf(options.filter),
    shadowMode: options.shadow,
    enabled: options.enabled,
    onUnknownPrice: options.onUnknownPrice?.toLowerCase(),
    onClientLeave: options.onClientLeave?.toLowerCase(),
    windowDuration: options.duration,
    timeZone: options.timeZone,
    weekStart: options.weekStart?.toUpperCase(),
    assumedPricePerMillionTokens: orNull(options.assumePerMillion),
    assumedPricePerRequest: orNull(options.assumePerRequest),
    ...hardFieldsOf(options),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function filtersOf(rows: readonly string[]): Filter[] {
  if (rows.length === 1 && rows[0]!.toLowerCase() === 'none') return [];
  return rows.map((row) => {
    const [dimension = '', operator = '', ...rest] = row.split(':');
    const known = DIMENSIONS.find((name) => name === dimension.toUpperCase());
    const how = FILTER_OPERATORS.find((name) => name === operator.toUpperCase());
    const value = rest.join(':');
    if (known === undefined || how === undefined || value === '') {
      throw new CliUsageError(`--filter takes DIMENSION:OPERATOR:VALUE, for instance MODEL:IS:gpt-4o, not '${row}'`);
    }
    return how === 'IN'
      ? { dimension: known, operator: how, values: value.split(',').map((one) => one.trim()) }
      : { dimension: known, operator: how, value };
  });
}

function show(io: CliIo, options: ApiOptions, found: CostControlResource | readonly CostControlResource[]): void {
  if (options.json) printJson(io, found);
  else printRows(io, COLUMNS, [found].flat(), 'no cost controls yet; `fusewire controls create` makes one');
}

function pathOf(id: string): string {
  return `${CONTROLS_PATH}/${encodeURIComponent(id)}`;
}

function filterText(filter: Filter): string {
  return `${filter.dimension}:${filter.operator}:${filter.values?.join(',') ?? filter.value ?? ''}`;
}

function windowText(control: CostControlResource): string {
  const { windowType, windowDuration, timeZone } = control;
  if (windowType === 'ROLLING') return `${windowType} ${windowDuration ?? ''}`;
  return windowType === 'LIFETIME' || timeZone === 'UTC' ? windowType : `${windowType} ${timeZone}`;
}

function limitText({ metricType, hardLimit, raised }: CostControlResource): string {
  const limit = amountCell(metricType, hardLimit);
  return raised === 0 ? limit : `${limit} + ${amountCell(metricType, raised)} raised`;
}

function fieldRows(control: CostControlResource): readonly (readonly [string, string])[] {
  const rows = COLUMNS.map(({ heading, cell }) => [heading.toLowerCase(), cell(control)] as const);
  const more = [
    ['description', control.description],
    ['unknown price', control.onUnknownPrice],
    ['client leaves', control.onClientLeave],
    ['enforcement', control.enforcement],
    ['hard', hardText(control)],
    ['raised until', control.raisedUntil ?? ''],
    ['rule', String(control.feedRuleId)],
    ['created', control.created],
    ['updated', control.updated],
  ] as const;
  return [...rows, ...more].filter(([, value]) => value !== '');
}

function stateOf(control: CostControlResource): string {
  if (!control.enabled) return 'off';
  if (control.shadowMode) return 'shadow';
  return control.enforcement === 'HARD' ? 'hard' : 'on';
}
