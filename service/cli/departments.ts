/** `fusewire departments`: the directory that department budgets go by. */
import { type Command, InvalidArgumentError } from 'commander';
import { type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { type CliIo, CliUsageError } from './io.js';
import { type Column, printJson, printRows } from './print.js';

const PATH = '/fusewire/departments';

interface Department {
  readonly id: number;
  readonly name: string;
  readonly path: string;
  readonly parentId: number | null;
}

const COLUMNS: readonly Column<Department>[] = [
  { heading: 'ID', cell: (row) => String(row.id), align: 'right' },
  { heading: 'PATH', cell: (row) => row.path, min: 12 },
  { heading: 'NAME', cell: (row) => row.name, min: 12 },
  { heading: 'PARENT', cell: (row) => String(row.parentId ?? ''), align: 'right' },
];
const MEMBERS: readonly Column<{ readonly email: string }>[] = [{ heading: 'E-MAIL', cell: (row) => row.email }];

interface CreateOptions extends ApiOptions {
  readonly name: string;
  readonly parent?: number;
  readonly externalRef?: string;
}

interface MembersOptions extends ApiOptions {
  readonly set?: string;
  readonly clear?: boolean;
}

/** Adds the commands. */
export function addDepartments(program: Command, io: CliIo): void {
  const departments = program.command('departments').description('The directory that department budgets go by.');
  withApiOptions(departments.command('list'))
    .description('List departments.')
    .action(async (options: ApiOptions) => {
      const rows = await createApiClient(io, options).get<readonly Department[]>('/departments');
      if (options.json) printJson(io, rows);
      else printRows(io, COLUMNS, rows, 'no departments');
    });
  withApiOptions(departments.command('create'))
    .description('Create a department.')
    .requiredOption('--name <text>')
    .option('--parent <id>', 'the department above it', departmentId)
    .option('--external-ref <text>', 'its name in the directory that it comes from')
    .action(async (options: CreateOptions) => {
      const body = { name: options.name, parentId: options.parent ?? null, externalRef: options.externalRef ?? null };
      const made = await createApiClient(io, options).send<Department>('POST', PATH, body);
      if (options.json) printJson(io, made);
      else printRows(io, COLUMNS, [made], '');
    });
  withApiOptions(departments.command('members'))
    .description('List the members of a department, or replace them all.')
    .argument('<id>', 'of the department', departmentId)
    .option('--set <addresses>', 'e-mail addresses with commas between them: these and no others')
    .option('--clear', 'nobody')
    .action(async (id: number, options: MembersOptions) => {
      if (options.set !== undefined && options.clear) throw new CliUsageError('give either --set or --clear');
      const client = createApiClient(io, options);
      const path = `${PATH}/${id}/members`;
      if (options.set !== undefined || options.clear) {
        const members = (options.set ?? '')
          .split(',')
          .map((address) => address.trim())
          .filter((address) => address !== '');
        if (members.length === 0 && !options.clear) {
          throw new CliUsageError('--set names nobody; --clear removes all members');
        }
        const done = await client.send<{ memberCount: number }>('PUT', path, { members });
        if (options.json) printJson(io, { id, ...done });
        else io.out(`${done.memberCount} members`);
        return;
      }
      const rows = await client.list<{ readonly email: string }>(path);
      if (options.json) printJson(io, rows);
      else printRows(io, MEMBERS, rows, 'no members');
    });
}

function departmentId(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('it must be the number of a department.');
}
