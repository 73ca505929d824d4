/** Windows end by the clock, not by traffic (I13). */
import { compileControl } from '../compile/compiled-control.js';
import { numberOf, textOf } from '../store/sql.js';
import type { CostControl } from '../store/store.js';
import { balanceOf, TOTAL } from './balances.js';
import { type LedgerContext, moveRevision } from './context.js';
import { controlOf, selectControls } from './control-rows.js';
import { announceAnew } from './controls.js';
import { noteEnforcement } from './enforcement-log.js';
import { fillControl } from './fill-control.js';
import { IDEMPOTENCY_LIFE_MS } from './record-once.js';
import { nextWindowTurnMs, WINDOW_TYPES, windowOf } from './windows.js';

/**
 * Ends the verdicts of windows that are over, writes their reset events, moves the revision of every team that has a
 * control on such a window, and announces what the new window already holds. Safe to call at any time and after any
 * pause; returns when to call it next.
 */
export async function turnWindows(context: LedgerContext): Promise<number> {
  await endVerdicts(context);
  const turned = new Set<string>();
  for (const windowType of WINDOW_TYPES) {
    const { startMs } = windowOf(windowType, context.nowMs);
    const [row] = await context.sql.query('select-window-turn', { windowType });
    if (row !== undefined && numberOf(row, 'window_start_ms') === startMs) continue;
    await context.sql.query('set-window-turn', { windowType, windowStartMs: startMs });
    turned.add(windowType);
  }
  if (turned.size > 0) {
    for (const row of await context.sql.query('select-teams')) await turnTeam(context, textOf(row, 'id'), turned);
  }
  await context.sql.query('purge-idempotency-keys', { beforeMs: context.nowMs - IDEMPOTENCY_LIFE_MS });
  return nextWindowTurnMs(context.nowMs);
}

async function endVerdicts(context: LedgerContext): Promise<void> {
  const controls = new Map<string, CostControl>();
  for (const row of await context.sql.query('select-ended-verdicts', { nowMs: context.nowMs })) {
    const controlId = textOf(row, 'control_id');
    const groupKey = textOf(row, 'group_key');
    const windowStartMs = numberOf(row, 'window_start_ms');
    await context.sql.query('announce-balance', { controlId, windowStartMs, groupKey, announced: 0 });
    let control = controls.get(controlId);
    if (control === undefined) {
      const [found] = await context.sql.query('select-control-by-id', { id: controlId });
      if (found === undefined) continue;
      control = controlOf(found);
      controls.set(controlId, control);
    }
    await moveRevision(context, control.teamId);
    if (numberOf(row, 'announced') < 2 || control.shadowMode) continue;
    const groupValue = groupKey === TOTAL ? null : groupKey;
    const note = {
      groupValue,
      value: balanceOf({ ...row, unknown_count: 0n }).value,
      windowStartMs,
      transactionId: null,
    };
    await noteEnforcement(context, compileControl(control), { kind: 'reset', ...note });
  }
}

async function turnTeam(context: LedgerContext, teamId: string, turned: ReadonlySet<string>): Promise<void> {
  for (const control of await selectControls(context, teamId)) {
    if (!control.enabled || !turned.has(control.windowType)) continue;
    await moveRevision(context, teamId);
    // The clock went back behind the window that the control began with: count again from where we are (I9).
    if ((control.countedFromMs ?? 0) > windowOf(control.windowType, context.nowMs).startMs) {
      await context.sql.query('move-controls-version', { id: teamId });
      await fillControl(context, control);
    } else {
      await announceAnew(context, control);
    }
  }
}
