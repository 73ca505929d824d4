/** Departments and their members (contract 4.6). */

/** Their statements. */
export const DIRECTORY_STATEMENTS = [] as const;

/** Operations that change nothing. */
export const directoryReads = {} as const;

/** Operations that change something. */
export const directoryWrites = {} as const;
