/** Raises of limits. */
import { endRaise, expireRaises, listRaises, raiseControl } from '../../ledger/raises.js';

/** Their statements. */
export const RAISE_STATEMENTS = [
  'end-raise',
  'insert-raise',
  'list-raises',
  'purge-raises',
  'select-due-raises',
  'select-open-raises',
  'select-raise',
  'set-control-raised',
] as const;

/** Operations that change nothing. */
export const raiseReads = { listRaises } as const;

/** Operations that change something. */
export const raiseWrites = { endRaise, expireRaises, raiseControl } as const;
