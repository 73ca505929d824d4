/** Figures of all holds of an installation, for metrics. */
import { digitsOf } from '../../compile/compiled-control.js';
import { bigintOf, numberOf, textOf, textOrNull } from '../../store/sql.js';
import type { MetricType } from '../../store/store.js';
import type { LedgerContext } from '../context.js';
import { parseScaled } from '../decimal.js';
import { type IdleHolding, idleHoldings } from './idle-holders.js';

/** What no sum of a team says. */
export interface HoldFigures {
  /** Holds that expired and are kept still: those of the last two days. */
  readonly expiredCount: number;
  /** By metric: the largest share of one budget, 0 to 1, that open holds set aside and have not drawn. */
  readonly stranded: readonly { readonly metric: MetricType; readonly share: number }[];
  /** Budgets that are held and not used, the largest share first. */
  readonly idle: readonly IdleHolding[];
}

/** Budgets that are looked at; beyond them the shares are lower bounds (I10). */
const CELLS_MAX = 20_000;
/** Shares are exact to so many parts of a budget. */
const PARTS = 1_000_000n;

/** Reads them, over all teams. */
export async function holdFigures(context: LedgerContext): Promise<HoldFigures> {
  const [counted] = await context.sql.query('count-expired-holds');
  const shares = new Map<MetricType, bigint>();
  for (const row of await context.sql.query('select-held-cells', { size: CELLS_MAX })) {
    const metric = textOf(row, 'metric_type') as MetricType;
    const amount = (text: string) => parseScaled(text, digitsOf(metric), 'ceiling') ?? 0n;
    const budget = amount(textOf(row, 'hard_limit')) + amount(textOrNull(row, 'raised') ?? '0');
    const share = budget > 0n ? (bigintOf(row, 'held') * PARTS) / budget : PARTS;
    if (share > (shares.get(metric) ?? -1n)) shares.set(metric, share);
  }
  return {
    expiredCount: counted === undefined ? 0 : numberOf(counted, 'total'),
    idle: await idleHoldings(context),
    stranded: [...shares].map(([metric, share]) => ({ metric, share: Number(share) / Number(PARTS) })),
  };
}
