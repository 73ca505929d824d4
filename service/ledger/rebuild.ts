/**
 * Balances made anew from the latest price entries, for a database that somebody repaired or changed by hand. What is
 * right is left alone; what is wrong is replaced in the transaction that found it, and compared again before it counts.
 */
import { type CompiledControl, type VerdictLevel, verdictOf } from '../compile/compiled-control.js';
import { noteFeedChange, WHOLE_CONTROL } from '../compile/feed-changes.js';
import { bigintOf, numberOf, type SqlRow, textOf } from '../store/sql.js';
import { type Balance, balanceOf, TOTAL, tellVerdict } from './balances.js';
import { type LedgerContext, moveRevision, readTeamState } from './context.js';
import { carriesVerdict, openWindow } from './fill-control.js';
import { placeHeld } from './holds/keep-parts.js';
import { HEAD_START_MS, headOf, rollingKeys, spanNow, sumAnew } from './rolling-balances.js';
import type { SummedBalances } from './summed-balances.js';
import { compareTeam, sumControls, type Verification } from './verify-balances.js';

/** What was compared and found wrong, and how many cost controls have new balances because of it. */
export interface Rebuilt extends Verification {
  readonly rebuilt: number;
}

/** Group to what was last told about it, and until when that stands. */
type Told = ReadonlyMap<string, { readonly announced: VerdictLevel; readonly endMs: number }>;

/** Balances that are read together. */
const CHUNK = 2_000;

/**
 * Compares the team's balances with the sums of its events and replaces those of every cost control that is wrong.
 * Verdicts that change are told as ever: enforcement events, alerts, a new revision. Nobody else writes to the team
 * meanwhile.
 *
 * @throws StoreError `UNKNOWN_TEAM`; Error where the new balances are not the sums either; then nothing was changed
 */
export async function rebuildTeam(context: LedgerContext, teamId: string): Promise<Rebuilt> {
  await readTeamState(context, teamId);
  const { checked, wrong, wrongControls } = await compareTeam(context, teamId);
  if (wrongControls.length === 0) return { checked, wrong, rebuilt: 0 };
  for (const { control } of wrongControls) {
    await context.sql.query('repair-hold-charges', { controlId: control.id });
  }
  for (const [compiled, sums] of await sumControls(context, teamId, wrongControls)) {
    await rebuildControl(context, compiled, sums);
  }
  const after = await compareTeam(context, teamId);
  if (after.wrong.length > 0) throw new Error(`the balances of team ${teamId} cannot be rebuilt: ${after.wrong[0]}`);
  return { checked, wrong, rebuilt: wrongControls.length };
}

async function rebuildControl(context: LedgerContext, compiled: CompiledControl, sums: SummedBalances): Promise<void> {
  const { id, teamId, windowType } = compiled.control;
  const told = await toldNow(context, compiled);
  const overruns = (await context.sql.query('select-balances', { controlId: id })).filter(
    (row) => bigintOf(row, 'overrun') > 0n,
  );
  await context.sql.query('delete-balances', { controlId: id });
  for (const [startMs, groups] of sums) await putWindow(context, compiled, startMs, groups);
  await placeHeld(context, compiled.control);
  await putOverruns(context, compiled, overruns);
  if (windowType === 'ROLLING') await tellRolling(context, compiled, sums, told);
  else await tellWindow(context, compiled, told, sums);
  await openWindow(context, compiled);
  noteFeedChange(context, teamId, id, WHOLE_CONTROL);
  context.effects.touched.add(teamId);
  await moveRevision(context, teamId);
}

/** What was told of what counts now. Of windows that are over nothing is told any more. */
async function toldNow(context: LedgerContext, { control }: CompiledControl): Promise<Told> {
  const currentMs =
    control.windowType === 'ROLLING' ? HEAD_START_MS : context.cache.windows.of(control, context.nowMs).startMs;
  const told = new Map<string, { announced: VerdictLevel; endMs: number }>();
  for (const row of await context.sql.query('select-balances', { controlId: control.id })) {
    if (numberOf(row, 'window_start_ms') !== currentMs) continue;
    const { announced } = balanceOf(row);
    if (announced !== 0) told.set(textOf(row, 'group_key'), { announced, endMs: numberOf(row, 'window_end_ms') });
  }
  return told;
}

async function putWindow(
  context: LedgerContext,
  { control }: CompiledControl,
  startMs: number,
  groups: SummedBalances extends Map<number, infer G> ? G : never,
): Promise<void> {
  const window = context.cache.windows.of(control, startMs);
  for (const some of chunksOf([...groups])) {
    await context.balances.load(some.map(([groupKey]) => ({ controlId: control.id, window, groupKey })));
    for (const [groupKey, values] of some) await context.balances.move(control.id, window, groupKey, values);
  }
}

/** What was overrun follows from the order of events, which sums do not know: it is kept as it is. */
async function putOverruns(
  context: LedgerContext,
  { control }: CompiledControl,
  rows: readonly SqlRow[],
): Promise<void> {
  for (const row of rows) {
    const startMs = numberOf(row, 'window_start_ms');
    const window = startMs === HEAD_START_MS ? headOf() : context.cache.windows.of(control, startMs);
    const delta = { value: 0n, unknownCount: 0n, overrun: bigintOf(row, 'overrun') };
    await context.balances.move(control.id, window, textOf(row, 'group_key'), delta);
  }
}

async function tellWindow(
  context: LedgerContext,
  compiled: CompiledControl,
  told: Told,
  sums: SummedBalances,
): Promise<void> {
  const { control } = compiled;
  const window = context.cache.windows.of(control, context.nowMs);
  const groups = new Set([...(sums.get(window.startMs)?.keys() ?? []), ...told.keys()]);
  for (const some of chunksOf([...groups])) {
    await context.balances.load(some.map((groupKey) => ({ controlId: control.id, window, groupKey })));
    for (const group of some) {
      if (!carriesVerdict(compiled, group)) continue;
      const values = await context.balances.move(control.id, window, group, { value: 0n, unknownCount: 0n });
      // A group without an event is past no limit, not even past one of 0.
      const counts = group === TOTAL || sums.get(window.startMs)?.has(group) === true;
      const balance: Balance = { ...values, announced: told.get(group)?.announced ?? 0 };
      await context.balances.announce(control.id, window, group, balance.announced);
      await tellVerdict(context, compiled, window, group, balance, null, counts ? verdictOf(compiled, balance) : 0);
    }
  }
}

async function tellRolling(
  context: LedgerContext,
  compiled: CompiledControl,
  sums: SummedBalances,
  told: Told,
): Promise<void> {
  const { control } = compiled;
  const { fromMs, toMs } = spanNow(context, control);
  const counting = new Set<string>(told.keys());
  for (const [startMs, groups] of sums) {
    if (startMs >= fromMs && startMs <= toMs) for (const group of groups.keys()) counting.add(group);
  }
  const bucket = context.cache.windows.of(control, context.nowMs);
  for (const some of chunksOf([...counting])) {
    await context.balances.load(some.flatMap((group) => rollingKeys(context, control, bucket, group)));
    for (const group of some) {
      const before = told.get(group);
      await context.balances.announce(control.id, headOf(before?.endMs ?? 0), group, before?.announced ?? 0);
      const balance = await sumAnew(context, control, group);
      if (!carriesVerdict(compiled, group)) continue;
      const { any } = await context.balances.sum({ controlId: control.id, groupKey: group, fromMs, toMs });
      const verdict = group === TOTAL || any ? verdictOf(compiled, balance) : 0;
      await tellVerdict(context, compiled, headOf(), group, balance, null, verdict);
    }
  }
}

function* chunksOf<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let i = 0; i < items.length; i += CHUNK) yield items.slice(i, i + CHUNK);
}
