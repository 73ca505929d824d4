/**
 * What one subscriber used between two instants, summed by the database. A report goes slice by slice: a statement looks
 * at a bounded number of events, so that no report holds up what records them.
 */
import { bigintOf, bigintOrNull, numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { LedgerContext } from './context.js';
import { EXPORT_PAGE_SIZE, type ExportedEvent, type ExportPage, exportedFrom } from './export-events.js';

/** What sums can be told apart by. `day` counts days of 24 hours from the slice's `originMs`. */
export type UsageDimension = 'day' | 'model' | 'key' | 'operation';

/** Which events are summed: after the cursor and before `untilMs`. */
export interface UsageSlice {
  readonly subscriberId: string;
  readonly afterMs: number;
  readonly afterId: string;
  readonly untilMs: number;
  readonly by: readonly UsageDimension[];
  readonly originMs: number;
  /** @defaultValue 5,000 */
  readonly size?: number;
}

/** Sums of events. Amounts of unknown price count as far as they are known (I5). */
export interface UsageSums {
  readonly requests: number;
  readonly failed: number;
  readonly inputTokens: bigint;
  readonly outputTokens: bigint;
  /** Read from caches and written to them. */
  readonly cachedTokens: bigint;
  readonly amountNanoUsd: bigint;
  /** Events whose price nobody knows: with some, the amount is a lower bound. */
  readonly unknownPrices: number;
  /** Events whose usage was estimated, not reported by the provider. */
  readonly estimated: number;
  /** Events of which not even an estimate is known. */
  readonly unknownUsage: number;
}

/** The sums of one group. A dimension that was not asked for is `null`; a key also where the event came without one. */
export interface UsageGroup extends UsageSums {
  readonly day: number | null;
  readonly model: string | null;
  readonly provider: string | null;
  readonly key: string | null;
  readonly operation: string | null;
}

/** Where the next slice begins. */
export interface UsageCursor {
  readonly afterMs: number;
  readonly afterId: string;
}

/** Events that one statement sums. A million dollars each, the largest price there is, still fit into 64 bits. */
export const USAGE_SLICE_SIZE = 5_000;
/** After every id: ids are ASCII letters, digits and dashes. */
const AFTER_ALL_IDS = '~';

/** One slice, by the latest price of each event. `next` is `null` where nothing is left. */
export async function sumUsage(
  context: LedgerContext,
  teamId: string,
  slice: UsageSlice,
): Promise<{ readonly groups: readonly UsageGroup[]; readonly next: UsageCursor | null }> {
  const { subscriberId, afterMs, afterId, untilMs, by, originMs, size = USAGE_SLICE_SIZE } = slice;
  const range = { teamId, subscriberId, afterMs, afterId };
  const [end] = await context.sql.query('select-usage-slice-end', { ...range, untilMs, skip: size - 1 });
  const next = end === undefined ? null : { afterMs: numberOf(end, 'window_time_ms'), afterId: textOf(end, 'id') };
  const rows = await context.sql.query('sum-usage', {
    ...range,
    lastMs: next?.afterMs ?? untilMs - 1,
    lastId: next?.afterId ?? AFTER_ALL_IDS,
    originMs,
    byDay: by.includes('day'),
    byModel: by.includes('model'),
    byKey: by.includes('key'),
    byOperation: by.includes('operation'),
  });
  return { groups: rows.map(groupFrom), next };
}

/** A page of one subscriber's events, as {@link ExportPage} says. */
export async function exportSubscriberEvents(
  context: LedgerContext,
  teamId: string,
  subscriberId: string,
  page: ExportPage,
): Promise<readonly ExportedEvent[]> {
  const { untilMs, afterMs, afterId, size = EXPORT_PAGE_SIZE } = page;
  const params = { teamId, subscriberId, untilMs, afterMs, afterId, size };
  return (await context.sql.query('export-subscriber-events', params)).map(exportedFrom);
}

function groupFrom(row: SqlRow): UsageGroup {
  const day = bigintOrNull(row, 'day');
  return {
    day: day === null ? null : Number(day),
    model: textOrNull(row, 'model'),
    provider: textOrNull(row, 'provider'),
    key: textOrNull(row, 'key_id'),
    operation: textOrNull(row, 'operation'),
    requests: numberOf(row, 'requests'),
    failed: numberOf(row, 'failed'),
    inputTokens: bigintOf(row, 'input_tokens'),
    outputTokens: bigintOf(row, 'output_tokens'),
    cachedTokens: bigintOf(row, 'cached_tokens'),
    amountNanoUsd: bigintOf(row, 'amount_nano_usd'),
    unknownPrices: numberOf(row, 'unknown_prices'),
    estimated: numberOf(row, 'estimated'),
    unknownUsage: numberOf(row, 'unknown_usage'),
  };
}
