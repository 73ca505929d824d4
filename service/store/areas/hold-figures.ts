/** Figures of holds, for metrics. */
import { holdFigures } from '../../ledger/holds/hold-figures.js';

/** Their statements. */
export const HOLD_FIGURE_STATEMENTS = [
  'count-expired-holds',
  'select-charged-and-overrun',
  'select-held-cells',
  'select-idle-holders',
] as const;

/** Operations that change nothing. */
export const holdFigureReads = { holdFigures } as const;
