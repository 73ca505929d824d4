/** Departments and their members (contract 4.6). */
import {
  createDepartment,
  deleteDepartment,
  listDepartments,
  listMembers,
  setMembers,
  updateDepartment,
} from '../../ledger/departments.js';

/** Their statements. */
export const DIRECTORY_STATEMENTS = [
  'count-members',
  'delete-department',
  'delete-members',
  'insert-department',
  'list-members',
  'load-members',
  'move-directory-version',
  'put-member',
  'select-departments',
  'update-department',
] as const;

/** Operations that change nothing. */
export const directoryReads = { listDepartments, listMembers } as const;

/** Operations that change something. */
export const directoryWrites = { createDepartment, deleteDepartment, setMembers, updateDepartment } as const;
