/** A usage report: slices of sums, put together. */
import { ApiError, invalidFields } from '../http/api-error.js';
import type { UsageDimension, UsageGroup, UsageSlice, UsageSums } from '../ledger/usage-report.js';
import type { Store } from '../store/store.js';
import { type DayRun, dateOf, dayRuns } from './day-runs.js';
import type { UsageRange } from './usage-range.js';

/** One row of a report. */
export interface UsageRow extends UsageSums, Pick<UsageGroup, 'key' | 'model' | 'operation' | 'provider'> {
  /** `2026-11-30` in the report's zone. */
  readonly day: string | null;
}

/** What a customer used. */
export interface Usage {
  readonly totals: UsageSums;
  /** By day, then the dearest first; none where nothing was asked to be told apart. */
  readonly rows: readonly UsageRow[];
}

/** What to report. */
export interface UsageAsk {
  readonly subscriberId: string;
  readonly range: UsageRange;
  readonly by: readonly UsageDimension[];
}

/** Rows of a report (I10). */
export const USAGE_ROWS_MAX = 20_000;
/** Days of a report by day. */
export const USAGE_DAYS_MAX = 3_700;
const DAY_MS = 86_400_000;

const NOTHING: UsageSums = {
  requests: 0,
  failed: 0,
  inputTokens: 0n,
  outputTokens: 0n,
  cachedTokens: 0n,
  amountNanoUsd: 0n,
  unknownPrices: 0,
  estimated: 0,
  unknownUsage: 0,
};

/**
 * Reads a report. An event that is recorded meanwhile is in it, or is not. `isWanted` is asked between slices: who has
 * left needs no report. @throws ApiError 400 where it would be too long
 */
export async function readUsage(
  store: Pick<Store, 'sumUsage'>,
  teamId: string,
  ask: UsageAsk,
  isWanted: () => boolean = () => true,
): Promise<Usage> {
  const { subscriberId, by } = ask;
  const rows = new Map<string, UsageRow>();
  let totals = NOTHING;
  for (const run of runsOf(ask)) {
    const { untilMs, originMs } = run;
    let cursor: { afterMs: number; afterId: string } | null = { afterMs: run.fromMs, afterId: '' };
    while (cursor !== null && isWanted()) {
      const slice: UsageSlice = { subscriberId, by, untilMs, originMs, ...cursor };
      const { groups, next }: Awaited<ReturnType<typeof store.sumUsage>> = await store.sumUsage(teamId, slice);
      for (const group of groups) {
        totals = add(totals, group);
        if (by.length > 0) merge(rows, run, group);
      }
      cursor = next;
    }
  }
  return { totals, rows: [...rows.values()].sort(inOrder) };
}

function runsOf({ range, by }: UsageAsk): readonly DayRun[] {
  const { startMs, endMs, zone } = range;
  if (!by.includes('day')) return [{ fromMs: startMs, untilMs: endMs, originMs: startMs, firstDayMs: 0, days: 1 }];
  if (endMs - startMs > USAGE_DAYS_MAX * DAY_MS) {
    throw invalidFields([{ field: 'start', problem: `a report by day has at most ${USAGE_DAYS_MAX} days` }]);
  }
  return dayRuns(zone, startMs, endMs);
}

function merge(rows: Map<string, UsageRow>, run: DayRun, group: UsageGroup): void {
  const { model, provider, key, operation } = group;
  const day = group.day === null ? null : dateOf(run, group.day);
  const name = JSON.stringify([day, model, provider, key, operation]);
  const known = rows.get(name);
  if (known === undefined && rows.size >= USAGE_ROWS_MAX) {
    const text = `the report would have more than ${USAGE_ROWS_MAX} rows; take a shorter range, or tell less apart`;
    throw new ApiError(400, 'too_many_rows', text);
  }
  rows.set(name, { day, model, provider, key, operation, ...add(known ?? NOTHING, group) });
}

function add(one: UsageSums, other: UsageSums): UsageSums {
  return {
    requests: one.requests + other.requests,
    failed: one.failed + other.failed,
    inputTokens: one.inputTokens + other.inputTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    cachedTokens: one.cachedTokens + other.cachedTokens,
    amountNanoUsd: one.amountNanoUsd + other.amountNanoUsd,
    unknownPrices: one.unknownPrices + other.unknownPrices,
    estimated: one.estimated + other.estimated,
    unknownUsage: one.unknownUsage + other.unknownUsage,
  };
}

function inOrder(a: UsageRow, b: UsageRow): number {
  if (a.day !== b.day) return (a.day ?? '') < (b.day ?? '') ? -1 : 1;
  if (a.amountNanoUsd !== b.amountNanoUsd) return a.amountNanoUsd > b.amountNanoUsd ? -1 : 1;
  return nameOf(a) < nameOf(b) ? -1 : 1;
}

function nameOf({ model, provider, key, operation }: UsageRow): string {
  return [model, provider, key, operation].join('\n');
}
