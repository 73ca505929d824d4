/** `fusewire prices import`, `imports`, `accept` and `catalogue`: what would change is shown before it does. */
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { CliFailure, type CliIo } from './io.js';
import { type Column, printJson, printRows } from './print.js';

const PATH = '/fusewire/prices';
/** The service takes no larger body. */
const FILE_MAX_BYTES = 1_000_000;

interface Move {
  readonly rate: string;
  readonly old: number | null;
  readonly new: number | null;
  readonly ratio: number | null;
}

interface Change {
  readonly key: string;
  readonly change: string;
  readonly moves: readonly Move[];
  readonly oldSource: string | null;
  readonly heldBack: boolean;
  readonly applied: boolean;
}

interface PriceList {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly heldBack: readonly string[];
  readonly changes: readonly Change[];
  readonly created: string;
  readonly counts: Readonly<Record<string, number>>;
}

interface CatalogueModel {
  readonly name: string;
  readonly state: string;
  readonly version: string;
  readonly otherVersion: string | null;
  readonly moves: readonly Move[];
}

const CHANGE_COLUMNS: readonly Column<Change>[] = [
  { heading: 'PRICE', cell: (row) => row.key, min: 16 },
  { heading: 'CHANGE', cell: (row) => row.change },
  { heading: 'FROM', cell: (row) => row.oldSource ?? '', min: 10, drop: 1 },
  { heading: 'MOVES', cell: (row) => row.moves.map(moveText).join('; '), below: true },
  { heading: '', cell: (row) => (row.applied ? 'applied' : row.heldBack ? 'held back' : '') },
];
const LIST_COLUMNS: readonly Column<PriceList>[] = [
  { heading: 'ID', cell: (row) => row.id },
  { heading: 'NAME', cell: (row) => row.name, min: 12 },
  { heading: 'STATE', cell: (row) => row.state },
  { heading: 'CHANGES', cell: (row) => countText(row), below: true },
  { heading: 'HELD BACK', cell: (row) => String(row.heldBack.length), align: 'right', drop: 1 },
  { heading: 'CREATED', cell: (row) => row.created },
];
const MODEL_COLUMNS: readonly Column<CatalogueModel>[] = [
  { heading: 'MODEL', cell: (row) => row.name, min: 16 },
  { heading: 'STATE', cell: (row) => row.state },
  { heading: 'VERSION', cell: (row) => row.version, drop: 1 },
  { heading: 'OTHER', cell: (row) => row.otherVersion ?? '' },
  { heading: 'MOVES', cell: (row) => row.moves.map(moveText).join('; '), below: true },
];

/** Adds the commands. */
export function addPriceLists(prices: Command, io: CliIo): void {
  withApiOptions(prices.command('import'))
    .description('Send a price list and show what it would change. Nothing changes before it is accepted.')
    .argument('<file>', 'JSON: {"prices": [...]} as the API takes it, or the bare list')
    .option('--name <text>', 'a name for the list')
    .option('--whole', 'the list is everything: declared prices that it does not have are removed')
    .action(async (file: string, options: ApiOptions & { name?: string; whole?: boolean }) => {
      const { name, whole } = options;
      const list = await readList(resolve(io.workingDir, file));
      const body = { ...list, ...(name ? { name } : {}), ...(whole ? { whole } : {}) };
      const draft = await createApiClient(io, options).send<PriceList>('POST', `${PATH}/imports`, body);
      if (options.json) return printJson(io, draft);
      printList(io, draft);
      const confirm = draft.heldBack.length > 0 ? ' --confirm KEY, for each that is held back' : '';
      io.out(`nothing is changed yet: fusewire prices accept ${draft.id}${confirm}`);
    });
  withApiOptions(prices.command('imports'))
    .description('List price lists.')
    .action(async (options: ApiOptions) => {
      const rows = await createApiClient(io, options).list<PriceList>(`${PATH}/imports`);
      if (options.json) printJson(io, rows);
      else printRows(io, LIST_COLUMNS, rows, 'no price lists');
    });
  withApiOptions(prices.command('accept'))
    .description('Accept a price list. Exit code 1 where something is still held back.')
    .argument('<id>')
    .option('--confirm <key>', 'a change of ten times and more, by its key; may be repeated', collect, [])
    .action(async (id: string, options: ApiOptions & { confirm: readonly string[] }) => {
      const path = `${PATH}/imports/${encodeURIComponent(id)}/accept`;
      const list = await createApiClient(io, options).send<PriceList>('POST', path, { confirm: options.confirm });
      if (options.json) printJson(io, list);
      else printList(io, list);
      if (list.heldBack.length > 0) throw new CliFailure(`held back until confirmed: ${list.heldBack.join(', ')}`);
    });
  withApiOptions(prices.command('catalogue'))
    .description('Catalogue prices of the models that you used, and what a later version moved.')
    .option('--confirm <model>', 'take over a price that is held back; may be repeated, * for all', collect, [])
    .action(async (options: ApiOptions & { confirm: readonly string[] }) => {
      const client = createApiClient(io, options);
      const { confirm } = options;
      const answer =
        confirm.length === 0
          ? await client.get<{ installed: string; models: CatalogueModel[] }>(`${PATH}/catalogue`)
          : await client.send<{ installed: string; models: CatalogueModel[] }>('POST', `${PATH}/catalogue/accept`, {
              confirm,
            });
      if (options.json) return printJson(io, answer);
      if (io.isTerminal) io.out(`catalogue ${answer.installed}`);
      printRows(io, MODEL_COLUMNS, answer.models, 'no model was priced from the catalogue yet');
    });
}

async function readList(file: string): Promise<Record<string, unknown>> {
  const text = await read(file);
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    throw new CliFailure(`${file} is not JSON: ${(error as Error).message}`);
  }
  if (Array.isArray(list)) return { prices: list };
  if (list !== null && typeof list === 'object') return { ...list };
  throw new CliFailure(`${file} holds no price list: a list, or an object with the member prices`);
}

async function read(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > FILE_MAX_BYTES) throw new CliFailure(`${file} is larger than ${FILE_MAX_BYTES} bytes; send it in parts`);
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw new CliFailure(`${file} cannot be read: ${(error as Error).message}`);
  }
}

function printList(io: CliIo, list: PriceList): void {
  const shown = list.changes.filter(({ change }) => change !== 'unchanged');
  printRows(io, CHANGE_COLUMNS, shown, 'the list changes nothing');
  if (io.isTerminal) io.out(`${list.state}: ${countText(list)}`);
}

function countText({ counts }: PriceList): string {
  return Object.entries(counts)
    .map(([change, count]) => `${count} ${change}`)
    .join(', ');
}

function moveText({ rate, old, new: next, ratio }: Move): string {
  return `${rate} ${old ?? 'none'} → ${next ?? 'none'}${ratio === null ? '' : ` (×${ratio})`}`;
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
