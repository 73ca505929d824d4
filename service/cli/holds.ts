/** `fusewire holds`: what is set aside for calls under way, and the way to end it. */
import type { Command } from 'commander';
import type { z } from 'zod';
import type { holdResourceSchema } from '../holds/outcome-schema.js';
import { formatScaled } from '../ledger/decimal.js';
import { usd } from '../ledger/spoken-amount.js';
import { type ApiClient, type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { CliFailure, type CliIo, CliUsageError } from './io.js';
import { type Column, printJson, printRows, visible } from './print.js';

const PATH = '/holds';
const STATES = ['open', 'closed', 'expired', 'all'] as const;
const NANO_DIGITS = 9;
/** Stands for the middle of an id in a narrow table. */
const ELLIPSIS = '…';

type Hold = z.output<typeof holdResourceSchema>;
type Part = Hold['parts'][number];

/** One control of one hold: a line of the table. */
interface Row {
  readonly hold: Hold;
  readonly part: Part | undefined;
}

interface ListOptions extends ApiOptions {
  readonly owner?: string;
  readonly control?: string;
  readonly state: string;
}

/** The answer to a release. */
interface Released {
  readonly outcome: 'given-back' | 'taken-back' | 'nothing';
  readonly hold: Hold;
}

const SAID: Readonly<Record<Released['outcome'], string>> = {
  'given-back': 'given back: what it held is free again',
  'taken-back': 'taken back: what it was charged is not spent any more',
  nothing: 'nothing to do: it had ended before, and was charged nothing',
};

/** Adds the commands. */
export function addHolds(program: Command, io: CliIo): void {
  const holds = program.command('holds').description('What is set aside for calls under way, against hard budgets.');
  withApiOptions(holds.command('list'))
    .description('List holds, newest first: a line for each budget that one holds of.')
    .option('--owner <name>', 'of this owner only')
    .option('--control <id>', 'of this cost control only')
    .option('--state <state>', `${STATES.join(', ')}`, 'open')
    .action(async (options: ListOptions) => {
      const rows = await createApiClient(io, options).list<Hold>(PATH, queryOf(options));
      if (options.json) printJson(io, rows);
      else printRows(io, columns(io.runtime.now()), linesOf(rows, options.control), 'no holds');
    });
  withApiOptions(holds.command('release'))
    .description(
      'Give an open hold back for its owner, or take back what an expired one was charged. Audited; calls that it covers ' +
        'still settle, and may spend above the limit.',
    )
    .argument('<id>', 'as it stands in the list, shortened or not')
    .action(async (id: string, options: ApiOptions) => {
      const client = createApiClient(io, options);
      const path = `${PATH}/${encodeURIComponent(await wholeId(client, id))}`;
      const released = await client.send<Released>('DELETE', path);
      if (options.json) printJson(io, released);
      else io.out(visible(`${released.hold.id} of ${released.hold.owner}: ${SAID[released.outcome]}`));
    });
}

/** A narrow table shows an id without its middle. */
async function wholeId(client: ApiClient, id: string): Promise<string> {
  const [start = '', end, ...more] = id.split(ELLIPSIS);
  if (end === undefined) return id;
  const all = await client.list<Hold>(PATH);
  const found = all.filter((hold) => more.length === 0 && hold.id.startsWith(start) && hold.id.endsWith(end));
  if (found.length === 1) return found[0]!.id;
  throw new CliFailure(`${found.length === 0 ? 'no hold' : `${found.length} holds`} with the id ${id}`);
}

function queryOf({ owner, control, state }: ListOptions): Record<string, string> {
  if (!STATES.some((known) => known === state)) {
    throw new CliUsageError(`--state takes ${STATES.join(', ')}, not '${state}'`);
  }
  return {
    ...(state === 'all' ? {} : { state }),
    ...(owner === undefined ? {} : { owner }),
    ...(control === undefined ? {} : { controlId: control }),
  };
}

function linesOf(holds: readonly Hold[], controlId: string | undefined): readonly Row[] {
  return holds.flatMap((hold): Row[] => {
    const parts = hold.parts.filter((part) => controlId === undefined || part.controlId === controlId);
    return parts.length === 0 ? [{ hold, part: undefined }] : parts.map((part) => ({ hold, part }));
  });
}

function columns(nowMs: number): readonly Column<Row>[] {
  const amount = (heading: string, name: 'amount' | 'drawn' | 'left'): Column<Row> => {
    return { heading, cell: ({ part }) => (part === undefined ? '-' : amountText(part, part[name])), align: 'right' };
  };
  return [
    { heading: 'ID', cell: ({ hold }) => hold.id, min: 13 },
    { heading: 'OWNER', cell: ({ hold }) => hold.owner, min: 12 },
    { heading: 'AGE', cell: ({ hold }) => spanText(nowMs - Date.parse(hold.taken)), align: 'right', drop: 2 },
    {
      heading: 'EXPIRES IN',
      cell: ({ hold }) => (hold.state === 'open' ? spanText(Date.parse(hold.expires) - nowMs) : '-'),
      align: 'right',
      drop: 1,
    },
    { heading: 'CONTROL', cell: ({ part }) => part?.name ?? part?.controlId ?? '-', min: 10 },
    { heading: 'GROUP', cell: ({ part }) => part?.group ?? '-', min: 8 },
    { ...amount('AMOUNT', 'amount'), drop: 3 },
    { ...amount('DRAWN', 'drawn'), drop: 4 },
    amount('LEFT', 'left'),
    { heading: 'STATE', cell: stateText },
  ];
}

/** What became of it, with what it was charged: that is spent until an event says otherwise, or somebody releases it. */
function stateText({ hold, part }: Row): string {
  if (hold.state === 'open' && hold.isRecalled) return 'recalled';
  if (part === undefined) return hold.state;
  return part.charged === '0' ? part.state : `charged ${amountText(part, part.charged)}`;
}

/** Dollars, exact, for TOTAL_COST; else a count. */
function amountText({ metric }: Part, amount: string): string {
  return metric === 'TOTAL_COST' ? usd(formatScaled(BigInt(amount), NANO_DIGITS)) : amount;
}

/** Rounded to what a person needs: `59s`, `12m`, `3h 5m`. */
function spanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 180) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 120 ? `${minutes}m` : `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}
