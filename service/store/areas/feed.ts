/** What changed in a feed since a revision, and the roster. */

/** Their statements. */
export const FEED_STATEMENTS = [] as const;

/** Operations that change nothing. */
export const feedReads = {} as const;

/** Operations that change something. */
export const feedWrites = {} as const;
