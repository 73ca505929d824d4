/** Windows end by the clock, not by traffic (I13). A team a transaction, and of a team so much that nobody waits long. */
import { type CompiledControl, compileControl, verdictOf } from '../compile/compiled-control.js';
import { noteFeedChange, WHOLE_CONTROL } from '../compile/feed-changes.js';
import { bigintOf, bigintOrNull, numberOf, type SqlRow, textOf } from '../store/sql.js';
import type { CostControl } from '../store/store.js';
import { balanceOf, TOTAL, tellVerdict } from './balances.js';
import { type LedgerContext, moveRevision } from './context.js';
import { controlOf } from './control-rows.js';
import { announceAnew, withdrawVerdicts } from './controls.js';
import { noteEnforcement } from './enforcement-log.js';
import { fillControl } from './fill-control.js';
import { expireRaises } from './raises.js';
import { IDEMPOTENCY_LIFE_MS } from './record-once.js';
import { HEAD_START_MS, headOf, spanNow, standingOf, sumAnew } from './rolling-balances.js';

/** What one transaction turns of a team. */
const CONTROLS_SIZE = 250;
const VERDICTS_SIZE = 500;
const BUCKETS_SIZE = 2_000;
/** ROLLING windows move all the time; what moves without events is looked at this often at most. */
const ROLLING_TURN_MIN_MS = 60_000;
/** Where nothing turns. */
const IDLE_MS = 86_400_000;

/** Teams that have something to turn. */
export async function dueTeams(context: LedgerContext): Promise<readonly string[]> {
  return (await context.sql.query('select-due-teams', { nowMs: context.nowMs })).map((row) => textOf(row, 'team_id'));
}

/**
 * Ends raises whose time is over and the verdicts of a team's windows that are over, writes their reset events, moves the
 * revision if it has a control on such a window, and announces what the new window already holds. Safe to call at any
 * time and after any pause, also by several at once. Returns whether there may be more.
 */
export async function turnTeam(context: LedgerContext, teamId: string): Promise<boolean> {
  await expireRaises(context, teamId);
  const moreVerdicts = await endVerdicts(context, teamId);
  const due = await context.sql.query('select-due-controls', { teamId, nowMs: context.nowMs, size: CONTROLS_SIZE });
  let moreBuckets = false;
  for (const row of due) {
    const [found] = await context.sql.query('select-control-by-id', { id: textOf(row, 'id') });
    if (found === undefined) continue;
    const control = controlOf(found);
    if (control.windowType === 'ROLLING') moreBuckets = (await turnRolling(context, control)) || moreBuckets;
    else await turnControl(context, control);
  }
  return moreVerdicts || moreBuckets || due.length >= CONTROLS_SIZE;
}

/** When the next window turns, or the next verdict could end; at the latest in a day. */
export async function nextTurn(context: LedgerContext): Promise<number> {
  const [row] = await context.sql.query('select-next-turn');
  const atMs = row === undefined ? null : bigintOrNull(row, 'at_ms');
  const latestMs = context.nowMs + IDLE_MS;
  return atMs === null ? latestMs : Math.min(Number(atMs), latestMs);
}

/** Forgets answers that are older than they are promised for. */
export async function purgeAnswers(context: LedgerContext): Promise<void> {
  await context.sql.query('purge-idempotency-keys', { beforeMs: context.nowMs - IDEMPOTENCY_LIFE_MS });
}

/** Notes the window that is current, and so when the control has to be turned. */
export async function setControlWindow(context: LedgerContext, control: CostControl): Promise<void> {
  const { startMs, endMs } = context.cache.windows.of(control, context.nowMs);
  const windowEndMs = control.windowType === 'ROLLING' ? Math.max(endMs, context.nowMs + ROLLING_TURN_MIN_MS) : endMs;
  await context.sql.query('set-control-window', { id: control.id, windowStartMs: startMs, windowEndMs });
}

async function turnControl(context: LedgerContext, control: CostControl): Promise<void> {
  await setControlWindow(context, control);
  noteFeedChange(context, control.teamId, control.id, WHOLE_CONTROL);
  await moveRevision(context, control.teamId);
  const { startMs } = context.cache.windows.of(control, context.nowMs);
  if ((control.countedFromMs ?? 0) > startMs) await recount(context, control);
  else await announceAnew(context, control);
}

/** The clock went back behind the window that the control began with: count again from where we are (I9). */
async function recount(context: LedgerContext, control: CostControl): Promise<void> {
  await withdrawVerdicts(context, control);
  await context.sql.query('move-controls-version', { id: control.teamId });
  await fillControl(context, control);
}

/** Returns whether buckets are left to be purged. */
async function turnRolling(context: LedgerContext, control: CostControl): Promise<boolean> {
  const { fromMs, bucketMs, keptFromMs } = spanNow(context, control);
  const countedFromMs = control.countedFromMs ?? 0;
  if (countedFromMs > fromMs) {
    await setControlWindow(context, control);
    await recount(context, control);
    return false;
  }
  // The value fell, or, where the clock went back, rose.
  const before = await context.sql.query('select-balance', headKey(control));
  const total = await sumAnew(context, control, TOTAL);
  if (before[0] === undefined || bigintOf(before[0], 'value') !== total.value) {
    noteFeedChange(context, control.teamId, control.id, TOTAL);
    context.effects.touched.add(control.teamId);
  }
  await announceAnew(context, control);
  // Seldom: the copies of all controls are read again when one counts from another time on.
  if (keptFromMs - countedFromMs > Math.max(10 * bucketMs, 3_600_000)) {
    await context.sql.query('set-control-counted-from', { id: control.id, countedFromMs: keptFromMs });
    await context.sql.query('move-controls-version', { id: control.teamId });
    await context.sql.query('purge-heads', { controlId: control.id, size: BUCKETS_SIZE });
  }
  const purge = { controlId: control.id, beforeMs: countedFromMs, size: BUCKETS_SIZE };
  const purged = await context.sql.query('purge-buckets', purge);
  if (purged.length >= BUCKETS_SIZE) return true;
  await setControlWindow(context, control);
  return false;
}

/** Returns whether there may be more. */
async function endVerdicts(context: LedgerContext, teamId: string): Promise<boolean> {
  const controls = new Map<string, CompiledControl | undefined>();
  const ended = await context.sql.query('select-ended-verdicts', { teamId, nowMs: context.nowMs, size: VERDICTS_SIZE });
  for (const row of ended) {
    const controlId = textOf(row, 'control_id');
    if (!controls.has(controlId)) {
      const [found] = await context.sql.query('select-control-by-id', { id: controlId });
      controls.set(controlId, found === undefined ? undefined : compileControl(controlOf(found)));
    }
    const compiled = controls.get(controlId);
    if (compiled === undefined) continue;
    if (numberOf(row, 'window_start_ms') === HEAD_START_MS) await lookAgain(context, compiled, row);
    else await endVerdict(context, compiled, row);
  }
  return ended.length >= VERDICTS_SIZE;
}

async function endVerdict(context: LedgerContext, compiled: CompiledControl, row: SqlRow): Promise<void> {
  const { control } = compiled;
  const groupKey = textOf(row, 'group_key');
  const windowStartMs = numberOf(row, 'window_start_ms');
  const { announced, value } = balanceOf(row);
  await context.sql.query('announce-balance', { controlId: control.id, windowStartMs, groupKey, announced: 0 });
  noteFeedChange(context, control.teamId, control.id, groupKey);
  await moveRevision(context, control.teamId);
  if (announced < 2 || control.shadowMode) return;
  const groupValue = groupKey === TOTAL ? null : groupKey;
  await noteEnforcement(context, compiled, { kind: 'reset', groupValue, value, windowStartMs, transactionId: null });
}

/** The time came at which a ROLLING verdict could fall: it does, or there is a new time. */
async function lookAgain(context: LedgerContext, compiled: CompiledControl, row: SqlRow): Promise<void> {
  const { control } = compiled;
  const groupKey = textOf(row, 'group_key');
  const head = await sumAnew(context, control, groupKey);
  const { values, verdict, fallsAtMs } = await standingOf(context, compiled, groupKey);
  if (verdict === head.announced) {
    await context.balances.announce(control.id, headOf(fallsAtMs), groupKey, verdict);
    noteFeedChange(context, control.teamId, control.id, groupKey === TOTAL ? WHOLE_CONTROL : groupKey);
    context.effects.touched.add(control.teamId);
    return;
  }
  const told = { ...values, announced: head.announced };
  await tellVerdict(context, compiled, headOf(), groupKey, told, null, verdict);
  if (verdict > 0) await context.balances.announce(control.id, headOf(fallsAtMs), groupKey, verdict);
  // Under a limit of 0 a group of which nothing is left is unknown again, as before its first event.
  else if (verdictOf(compiled, values) > 0) {
    await context.sql.query('delete-balance', { controlId: control.id, windowStartMs: HEAD_START_MS, groupKey });
  }
}

function headKey(control: CostControl) {
  return { controlId: control.id, windowStartMs: HEAD_START_MS, groupKey: TOTAL };
}
