/** Writing cost controls. Each change is one transaction with the balances, the announcements and the revision. */
import { compileControl } from '../compile/compiled-control.js';
import { noteFeedChange, WHOLE_CONTROL } from '../compile/feed-changes.js';
import { numberOf, type SqlRow, textOf } from '../store/sql.js';
import type { ControlQuery, CostControl, CostControlInput, Page } from '../store/store.js';
import { StoreError } from '../store/store-error.js';
import { type AuditActor, noteAudit, SERVICE_ACTOR } from './audit.js';
import { announce, type Balance, balanceOf, TOTAL } from './balances.js';
import { type LedgerContext, moveRevision, nextInSequence, readTeamState } from './context.js';
import { controlProblems } from './control-problems.js';
import { controlOf, controlParams, selectControls } from './control-rows.js';
import { refuseUnknownDepartment } from './directory.js';
import { noteEnforcement } from './enforcement-log.js';
import { carriesVerdict, fillControl, openWindow } from './fill-control.js';
import { HARD_DEFAULTS, hardSettingsOf } from './hard-fields.js';
import { newHashid } from './hashid.js';
import { heldNow } from './held-verdicts.js';
import { withdrawParts } from './holds/keep-parts.js';
import { dropRaises } from './raise-rows.js';
import { HEAD_START_MS, headOf, sumAnew } from './rolling-balances.js';
import { setControlWindow } from './turn-windows.js';
import { refuseUnknownWebhooks } from './webhooks.js';

/**
 * Makes a control and counts the current window's events under it. The change is audited.
 * @throws StoreError `UNKNOWN_TEAM`, `INVALID_CONTROL`
 */
export async function createControl(
  context: LedgerContext,
  teamId: string,
  input: CostControlInput,
  actor: AuditActor = SERVICE_ACTOR,
): Promise<CostControl> {
  await readTeamState(context, teamId);
  refuseProblems(input);
  await refuseUnknownDepartment(context, teamId, input);
  await refuseUnknownWebhooks(context, teamId, input.notificationChannelIds);
  const { nowMs } = context;
  const control: CostControl = {
    ...pickInput(input),
    id: newHashid(),
    ruleId: await nextInSequence(context, 'rule'),
    teamId,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    countedFromMs: 0,
  };
  await context.sql.query('insert-control', {
    ...controlParams(control),
    ruleId: control.ruleId,
    teamId,
    countedFromMs: 0,
    createdAtMs: nowMs,
  });
  await controlsMoved(context, control);
  await noteAudit(context, { ...auditOf(control, actor), action: 'created', after: pickInput(control) });
  return fillControl(context, control);
}

/**
 * Changes a control. What it counts may change: then it is counted anew, and until the new count is complete what it
 * refused stays refused. The change is audited. @throws StoreError `INVALID_CONTROL`
 */
export async function updateControl(
  context: LedgerContext,
  teamId: string,
  id: string,
  patch: Partial<CostControlInput>,
  actor: AuditActor = SERVICE_ACTOR,
): Promise<CostControl | undefined> {
  const before = await getControl(context, teamId, id);
  if (before === undefined) return undefined;
  const defined = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
  // What a control had for holds goes with them; holds that are open end by themselves.
  const softened = patch.enforcement === 'POLLED' ? HARD_DEFAULTS : {};
  const input = pickInput({ ...before, ...softened, ...defined });
  // What was added in another unit means nothing any more.
  const kept = before.metricType === input.metricType ? before : await dropRaises(context, before, actor);
  const after: CostControl = { ...kept, ...input, updatedAtMs: context.nowMs };
  refuseProblems(after);
  await refuseUnknownDepartment(context, teamId, after);
  await refuseUnknownWebhooks(context, teamId, after.notificationChannelIds, before.notificationChannelIds);
  await context.sql.query('update-control', controlParams(after));
  await controlsMoved(context, after);
  const changes = { before: pickInput(before), after: pickInput(after) };
  await noteAudit(context, { ...auditOf(after, actor), action: 'updated', ...changes });
  const silenced = isLive(before) && !isLive(after);
  const isOther = countsDifferently(before, after);
  const recounted = isOther || before.enabled !== after.enabled;
  if (recounted || (isHard(before) && !isHard(after))) await withdrawParts(context, before, isOther);
  const held = recounted && isLive(after) ? await heldNow(context, before) : undefined;
  if (silenced || recounted || before.shadowMode !== after.shadowMode) await withdrawVerdicts(context, before);
  if (recounted) return fillControl(context, after, held === undefined ? [] : [held]);
  await announceAnew(context, after);
  return after;
}

/** Deletes a control; its enforcement events stay. The change is audited. `false` where there is none. */
export async function deleteControl(
  context: LedgerContext,
  teamId: string,
  id: string,
  actor: AuditActor = SERVICE_ACTOR,
): Promise<boolean> {
  const control = await getControl(context, teamId, id);
  if (control === undefined) return false;
  await withdrawVerdicts(context, control);
  await dropRaises(context, control, actor);
  await withdrawParts(context, control, true);
  await context.sql.query('delete-balances', { controlId: id });
  await context.sql.query('delete-fill', { controlId: id });
  await context.sql.query('delete-control', { id, atMs: context.nowMs });
  await controlsMoved(context, control);
  await noteAudit(context, { ...auditOf(control, actor), action: 'deleted', before: pickInput(control) });
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

/** Only what a person may write, with every default set: an input from outside may carry an id of its own. */
function pickInput(input: CostControlInput): CostControlInput {
  const { name, description, metricType, windowType, action, groupBy, warnThreshold, hardLimit } = input;
  const { filters, shadowMode, enabled, notificationChannelIds, onUnknownPrice } = input;
  const limits = { warnThreshold, hardLimit };
  const scope = { filters, shadowMode, enabled, notificationChannelIds, onUnknownPrice };
  const window = {
    windowType,
    windowDuration: input.windowDuration ?? null,
    timeZone: input.timeZone ?? 'UTC',
    weekStart: input.weekStart ?? 'MONDAY',
  };
  const assumed = {
    assumedPricePerMillionTokens: input.assumedPricePerMillionTokens ?? null,
    assumedPricePerRequest: input.assumedPricePerRequest ?? null,
  };
  const { onClientLeave = 'auto', enforcement = 'POLLED' } = input;
  const reaction = { onClientLeave, enforcement, ...hardSettingsOf(input) };
  return { name, description, metricType, action, groupBy, ...window, ...limits, ...scope, ...assumed, ...reaction };
}

function auditOf(control: CostControl, actor: AuditActor) {
  return { teamId: control.teamId, actor, subject: 'control' as const, subjectId: control.id };
}

function isLive(control: CostControl): boolean {
  return control.enabled && !control.shadowMode;
}

function isHard({ enforcement, enabled, shadowMode }: CostControl): boolean {
  return enforcement === 'HARD' && enabled && !shadowMode;
}

/** What decides which events add how much to which balance. */
function countsDifferently(before: CostControl, after: CostControl): boolean {
  return JSON.stringify(countedBy(before)) !== JSON.stringify(countedBy(after));
}

function countedBy(control: CostControl) {
  const { metricType, windowType, windowDuration, timeZone, weekStart, groupBy, filters } = control;
  const { onUnknownPrice, assumedPricePerMillionTokens, assumedPricePerRequest } = control;
  const assumed = onUnknownPrice === 'assume' ? [assumedPricePerMillionTokens, assumedPricePerRequest] : null;
  return [metricType, windowType, windowDuration, timeZone, weekStart, groupBy, filters, assumed];
}

/** The window is to be turned again, whatever it was before. */
async function controlsMoved(context: LedgerContext, control: CostControl): Promise<void> {
  await setControlWindow(context, control);
  await context.sql.query('move-controls-version', { id: control.teamId });
  noteFeedChange(context, control.teamId, control.id, WHOLE_CONTROL);
  await moveRevision(context, control.teamId);
}

/** The verdicts of the current window end: each trip gets its reset, and nothing counts as told. */
export async function withdrawVerdicts(context: LedgerContext, control: CostControl): Promise<void> {
  if (!control.enabled) return;
  const compiled = compileControl(control);
  for (const row of await openVerdicts(context, control)) {
    const balance = balanceOf(row);
    if (balance.announced === 0) continue;
    const groupKey = textOf(row, 'group_key');
    const windowStartMs = numberOf(row, 'window_start_ms');
    await context.sql.query('announce-balance', { controlId: control.id, windowStartMs, groupKey, announced: 0 });
    noteFeedChange(context, control.teamId, control.id, groupKey);
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
  const rolling = control.windowType === 'ROLLING';
  const current = rolling ? headOf() : context.cache.windows.of(control, context.nowMs);
  // What is kept of a ROLLING control may have been more when it was kept.
  const standing = (row: SqlRow): Balance | Promise<Balance> =>
    rolling ? sumAnew(context, control, textOf(row, 'group_key')) : balanceOf(row);
  for (const row of await openVerdicts(context, control)) {
    const groupKey = textOf(row, 'group_key');
    if (!carriesVerdict(compiled, groupKey)) continue;
    await announce(context, compiled, current, groupKey, await standing(row), null);
  }
  await openWindow(context, compiled);
}

function openVerdicts(context: LedgerContext, control: CostControl) {
  const compiled = compileControl(control);
  return context.sql.query('select-open-verdicts', {
    controlId: control.id,
    windowStartMs:
      control.windowType === 'ROLLING' ? HEAD_START_MS : context.cache.windows.of(control, context.nowMs).startMs,
    floor: compiled.floor,
    unknownFloor: compiled.unknownFloor,
  });
}
