/** The directory as the ledger counts by it: the tree, and the department of an address. */

import { departmentFilterOf } from '../compile/compiled-control.js';
import { numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { CostControlInput } from '../store/store.js';
import { StoreError } from '../store/store-error.js';
import { type LedgerContext, makeRoom } from './context.js';
import { emailKeyOf } from './counted-event.js';
import { type Department, DepartmentTree } from './department-tree.js';
import type { EventFacts } from './event-facts.js';

/** A team's directory at one version. */
export interface Directory {
  readonly version: number;
  readonly tree: DepartmentTree;
  /** Address in lower case to department, `null` for one that is a member of none; looked up as needed. */
  readonly members: Map<string, number | null>;
}

/** The directory of a team at `version`. */
export async function readDirectory(context: LedgerContext, teamId: string, version: number): Promise<Directory> {
  const known = context.cache.directories.get(teamId);
  if (known?.version === version) return known;
  const directory: Directory = { version, tree: await selectTree(context, teamId), members: new Map() };
  context.cache.directories.set(teamId, directory);
  return directory;
}

/** A control may name only departments that are there. @throws StoreError `INVALID_CONTROL` */
export async function refuseUnknownDepartment(
  context: LedgerContext,
  teamId: string,
  control: Pick<CostControlInput, 'filters'>,
): Promise<void> {
  const filter = departmentFilterOf(control);
  if (filter === undefined || (await selectTree(context, teamId)).get(Number(filter.value)) !== undefined) return;
  const problem = `there is no department ${filter.value}`;
  throw new StoreError('INVALID_CONTROL', problem, { problems: { filters: problem } });
}

/** The events with the departments of their persons, as the directory has them now. */
export async function withDepartments(
  context: LedgerContext,
  teamId: string,
  version: number,
  events: readonly EventFacts[],
): Promise<readonly EventFacts[]> {
  if (version === 0) return events;
  const directory = await readDirectory(context, teamId, version);
  if (directory.tree.departments.length === 0) return events;
  const addresses = events.map(personOf);
  await loadMembers(
    context,
    teamId,
    directory,
    addresses.filter((address) => address !== undefined),
  );
  return events.map((facts, i) => {
    const line = lineOf(directory, addresses[i]);
    return line === '' ? facts : { ...facts, departmentLine: line };
  });
}

/** The address by which a person is found in the directory: their own, or their id where that is one (contract 2.6). */
export function personOf(named: {
  readonly subscriberId?: string | undefined;
  readonly subscriberEmail?: string | undefined;
}): string | undefined {
  const address = named.subscriberEmail ?? named.subscriberId;
  return address?.includes('@') ? emailKeyOf(address) : undefined;
}

/** The departments of an address that was looked up, as `1/4/9`; empty where it is a member of none. */
export function lineOf({ tree, members }: Directory, address: string | undefined): string {
  const own = address === undefined ? undefined : members.get(address);
  return own == null
    ? ''
    : tree
        .lineOf(own)
        .map(({ id }) => id)
        .join('/');
}

/** Looks up the departments of addresses, in one round trip for those that are not known yet. */
export async function loadMembers(
  context: LedgerContext,
  teamId: string,
  directory: Directory,
  emailKeys: Iterable<string>,
): Promise<void> {
  const { members } = directory;
  if (directory.tree.departments.length === 0) return;
  makeRoom(members);
  const unknown = [...new Set(emailKeys)].filter((emailKey) => !members.has(emailKey));
  if (unknown.length === 0) return;
  for (const emailKey of unknown) members.set(emailKey, null);
  const sets = unknown.map((emailKey) => ({ teamId, emailKey }));
  for (const row of await context.sql.many('load-members', sets)) {
    members.set(textOf(row, 'email_key'), numberOf(row, 'department_id'));
  }
}

/** The departments of a team. */
export async function selectTree(context: LedgerContext, teamId: string): Promise<DepartmentTree> {
  return new DepartmentTree((await context.sql.query('select-departments', { teamId })).map(departmentOf));
}

function departmentOf(row: SqlRow): Department {
  const parentId = row['parent_id'];
  return {
    id: numberOf(row, 'id'),
    name: textOf(row, 'name'),
    parentId: parentId == null ? null : Number(parentId),
    source: textOf(row, 'source'),
    externalRef: textOrNull(row, 'external_ref'),
  };
}
