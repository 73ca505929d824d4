/** Writing cost controls. Each change is one transaction with the balances, the announcements and the revision. */
import { compileControl } from '../compile/compiled-control.js';
import { numberOf, textOf } from '../store/sql.js';
import type { ControlQuery, CostControl, CostControlInput, Page } from '../store/store.js';
import { StoreError } from '../store/store-error.js';
import { announce, balanceOf, TOTAL } from './balances.js';
import { type LedgerContext, moveRevision, nextInSequence, readTeamState } from './context.js';
import { controlProblems } from './control-problems.js';
import { controlOf, controlParams, selectControls } from './control-rows.js';
import { noteEnforcement } from './enforcement-log.js';
import { carriesVerdict, fillControl, openWindow } from './fill-control.js';
import { newHashid } from './hashid.js';
import { windowOf } from './windows.js';

/** Makes a control and counts the current window's events under it. @throws StoreError `INVALID_CONTROL` */
export async function createControl(
  context: LedgerContext,
  teamId: string,
  input: CostControlInput,
): Promise<CostControl> {
  await readTeamState(context, teamId);
  refuseProblems(input);
  const { nowMs } = context;
  const { startMs } = windowOf(input.windowType, nowMs);
  const control: CostControl = {
    ...pickInput(input),
    id: newHashid(),
    ruleId: await nextInSequence(context, 'rule'),
    teamId,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    countedFromMs: startMs,
  };
  await context.sql.query('insert-control', {
    ...controlParams(control),
    ruleId: control.ruleId,
    teamId,
    countedFromMs: startMs,
    createdAtMs: nowMs,
  });
  await controlsMoved(context, teamId);
  return fillControl(context, control);
}

/** Changes a control. What it counts may change: then it is counted anew. @throws StoreError `INVALID_CONTROL` */
export async function updateControl(
  context: LedgerContext,
  teamId: string,
  id: string,
  patch: Partial<CostControlInput>,
): Promise<CostControl | undefined> {
  const before = await getControl(context, teamId, id);
  if (before === undefined) return undefined;
  const defined = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
  const after: CostControl = { ...before, ...pickInput({ ...before, ...defined }), updatedAtMs: context.nowMs };
  refuseProblems(after);
  await context.sql.query('update-control', controlParams(after));
  await controlsMoved(context, teamId);
  const silenced = isLive(before) && !isLive(after);
  const recounted = countsDifferently(before, after) || before.enabled !== after.enabled;
  if (silenced || recounted || before.shadowMode !== after.shadowMode) await withdrawVerdicts(context, before);
  if (recounted) return fillControl(context, after);
  await announceAnew(context, after);
  return after;
}

/** Deletes a control; its enforcement events stay. `false` where there is none. */
export async function deleteControl(context: LedgerContext, teamId: string, id: string): Promise<boolean> {
  const control = await getControl(context, teamId, id);
  if (control === undefined) return false;
  await withdrawVerdicts(context, control);
  await context.sql.query('delete-balances', { controlId: id });
  await context.sql.query('delete-fill', { controlId: id });
  await context.sql.query('delete-control', { id, atMs: context.nowMs });
  await controlsMoved(context, teamId);
  return true;
}

/** One control. */
export async function getControl(context: LedgerContext, teamId: string, id: string): Promise<CostControl | undefined> {
  const [row] = await context.sql.query('select-control', { teamId, id });
  return row === undefined ? undefined : controlOf(row);
}

/** A page of controls; `query` looks in name and description, without case. */
export async function listControls(
  context: LedgerContext,
  teamId: string,
  query: ControlQuery,
): Promise<Page<CostControl>> {
  const words = query.query?.trim().toLowerCase() ?? '';
  const found = (await selectControls(context, teamId)).filter(
    (control) =>
      (query.metricType === undefined || control.metricType === query.metricType) &&
      `${control.name}\n${control.description}`.toLowerCase().includes(words),
  );
  const { field, direction } = query.sort ?? { field: 'created', direction: 'asc' };
  const sign = direction === 'desc' ? -1 : 1;
  found.sort((a, b) => sign * (compareBy(field, a, b) || a.ruleId - b.ruleId));
  const start = query.page * query.size;
  return { items: found.slice(start, start + query.size), totalElements: found.length };
}

function compareBy(field: 'name' | 'created' | 'updated', a: CostControl, b: CostControl): number {
  if (field === 'created') return a.createdAtMs - b.createdAtMs;
  if (field === 'updated') return a.updatedAtMs - b.updatedAtMs;
  return a.name < b.name ? -1 : Number(a.name > b.name);
}

function refuseProblems(input: CostControlInput): void {
  const problems = controlProblems(input);
  const texts = Object.values(problems);
  if (texts.length > 0) throw new StoreError('INVALID_CONTROL', texts.join('; '), { problems });
}

/** Only what a person may write: an input from outside may carry an id of its own. */
function pickInput(input: CostControlInput): CostControlInput {
  const { name, description, metricType, windowType, action, groupBy, warnThreshold, hardLimit } = input;
  const { filters, shadowMode, enabled, notificationChannelIds, onUnknownPrice } = input;
  const limits = { warnThreshold, hardLimit };
  const scope = { filters, shadowMode, enabled, notificationChannelIds, onUnknownPrice };
  return { name, description, metricType, windowType, action, groupBy, ...limits, ...scope };
}

function isLive(control: CostControl): boolean {
  return control.enabled && !control.shadowMode;
}

function countsDifferently(before: CostControl, after: CostControl): boolean {
  return (
    before.metricType !== after.metricType ||
    before.windowType !== after.windowType ||
    before.groupBy !== after.groupBy ||
    JSON.stringify(before.filters) !== JSON.stringify(after.filters)
  );
}

async function controlsMoved(context: LedgerContext, teamId: string): Promise<void> {
  await context.sql.query('move-controls-version', { id: teamId });
  await moveRevision(context, teamId);
}

/** The verdicts of the current window end: each trip gets its reset, and nothing counts as told. */
async function withdrawVerdicts(context: LedgerContext, control: CostControl): Promise<void> {
  if (!control.enabled) return;
  const compiled = compileControl(control);
  for (const row of await openVerdicts(context, control)) {
    const balance = balanceOf(row);
    if (balance.announced === 0) continue;
    const groupKey = textOf(row, 'group_key');
    const windowStartMs = numberOf(row, 'window_start_ms');
    await context.sql.query('announce-balance', { controlId: control.id, windowStartMs, groupKey, announced: 0 });
    if (balance.announced < 2 || control.shadowMode) continue;
    const groupValue = groupKey === TOTAL ? null : groupKey;
    const note = { groupValue, value: balance.value, windowStartMs, transactionId: null };
    await noteEnforcement(context, compiled, { kind: 'reset', ...note });
  }
}

/** Tells the verdicts that follow from changed limits. */
export async function announceAnew(context: LedgerContext, control: CostControl): Promise<void> {
  if (!control.enabled) return;
  const compiled = compileControl(control);
  for (const row of await openVerdicts(context, control)) {
    const groupKey = textOf(row, 'group_key');
    if (!carriesVerdict(compiled, groupKey)) continue;
    const window = windowOf(control.windowType, numberOf(row, 'window_start_ms'));
    await announce(context, compiled, window, groupKey, balanceOf(row), null);
  }
  await openWindow(context, compiled);
}

function openVerdicts(context: LedgerContext, control: CostControl) {
  const compiled = compileControl(control);
  return context.sql.query('select-open-verdicts', {
    controlId: control.id,
    windowStartMs: windowOf(control.windowType, context.nowMs).startMs,
    floor: compiled.floor,
    unknownFloor: compiled.unknownFloor,
  });
}
