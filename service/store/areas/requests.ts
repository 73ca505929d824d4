/** The request log of keys. */

/** Their statements. */
export const REQUEST_STATEMENTS = [] as const;

/** Operations that change nothing. */
export const requestReads = {} as const;

/** Operations that change something. */
export const requestWrites = {} as const;
