/**
 * What a control refused before it was changed to count something else, kept while it meets its events: until the new
 * count is complete nobody knows that the budget is open.
 */
import { type BalanceValues, type CompiledControl, compileControl, verdictOf } from '../compile/compiled-control.js';
import { numberOf, textOf, textOrNull } from '../store/sql.js';
import type { CostControl } from '../store/store.js';
import { balanceOf, TOTAL } from './balances.js';
import type { LedgerContext } from './context.js';
import { HEAD_START_MS, spanNow, standingOf } from './rolling-balances.js';

/** A control as it was, with what it refused. */
export interface HeldControl {
  readonly control: CostControl;
  /** From here on it refuses nobody: its window is over. */
  readonly untilMs: number;
  readonly windowKey: string;
  readonly windowStartMs: number;
  readonly total: BalanceValues;
  /** The groups that were over the limit; empty for a control without groups. */
  readonly groups: readonly { readonly groupKey: string; readonly values: BalanceValues }[];
}

/** Groups that are held; of more, the feed would show no more either. */
const GROUPS_MAX = 10_000;

/** What a control refuses right now; `undefined` where that is nobody. */
export async function heldNow(context: LedgerContext, control: CostControl): Promise<HeldControl | undefined> {
  if (!control.enabled || control.shadowMode) return undefined;
  const compiled = compileControl(control);
  const window = context.cache.windows.of(control, context.nowMs);
  const rolling = control.windowType === 'ROLLING';
  const windowStartMs = rolling ? HEAD_START_MS : window.startMs;
  const rows = await context.sql.query('select-groups', {
    controlId: control.id,
    windowStartMs,
    floor: compiled.limit,
    limit: compiled.limit,
    unknownFloor: compiled.unknownFloor,
    size: control.groupBy === null ? 0 : GROUPS_MAX,
  });
  const groups = rows.map((row) => ({ groupKey: textOf(row, 'group_key'), values: balanceOf(row) }));
  const [row] = await context.sql.query('select-balance', { controlId: control.id, windowStartMs, groupKey: TOTAL });
  const total = row === undefined ? { value: 0n, unknownCount: 0n } : balanceOf(row);
  const refuses = control.groupBy === null ? verdictOf(compiled, total) === 2 : groups.length > 0;
  if (!refuses) return undefined;
  return {
    control,
    untilMs: rolling ? await rollingEnd(context, compiled) : window.endMs,
    windowKey: window.key,
    windowStartMs: rolling ? spanNow(context, control).fromMs : window.startMs,
    total: valuesOf(total),
    groups: groups.map(({ groupKey, values }) => ({ groupKey, values: valuesOf(values) })),
  };
}

async function rollingEnd(context: LedgerContext, compiled: CompiledControl): Promise<number> {
  if (compiled.control.groupBy === null) return (await standingOf(context, compiled, TOTAL)).fallsAtMs;
  const { currentMs, bucketMs } = spanNow(context, compiled.control);
  return currentMs + 61 * bucketMs;
}

/** The controls of a team that are held, by rule id. */
export async function readHeld(context: LedgerContext, teamId: string): Promise<readonly HeldControl[]> {
  const held: HeldControl[] = [];
  for (const row of await context.sql.query('select-held', { teamId, nowMs: context.nowMs })) {
    held.push(...parseHeld(textOf(row, 'held_rules')));
  }
  return held.filter(({ untilMs }) => untilMs > context.nowMs).sort((a, b) => a.control.ruleId - b.control.ruleId);
}

/** What is held of one control from an earlier change; the fill that held it is about to begin anew. */
export async function heldBefore(context: LedgerContext, controlId: string): Promise<readonly HeldControl[]> {
  const [row] = await context.sql.query('select-fill', { controlId });
  const text = row === undefined ? null : textOrNull(row, 'held_rules');
  if (row === undefined || text === null || numberOf(row, 'held_until_ms') <= context.nowMs) return [];
  return parseHeld(text);
}

/** Keeps them with the fill that is under way. */
export async function keepHeld(context: LedgerContext, controlId: string, held: readonly HeldControl[]): Promise<void> {
  if (held.length === 0) return;
  const heldUntilMs = Math.max(...held.map(({ untilMs }) => untilMs));
  const heldRules = JSON.stringify(held, (_name, value) => (typeof value === 'bigint' ? String(value) : value));
  await context.sql.query('keep-held', { controlId, heldRules, heldUntilMs });
}

type Written<T> = T extends bigint ? string : T extends object ? { [K in keyof T]: Written<T[K]> } : T;

function parseHeld(text: string): readonly HeldControl[] {
  const written = JSON.parse(text) as readonly Written<HeldControl>[];
  return written.map((one) => ({
    ...one,
    control: one.control as CostControl,
    total: readValues(one.total),
    groups: one.groups.map(({ groupKey, values }) => ({ groupKey, values: readValues(values) })),
  }));
}

function readValues({ value, unknownCount }: Written<BalanceValues>): BalanceValues {
  return { value: BigInt(value), unknownCount: BigInt(unknownCount) };
}

function valuesOf({ value, unknownCount }: BalanceValues): BalanceValues {
  return { value, unknownCount };
}
