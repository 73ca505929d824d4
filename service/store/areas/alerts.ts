/** Webhooks and what was sent to them. */

/** Their statements. */
export const ALERT_STATEMENTS = [] as const;

/** Operations that change nothing. */
export const alertReads = {} as const;

/** Operations that change something. */
export const alertWrites = {} as const;
