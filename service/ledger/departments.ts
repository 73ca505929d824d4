/**
 * The directory of a team: who belongs to which department. A change holds from the next event on: what was counted
 * stays with the departments that its person had then.
 */
import { numberOf, textOf } from '../store/sql.js';
import type { Page } from '../store/store.js';
import { StoreError } from '../store/store-error.js';
import { type AuditActor, noteAudit, SERVICE_ACTOR } from './audit.js';
import { type LedgerContext, moveRevision, nextInSequence, readTeamState } from './context.js';
import { emailKeyOf } from './counted-event.js';
import { DEPTH_MAX, type Department, DepartmentTree } from './department-tree.js';
import { selectTree } from './directory.js';
import { directoryMoved } from './directory-moved.js';

/** What a person writes. */
export interface DepartmentInput {
  readonly name: string;
  readonly parentId: number | null;
  /** @defaultValue MANUAL */
  readonly source?: string;
  readonly externalRef?: string | null;
}

/** A department as it is shown, with the names of its ancestors. */
export interface ListedDepartment extends Department {
  readonly path: string;
}

/** Departments of one team (I10). */
export const DEPARTMENTS_MAX = 10_000;
/** Members that one request may set (I10). */
export const MEMBERS_MAX = 50_000;

/** The departments of a team by id. */
export async function listDepartments(context: LedgerContext, teamId: string): Promise<readonly ListedDepartment[]> {
  const tree = await selectTree(context, teamId);
  return tree.departments.map((department) => ({ ...department, path: tree.pathOf(department.id) }));
}

/** Makes a department. @throws StoreError `INVALID` for a parent that is not there, or a tree that grows too deep. */
export async function createDepartment(
  context: LedgerContext,
  teamId: string,
  input: DepartmentInput,
  actor: AuditActor = SERVICE_ACTOR,
): Promise<ListedDepartment> {
  await readTeamState(context, teamId);
  const tree = await selectTree(context, teamId);
  if (tree.departments.length >= DEPARTMENTS_MAX)
    throw invalid('name', `a team has at most ${DEPARTMENTS_MAX} departments`);
  const { name, parentId, source = 'MANUAL', externalRef = null } = input;
  const department: Department = {
    id: await nextInSequence(context, 'department'),
    name,
    parentId,
    source,
    externalRef,
  };
  const after = new DepartmentTree([...tree.departments, department]);
  refuseBadPlace(after, department);
  await context.sql.query('insert-department', { ...department, teamId, nowMs: context.nowMs });
  await changed(context, teamId);
  await noteAudit(context, { ...auditOf(teamId, actor, department.id), action: 'created', after: department });
  return { ...department, path: after.pathOf(department.id) };
}

/** Renames or moves a department. `undefined` where there is none. @throws StoreError `INVALID` for a circle. */
export async function updateDepartment(
  context: LedgerContext,
  teamId: string,
  id: number,
  patch: Partial<Pick<DepartmentInput, 'name' | 'parentId' | 'externalRef'>>,
  actor: AuditActor = SERVICE_ACTOR,
): Promise<ListedDepartment | undefined> {
  const tree = await selectTree(context, teamId);
  const before = tree.get(id);
  if (before === undefined) return undefined;
  const department: Department = {
    ...before,
    name: patch.name ?? before.name,
    parentId: patch.parentId === undefined ? before.parentId : patch.parentId,
    externalRef: patch.externalRef === undefined ? before.externalRef : patch.externalRef,
  };
  const moves = department.parentId !== before.parentId;
  if (moves && department.parentId !== null && tree.isWithin(department.parentId, id)) {
    throw invalid('parentId', 'must not be the department itself or one below it');
  }
  const after = new DepartmentTree(tree.departments.map((one) => (one.id === id ? department : one)));
  for (const below of after.withDescendants(id)) refuseBadPlace(after, after.get(below)!);
  const { name, parentId, externalRef } = department;
  await context.sql.query('update-department', { teamId, id, name, parentId, externalRef, nowMs: context.nowMs });
  await changed(context, teamId);
  await noteAudit(context, { ...auditOf(teamId, actor, id), action: 'updated', before, after: department });
  return { ...department, path: after.pathOf(id) };
}

/**
 * Deletes a department and its memberships; events that were counted for it stay. `false` where there is none.
 * @throws StoreError `CONFLICT` where departments lie below it.
 */
export async function deleteDepartment(
  context: LedgerContext,
  teamId: string,
  id: number,
  actor: AuditActor = SERVICE_ACTOR,
): Promise<boolean> {
  const tree = await selectTree(context, teamId);
  const before = tree.get(id);
  if (before === undefined) return false;
  const below = tree.childrenOf(id).length;
  if (below > 0) throw new StoreError('CONFLICT', `${below} departments lie below this one; move or delete them first`);
  await context.sql.query('delete-members', { teamId, departmentId: id });
  await context.sql.query('delete-department', { teamId, id });
  await changed(context, teamId);
  await noteAudit(context, { ...auditOf(teamId, actor, id), action: 'deleted', before });
  return true;
}

/** A page of the members of a department itself, by address. */
export async function listMembers(
  context: LedgerContext,
  teamId: string,
  departmentId: number,
  query: { readonly page: number; readonly size: number },
): Promise<Page<string>> {
  const key = { teamId, departmentId };
  const rows = await context.sql.query('list-members', { ...key, size: query.size, skip: query.page * query.size });
  const [total] = await context.sql.query('count-members', key);
  const totalElements = total === undefined ? 0 : numberOf(total, 'total');
  return { items: rows.map((row) => textOf(row, 'email_key')), totalElements };
}

/**
 * Replaces the members of a department whole; who was a member of another one moves. Addresses count without case.
 * Resolves to how many it has; `undefined` where there is no such department.
 */
export async function setMembers(
  context: LedgerContext,
  teamId: string,
  departmentId: number,
  emails: readonly string[],
  actor: AuditActor = SERVICE_ACTOR,
): Promise<number | undefined> {
  const tree = await selectTree(context, teamId);
  if (tree.get(departmentId) === undefined) return undefined;
  if (emails.length > MEMBERS_MAX) throw invalid('members', `at most ${MEMBERS_MAX} members can be set at once`);
  const keys = [...new Set(emails.map(emailKeyOf))];
  const [before] = await context.sql.query('count-members', { teamId, departmentId });
  await context.sql.query('delete-members', { teamId, departmentId });
  if (keys.length > 0) {
    await context.sql.many(
      'put-member',
      keys.map((emailKey) => ({ teamId, emailKey, departmentId })),
    );
  }
  await changed(context, teamId);
  await noteAudit(context, {
    ...auditOf(teamId, actor, departmentId),
    action: 'members-set',
    before: { members: before === undefined ? 0 : numberOf(before, 'total') },
    after: { members: keys.length },
  });
  return keys.length;
}

async function changed(context: LedgerContext, teamId: string): Promise<void> {
  await context.sql.query('move-directory-version', { id: teamId });
  await directoryMoved(context, teamId);
  await moveRevision(context, teamId);
}

function refuseBadPlace(tree: DepartmentTree, department: Department): void {
  const { id, parentId } = department;
  if (parentId !== null && tree.get(parentId) === undefined) throw invalid('parentId', 'there is no such department');
  if (tree.lineOf(id).length > DEPTH_MAX) throw invalid('parentId', `departments lie at most ${DEPTH_MAX} deep`);
}

function invalid(field: string, problem: string): StoreError {
  return new StoreError('INVALID', `${field}: ${problem}`, { problems: { [field]: problem } });
}

function auditOf(teamId: string, actor: AuditActor, id: number) {
  return { teamId, actor, subject: 'department' as const, subjectId: String(id) };
}
