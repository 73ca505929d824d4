/** Holds as people and metrics see them. */
import type { HoldCall } from 'fusewire/internal';
import { bigintOf, numberOf, type SqlRow, textOf } from '../../store/sql.js';
import type { MetricType, Page } from '../../store/store.js';
import type { LedgerContext } from '../context.js';
import { selectControls } from '../control-rows.js';
import { type HeldHold, type HeldPart, HoldBook, holdOf, leftOf, type PartState } from './hold-book.js';

/** Which holds to list, newest first. */
export interface HoldQuery {
  readonly page: number;
  readonly size: number;
  readonly state?: HeldHold['state'] | undefined;
  readonly owner?: string | undefined;
  readonly controlId?: string | undefined;
}

/** A hold as it is kept. Amounts in the unit of a balance: nano-dollars for TOTAL_COST, else a count. */
export interface HoldRecord {
  readonly id: string;
  readonly teamId: string;
  readonly owner: string;
  readonly state: HeldHold['state'];
  readonly sequence: number;
  readonly takenAtMs: number;
  readonly expiresAtMs: number;
  readonly endedAtMs: number | null;
  readonly isRecalled: boolean;
  readonly call: HoldCall;
  readonly parts: readonly HoldPartRecord[];
}

/** A part of it. */
export interface HoldPartRecord {
  readonly controlId: string;
  /** `null`: the control was deleted. */
  readonly ruleId: number | null;
  readonly name: string | null;
  readonly metric: MetricType | null;
  readonly group: string | null;
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  readonly amount: bigint;
  readonly drawn: bigint;
  /** What is set aside still. */
  readonly left: bigint;
  /** What counts as spent though no event says so. */
  readonly charged: bigint;
  readonly overrun: bigint;
  readonly state: PartState;
}

/** Sums of a team by metric, in the unit of a balance. */
export interface HoldTotals {
  readonly teamId: string;
  readonly openCount: number;
  /** `null`: none is open. */
  readonly oldestTakenAtMs: number | null;
  readonly metrics: readonly {
    readonly metric: MetricType;
    /** Set aside and not drawn. */
    readonly held: bigint;
    /** Drawn from holds that are open. */
    readonly drawn: bigint;
    /** Counted as spent though no event says so. */
    readonly charged: bigint;
    /** Spent above limits, in the balances that are kept. */
    readonly overrun: bigint;
  }[];
}

/** A page of a team's holds. */
export async function listHolds(
  context: LedgerContext,
  teamId: string,
  { page, size, state, owner, controlId }: HoldQuery,
): Promise<Page<HoldRecord>> {
  const params = { teamId, state: state ?? null, owner: owner ?? null, controlId: controlId ?? null };
  const [counted] = await context.sql.query('count-holds', params);
  const rows = await context.sql.query('list-holds', { ...params, size, offset: page * size });
  const items = await withParts(context, teamId, rows);
  return { items, totalElements: counted === undefined ? 0 : numberOf(counted, 'total') };
}

/** One hold. */
export async function getHold(context: LedgerContext, teamId: string, id: string): Promise<HoldRecord | undefined> {
  const rows = await context.sql.query('load-holds', { teamId, id });
  const [hold] = await withParts(context, teamId, rows);
  return hold;
}

/** What is held, by team and metric; of one team where it is named. */
export async function holdTotals(context: LedgerContext, teamId?: string): Promise<readonly HoldTotals[]> {
  const params = { teamId: teamId ?? null };
  const teams = new Map<
    string,
    { openCount: number; oldestTakenAtMs: number | null; metrics: Map<MetricType, Sums> }
  >();
  const teamOf = (row: SqlRow) => {
    const id = textOf(row, 'team_id');
    const team = teams.get(id) ?? { openCount: 0, oldestTakenAtMs: null, metrics: new Map<MetricType, Sums>() };
    teams.set(id, team);
    return team;
  };
  const sumsOf = (row: SqlRow): Sums => {
    const { metrics } = teamOf(row);
    const metric = textOf(row, 'metric_type') as MetricType;
    const sums = metrics.get(metric) ?? { held: 0n, drawn: 0n, charged: 0n, overrun: 0n };
    metrics.set(metric, sums);
    return sums;
  };
  for (const row of await context.sql.query('select-open-holds', params)) {
    const team = teamOf(row);
    team.openCount = numberOf(row, 'open_count');
    team.oldestTakenAtMs = numberOf(row, 'oldest_ms');
  }
  for (const row of await context.sql.query('select-hold-totals', params)) {
    const sums = sumsOf(row);
    sums.held = bigintOf(row, 'held');
    sums.drawn = bigintOf(row, 'drawn');
    sums.charged = bigintOf(row, 'charged');
  }
  for (const row of await context.sql.query('select-overruns', params)) sumsOf(row).overrun = bigintOf(row, 'overrun');
  return [...teams].map(([id, { metrics, ...team }]) => {
    return { teamId: id, ...team, metrics: [...metrics].map(([metric, sums]) => ({ metric, ...sums })) };
  });
}

interface Sums {
  held: bigint;
  drawn: bigint;
  charged: bigint;
  overrun: bigint;
}

async function withParts(
  context: LedgerContext,
  teamId: string,
  rows: readonly SqlRow[],
): Promise<readonly HoldRecord[]> {
  if (rows.length === 0) return [];
  const holds = new HoldBook(context, teamId);
  await holds.load(rows.map((row) => textOf(row, 'id')));
  const controls = new Map((await selectControls(context, teamId)).map((control) => [control.id, control]));
  const shown = (part: HeldPart): HoldPartRecord => {
    const control = controls.get(part.controlId);
    const { controlId, windowStartMs, windowEndMs, amount, drawn, charged, overrun, state } = part;
    return {
      controlId,
      ruleId: control?.ruleId ?? null,
      name: control?.name ?? null,
      metric: control?.metricType ?? null,
      group: part.groupKey === '' ? null : part.groupKey,
      ...{ windowStartMs, windowEndMs, amount, drawn, left: leftOf(part), charged, overrun, state },
    };
  };
  return rows.map((row) => {
    const { id, owner, state, sequence, takenAtMs, expiresAtMs, endedAtMs, isRecalled, call } = holdOf(row);
    const parts = (holds.get(id)?.parts ?? []).map(shown);
    return {
      ...{ id, teamId, owner, state, sequence, takenAtMs, expiresAtMs, endedAtMs, isRecalled, parts },
      call: JSON.parse(call) as HoldCall,
    };
  });
}
