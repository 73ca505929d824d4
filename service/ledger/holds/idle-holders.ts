/**
 * Budgets that are held and not used: one client with a fault, or a hostile one, can hold all that others could spend. No
 * limit is set to that, since nobody can tell it from one caller with a large call; it is made visible instead.
 */
import { digitsOf } from '../../compile/compiled-control.js';
import { bigintOf, numberOf, textOf, textOrNull } from '../../store/sql.js';
import type { MetricType } from '../../store/store.js';
import type { LedgerContext } from '../context.js';
import { parseScaled } from '../decimal.js';

/** How one budget is held by holds that are old and of which hardly anything was drawn. Shares are 0 to 1 of the budget. */
export interface IdleHolding {
  readonly teamId: string;
  readonly controlId: string;
  readonly name: string;
  readonly metric: MetricType;
  readonly group: string | null;
  readonly share: number;
  readonly owners: number;
  /** Who holds most of it. */
  readonly owner: string;
  readonly ownerShare: number;
  /** When the oldest of the owner's was taken. */
  readonly sinceMs: number;
}

/** A hold that is younger may belong to a call that is under way. */
const IDLE_AFTER_MS = 600_000;
/** Owners that are looked at; beyond them the shares are lower bounds (I10). */
const HOLDERS_MAX = 20_000;
/** Shares are exact to so many parts of a budget. */
const PARTS = 1_000_000n;

/** Finds them over all teams, the largest share first. */
export async function idleHoldings(context: LedgerContext): Promise<readonly IdleHolding[]> {
  const takenBeforeMs = context.nowMs - IDLE_AFTER_MS;
  const cells = new Map<string, IdleHolding>();
  for (const row of await context.sql.query('select-idle-holders', { takenBeforeMs, size: HOLDERS_MAX })) {
    const metric = textOf(row, 'metric_type') as MetricType;
    const amount = (text: string) => parseScaled(text, digitsOf(metric), 'ceiling') ?? 0n;
    const budget = amount(textOf(row, 'hard_limit')) + amount(textOrNull(row, 'raised') ?? '0');
    const share = Number(budget > 0n ? (bigintOf(row, 'held') * PARTS) / budget : PARTS) / Number(PARTS);
    const [controlId, groupKey] = [textOf(row, 'control_id'), textOf(row, 'group_key')];
    const key = `${controlId}\n${groupKey}`;
    const before = cells.get(key);
    const largest =
      before !== undefined && before.ownerShare >= share
        ? { owner: before.owner, ownerShare: before.ownerShare, sinceMs: before.sinceMs }
        : { owner: textOf(row, 'owner'), ownerShare: share, sinceMs: numberOf(row, 'since_ms') };
    cells.set(key, {
      ...{ teamId: textOf(row, 'team_id'), controlId, name: textOf(row, 'name'), metric },
      group: groupKey === '' ? null : groupKey,
      share: (before?.share ?? 0) + share,
      owners: (before?.owners ?? 0) + 1,
      ...largest,
    });
  }
  return [...cells.values()].sort((a, b) => b.share - a.share);
}
