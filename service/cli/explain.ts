/** `fusewire explain`: why a call would pass or be refused. */
import type { Command } from 'commander';
import type { ExplainedControl, ExplainedPrice, Explanation } from '../explain/explanation.js';
import { spokenAmount } from '../ledger/spoken-amount.js';
import { type ApiClient, type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { type Customer, customerPath } from './customers.js';
import { CliAnswerNo, type CliIo, CliUsageError } from './io.js';
import { type Column, printJson, printRows, printText } from './print.js';

/** The answer of the API; times are text in it. */
interface Explained extends Omit<Explanation, 'bypass'> {
  readonly bypass: { readonly until: string; readonly reason: string; readonly by: string } | null;
}

interface ExplainOptions extends ApiOptions {
  readonly model: string;
  readonly customer?: string;
  readonly provider?: string;
  readonly subscriberId?: string;
  readonly subscriberEmail?: string;
  readonly organization?: string;
  readonly product?: string;
  readonly credentialName?: string;
  readonly agent?: string;
  readonly taskType?: string;
  readonly maxInputTokens?: string;
  readonly maxOutputTokens?: string;
  readonly all?: boolean;
}

const DIMENSIONS = [
  'model',
  'provider',
  'subscriberId',
  'subscriberEmail',
  'organization',
  'product',
  'credentialName',
  'agent',
  'taskType',
  'maxInputTokens',
  'maxOutputTokens',
] as const;

const COLUMNS: readonly Column<ExplainedControl>[] = [
  { heading: 'CONTROL', cell: (row) => row.name, min: 12 },
  { heading: 'METRIC', cell: (row) => row.metricType, drop: 2 },
  { heading: 'GROUP', cell: (row) => row.group ?? '', min: 8 },
  { heading: 'SPEND', cell: (row) => spokenAmount(row.metricType, row.spend), align: 'right' },
  { heading: 'LIMIT', cell: limitText, align: 'right' },
  { heading: 'WINDOW', cell: (row) => row.window.key, drop: 3 },
  { heading: 'RESETS', cell: (row) => row.window.resetsAt ?? 'never', drop: 1 },
  { heading: 'VERDICT', cell: (row) => row.reaction },
  { heading: 'BECAUSE', cell: (row) => row.equation, below: true },
];

/** Adds the command. */
export function addExplain(program: Command, io: CliIo): void {
  withApiOptions(program.command('explain'))
    .description('Why a call would pass (exit code 0) or be refused (3): every cost control with its arithmetic.')
    .requiredOption('--model <name>')
    .option('--provider <name>', 'for instance OPENAI')
    .option('--customer <customer>', 'of the gateway: the id (cus_…), the number or the e-mail address')
    .option('--subscriber-id <id>')
    .option('--subscriber-email <address>')
    .option('--organization <name>')
    .option('--product <name>')
    .option('--credential-name <name>')
    .option('--agent <name>')
    .option('--task-type <name>')
    .option(
      '--max-input-tokens <count>',
      'what the call can consume at most: hard controls say what they would set aside',
    )
    .option('--max-output-tokens <count>', 'its output limit')
    .option('--all', 'also the controls that do not concern the call, and why they do not')
    .action(async (options: ExplainOptions) => {
      const client = createApiClient(io, options);
      const query = await callerOf(client, options);
      for (const name of DIMENSIONS) {
        const value = options[name];
        if (value !== undefined) query[name] = value;
      }
      const explained = await client.get<Explained>('/fusewire/explain', query);
      if (options.json) printJson(io, explained);
      else show(io, explained, options.all === true);
      if (explained.verdict.outcome === 'refuse') throw new CliAnswerNo('the call is refused');
    });
}

/** Who a customer of the gateway is in its calls. */
async function callerOf(client: ApiClient, options: ExplainOptions): Promise<Record<string, string>> {
  if (options.customer === undefined) return {};
  if (options.subscriberId !== undefined || options.subscriberEmail !== undefined) {
    throw new CliUsageError('--customer says who the subscriber is; leave --subscriber-id and --subscriber-email out');
  }
  const { id, email } = await client.get<Customer>(customerPath(options.customer));
  return { subscriberId: id, subscriberEmail: email };
}

function show(io: CliIo, explained: Explained, all: boolean): void {
  const { verdict, price, bypass, controls, revision, at } = explained;
  const { red, green, bold } = io.colors;
  const outcome = verdict.outcome === 'refuse' ? red('refused') : green('passes');
  printText(io, `${bold(outcome)}: ${verdict.equation}`);
  printText(io, `price: ${priceText(price)}`);
  if (bypass !== null) printText(io, `bypass: on until ${bypass.until}, by ${bypass.by}: ${bypass.reason}`);
  io.out(`revision ${revision} at ${at}`);
  const shown = all ? controls : controls.filter(({ reaction }) => reaction !== 'not-concerned');
  printRows(io, COLUMNS, shown, 'no cost control concerns the call');
  for (const control of shown) showHolding(io, control);
  const hidden = controls.length - shown.length;
  if (io.isTerminal && hidden > 0) io.out(io.colors.dim(`${hidden} more do not concern the call; --all shows why`));
}

/** The arithmetic of a hard control, whose holds they are, and who raised the limit. */
function showHolding(io: CliIo, control: ExplainedControl): void {
  const { name, metricType, raises, holds, inequality, remaining } = control;
  const amount = (text: string) => spokenAmount(metricType, text);
  if (inequality !== null) {
    printText(io, `${name}: ${sumText(control)}; ${amount(remaining ?? '0')} remains`);
    const beside = besideText(control);
    if (beside !== undefined) printText(io, `${name}: ${beside}`);
  }
  for (const raise of raises) {
    printText(io, `raise of ${name}: ${amount(raise.amount)} until ${raise.until}, by ${raise.by}: ${raise.reason}`);
  }
  for (const { id, owner, ageSeconds, amount: taken, drawn, expires } of holds) {
    const age = `${ageSeconds} s old, expires ${expires}`;
    printText(io, `hold on ${name}: ${amount(taken)} by ${owner}, ${amount(drawn)} drawn, ${age} (${id})`);
  }
}

/** `$4.00 spent + $6.00 held + $1.00 asked > $10.00`. */
function sumText(control: ExplainedControl): string {
  const { metricType, spend, held, asked, inequality } = control;
  const amount = (text: string) => spokenAmount(metricType, text);
  const most = asked === null ? '' : ` + ${amount(asked)} asked`;
  const sign = inequality?.includes('<=') === true ? '<=' : '>';
  return `${amount(spend)} spent + ${amount(held ?? '0')} held${most} ${sign} ${limitText(control)}`;
}

/** What of the spend no event says, and what was spent above the limit. */
function besideText({ metricType, spend, charged, overrun }: ExplainedControl): string | undefined {
  const isThere = (text: string | null): text is string => text !== null && text !== '0';
  const parts = [
    ...(isThere(charged) ? [`${spokenAmount(metricType, charged)} is charged for holds that expired`] : []),
    ...(isThere(overrun) ? [`${spokenAmount(metricType, overrun)} went above the limit (overrun)`] : []),
  ];
  return parts.length === 0 ? undefined : `of ${spokenAmount(metricType, spend)} spent ${parts.join(', ')}`;
}

function limitText({ metricType, limit, raised }: ExplainedControl): string {
  const own = spokenAmount(metricType, limit);
  return raised === '0' ? own : `${own} + ${spokenAmount(metricType, raised)} raised`;
}

function priceText(price: ExplainedPrice | null): string {
  if (price === null) return 'not asked for';
  if (price.state === 'unknown') return 'unknown; declare it with fusewire prices set, or free';
  return price.state === 'free' ? `free (${price.source})` : `known (${price.source})`;
}
