/** Figures of holds, for metrics. */
import { holdFigures } from '../../ledger/holds/hold-figures.js';

/** Their statements. */
export const HOLD_FIGURE_STATEMENTS = ['count-expired-holds', 'select-held-cells'] as const;

/** Operations that change nothing. */
export const holdFigureReads = { holdFigures } as const;
