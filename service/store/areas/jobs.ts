/** Jobs and their outcomes (contract 5.9). */

/** Their statements. */
export const JOB_STATEMENTS = [] as const;

/** Operations that change nothing. */
export const jobReads = {} as const;

/** Operations that change something. */
export const jobWrites = {} as const;
