/** Why a call would pass or be refused. */
import { explain } from '../../explain/explain.js';

/** Its statements: those of the ledger serve. */
export const EXPLAIN_STATEMENTS = [] as const;

/** Operations that change nothing. */
export const explainReads = { explain } as const;
