/** The directory as the ledger counts by it: the tree, and the department of an address. */
import { numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import { type LedgerContext, makeRoom } from './context.js';
import { type Department, DepartmentTree } from './department-tree.js';

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
