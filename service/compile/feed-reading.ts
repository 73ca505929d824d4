/** What a process asks the store to compile a feed: each question a short read, so that the writer is never held up. */
import { selectBypass } from '../ledger/bypass.js';
import { type LedgerContext, readTeamState } from '../ledger/context.js';
import { type HeldControl, readHeld } from '../ledger/held-verdicts.js';
import { readTeamScope } from '../ledger/team-copies.js';
import { getTeam } from '../ledger/teams.js';
import { NEVER_MS } from '../ledger/window.js';
import { numberOf, type SqlRow, textOf } from '../store/sql.js';
import type { CostControl } from '../store/store.js';
import { type BalanceValues, type CompiledControl, compileControl, verdictOf } from './compiled-control.js';
import { type CurrentWindow, windowShown } from './current-window.js';
import { readBalances, readGroups } from './feed-balances.js';
import { TEAM, WHOLE_CONTROL } from './feed-changes.js';
import { type GroupNames, readNames, renamedGroups } from './feed-names.js';

/** An operators' bypass that is on: nothing of the team is refused. */
export interface BypassState {
  readonly untilMs: number;
  readonly sinceMs: number;
  readonly reason: string;
  readonly by: string;
}

/** What a feed says beside its rules. */
export interface TeamReading {
  readonly revision: number;
  readonly teamNumericId: number;
  readonly bypass: BypassState | undefined;
  /** The clock of whoever asked, as all of the reading goes by it. */
  readonly nowMs: number;
}

/** A control with its current window and the total in it. */
export interface ControlReading {
  readonly control: CostControl;
  readonly window: CurrentWindow;
  readonly total: BalanceValues;
  /** What it refused before it was changed to count something else, until it has counted that. */
  readonly held: readonly HeldReading[];
}

/** A control as it was, with what it refused. */
export interface HeldReading {
  readonly control: CostControl;
  readonly window: CurrentWindow;
  readonly total: BalanceValues;
  readonly groups: readonly GroupReading[];
}

/** A group of a control as it stands. */
export interface GroupReading {
  readonly groupKey: string;
  /** `undefined`: it has no balance, so whatever the limit is, it is not past it. */
  readonly values: BalanceValues | undefined;
  /** Of a breached subscriber. */
  readonly names?: GroupNames | undefined;
}

/** Where a reader of changes goes on: behind this row. */
export interface ChangeCursor {
  readonly revision: number;
  readonly controlId: string;
  readonly groupKey: string;
  /** Names that changed since, at the same revision: they move none. */
  readonly namesSinceMs: number;
}

/** What changed since. `gap`: it cannot be told any more, or is everything. */
export type FeedChanges =
  | { readonly kind: 'gap' }
  | {
      readonly kind: 'changes';
      readonly team: TeamReading;
      /** Controls to be read again whole, or to be dropped. */
      readonly reload: readonly string[];
      readonly totals: readonly { readonly controlId: string; readonly values: BalanceValues }[];
      readonly groups: readonly { readonly controlId: string; readonly groups: readonly GroupReading[] }[];
      /** Subscribers that may have other names now. */
      readonly renamed: readonly string[];
      /** Not all of it: ask again from here. */
      readonly next: ChangeCursor | undefined;
    };

const NOTHING: BalanceValues = { value: 0n, unknownCount: 0n };
/** Changes that one read tells. */
const CHANGES_SIZE = 500;
/** Controls of one page. */
export const CONTROLS_SIZE = 100;
/** Balances that are read anew together. */
export const BALANCES_SIZE = 500;

/** The team's own part. @throws StoreError `UNKNOWN_TEAM` */
export async function feedTeam(context: LedgerContext, teamId: string): Promise<TeamReading> {
  const { revision } = await readTeamState(context, teamId);
  const team = await getTeam(context, teamId);
  const bypass = await selectBypass(context, teamId);
  return { revision, teamNumericId: team?.numericId ?? 0, bypass, nowMs: context.nowMs };
}

/** Enabled controls in the order of their rule ids, behind one of them, or those that are named. */
export async function feedControls(
  context: LedgerContext,
  teamId: string,
  asked: { readonly afterRuleId: number } | { readonly ids: readonly string[] },
): Promise<readonly ControlReading[]> {
  const { byId, controls, filling } = await scopeOf(context, teamId);
  let chosen: CompiledControl[];
  if ('ids' in asked) chosen = asked.ids.flatMap((id) => byId.get(id) ?? []);
  else {
    const start = controls.findIndex(({ control }) => control.ruleId > asked.afterRuleId);
    chosen = start < 0 ? [] : controls.slice(start, start + CONTROLS_SIZE);
  }
  const wanted = chosen.map((compiled) => ({ compiled, groupKey: '' }));
  const totals = await readBalances(context, wanted);
  const held = filling ? await readHeld(context, teamId) : [];
  const readings: ControlReading[] = [];
  for (const [i, compiled] of chosen.entries()) {
    const { control } = compiled;
    const shown = await windowShown(context, compiled, totals[i] ?? NOTHING);
    const before = held.filter((one) => one.control.id === control.id);
    readings.push({ control, ...shown, held: await heldReadings(context, before) });
  }
  return readings;
}

async function heldReadings(context: LedgerContext, held: readonly HeldControl[]): Promise<readonly HeldReading[]> {
  const readings: HeldReading[] = [];
  for (const { control, untilMs, windowKey, windowStartMs, total, groups } of held) {
    const times = { resetsAtMs: untilMs >= NEVER_MS ? null : untilMs, validUntilMs: untilMs, bucketMs: null };
    const window = { startMs: windowStartMs, key: windowKey, balanceStartMs: windowStartMs, ...times };
    readings.push({ control, window, total, groups: await withNames(context, compileControl(control), groups) });
  }
  return readings;
}

/** One page of the groups past a limit of a control; `afterKey` '' begins. */
export async function feedGroups(
  context: LedgerContext,
  teamId: string,
  controlId: string,
  afterKey: string,
): Promise<{ readonly groups: readonly GroupReading[]; readonly nextKey: string | undefined }> {
  const compiled = (await scopeOf(context, teamId)).byId.get(controlId);
  if (compiled === undefined) return { groups: [], nextKey: undefined };
  const page = await readGroups(context, compiled, afterKey);
  return { groups: await withNames(context, compiled, page.groups), nextKey: page.nextKey };
}

/** Named groups of a control as they stand. */
export async function feedGroupsOf(
  context: LedgerContext,
  teamId: string,
  controlId: string,
  groupKeys: readonly string[],
): Promise<readonly GroupReading[]> {
  const compiled = (await scopeOf(context, teamId)).byId.get(controlId);
  if (compiled === undefined) return [];
  const values = await readBalances(
    context,
    groupKeys.map((groupKey) => ({ compiled, groupKey })),
  );
  return withNames(
    context,
    compiled,
    groupKeys.map((groupKey, i) => ({ groupKey, values: values[i] })),
  );
}

/** The totals of controls, in their order; `undefined` for one that is not enabled. */
export async function feedTotals(
  context: LedgerContext,
  teamId: string,
  controlIds: readonly string[],
): Promise<readonly (BalanceValues | undefined)[]> {
  const { byId } = await scopeOf(context, teamId);
  const found = controlIds.flatMap((id) => byId.get(id) ?? []);
  const values = await readBalances(
    context,
    found.map((compiled) => ({ compiled, groupKey: '' })),
  );
  const byControl = new Map(found.map(({ control }, i) => [control.id, values[i] ?? NOTHING]));
  return controlIds.map((id) => byControl.get(id));
}

/** What changed behind the cursor. */
export async function feedChanges(context: LedgerContext, teamId: string, cursor: ChangeCursor): Promise<FeedChanges> {
  const team = await feedTeam(context, teamId);
  const { revision, controlId, groupKey, namesSinceMs } = cursor;
  const [horizon] = await context.sql.query('select-feed-horizon', { teamId });
  if (horizon !== undefined && numberOf(horizon, 'revision') > revision) return { kind: 'gap' };
  const size = CHANGES_SIZE;
  const renamed = await context.sql.query('select-feed-renamed', { teamId, revision, sinceMs: namesSinceMs, size });
  const rows = await context.sql.query('select-feed-changes', { teamId, revision, controlId, groupKey, size });
  const sorted = sortRows([...renamed, ...rows]);
  if (sorted === undefined || renamed.length === size) return { kind: 'gap' };
  const last = rows.length < size ? undefined : rows.at(-1);
  return {
    kind: 'changes',
    team,
    reload: [...sorted.reload],
    renamed: await renamedGroups(context, teamId, sorted.renamed),
    ...(await readChanged(context, teamId, sorted.changed)),
    next: last && { ...namesOf(last), revision: numberOf(last, 'revision'), namesSinceMs },
  };
}

function namesOf(row: SqlRow): { readonly controlId: string; readonly groupKey: string } {
  return { controlId: textOf(row, 'control_id'), groupKey: textOf(row, 'group_key') };
}

/** `undefined`: everything changed. */
function sortRows(rows: readonly SqlRow[]) {
  const reload = new Set<string>();
  const renamed: string[] = [];
  const changed = new Map<string, Set<string>>();
  for (const { controlId, groupKey } of rows.map(namesOf)) {
    if (controlId !== TEAM) {
      if (groupKey === WHOLE_CONTROL) reload.add(controlId);
      else changed.set(controlId, (changed.get(controlId) ?? new Set()).add(groupKey));
    } else if (groupKey === WHOLE_CONTROL) return undefined;
    else if (groupKey !== '') renamed.push(groupKey);
  }
  for (const controlId of reload) changed.delete(controlId);
  return { reload, renamed, changed };
}

async function readChanged(context: LedgerContext, teamId: string, changed: ReadonlyMap<string, ReadonlySet<string>>) {
  const ids = [...changed.keys()];
  const read = await feedTotals(context, teamId, ids);
  const totals = ids.flatMap((controlId, i) => (read[i] === undefined ? [] : [{ controlId, values: read[i] }]));
  const groups: { controlId: string; groups: readonly GroupReading[] }[] = [];
  for (const [controlId, keys] of changed) {
    const wanted = [...keys].filter((key) => key !== '');
    if (wanted.length > 0) {
      groups.push({ controlId, groups: await feedGroupsOf(context, teamId, controlId, wanted) });
    }
  }
  return { totals, groups };
}

/** A guard may know a breached subscriber by another name. */
async function withNames(
  context: LedgerContext,
  compiled: CompiledControl,
  groups: readonly GroupReading[],
): Promise<readonly GroupReading[]> {
  if (compiled.control.groupBy !== 'SUBSCRIBER') return groups;
  const isBreached = ({ values }: GroupReading) => values !== undefined && verdictOf(compiled, values) === 2;
  const breached = groups.filter(isBreached).map(({ groupKey }) => groupKey);
  const names = await readNames(context, compiled, breached);
  return groups.map((group) => ({ ...group, names: names.get(group.groupKey) }));
}

async function scopeOf(context: LedgerContext, teamId: string) {
  const { controlsVersion, filling } = await readTeamState(context, teamId);
  const { byId, controls } = await readTeamScope(context, teamId, controlsVersion);
  return { byId, controls, filling };
}
