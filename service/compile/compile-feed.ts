/** Station 8: the cost controls of a team, with their balances, become the rules of its feed. */
import { type LedgerContext, readTeamState } from '../ledger/context.js';
import { readTeamScope } from '../ledger/team-copies.js';
import { getTeam } from '../ledger/teams.js';
import { WINDOW_TYPES, type Window, windowOf } from '../ledger/windows.js';
import { bigintOf, textOf } from '../store/sql.js';
import type { ControlFilter } from '../store/store.js';
import { type BalanceValues, type CompiledControl, verdictOf } from './compiled-control.js';
import { fitIntoBody } from './feed-body.js';
import { type GroupBalance, groupsPastLimit, subscriberEntries } from './feed-groups.js';
import { type FeedGroup, type FeedRule, feedGroupOf, feedRuleOf, type RuleReading, readingOf } from './feed-rule.js';

/** A compiled feed before it is put into an envelope. */
export interface CompiledFeed {
  readonly revision: number;
  readonly compiledAtMs: number;
  /** The JSON text of the rule list; `null` where the team has no enabled control. */
  readonly rulesText: string | null;
  /** From this time on the feed speaks of a window that is over. */
  readonly validUntilMs: number;
  /** What did not fit: rules that refuse nobody, and groups beyond the bound. */
  readonly omitted: number;
}

interface Compiling {
  readonly context: LedgerContext;
  readonly teamNumericId: number;
  readonly totals: ReadonlyMap<string, BalanceValues>;
}

const NOTHING: BalanceValues = { value: 0n, unknownCount: 0n };

/**
 * Compiles a team's feed, or one rule of it. Verdicts follow from the values and the clock, never from what was
 * announced. @throws StoreError `UNKNOWN_TEAM`
 */
export async function compileFeed(context: LedgerContext, teamId: string, controlId?: string): Promise<CompiledFeed> {
  const state = await readTeamState(context, teamId);
  const team = await getTeam(context, teamId);
  const scope = await readTeamScope(context, teamId, state.controlsVersion);
  const compiling: Compiling = {
    context,
    teamNumericId: team?.numericId ?? 0,
    totals: await readTotals(context, teamId),
  };
  const rules: FeedRule[] = [];
  let validUntilMs = Number.MAX_SAFE_INTEGER;
  for (const compiled of scope.controls) {
    if (controlId !== undefined && compiled.control.id !== controlId) continue;
    const window = windowOf(compiled.control.windowType, context.nowMs);
    validUntilMs = Math.min(validUntilMs, window.endMs);
    rules.push(...(await rulesOf(compiling, compiled, window)));
  }
  const { revision } = state;
  const compiledAtMs = context.nowMs;
  if (scope.controls.length === 0 && controlId === undefined) {
    return { revision, compiledAtMs, rulesText: null, validUntilMs, omitted: 0 };
  }
  return { revision, compiledAtMs, validUntilMs, ...fitIntoBody(rules) };
}

async function readTotals(context: LedgerContext, teamId: string): Promise<ReadonlyMap<string, BalanceValues>> {
  const totals = new Map<string, BalanceValues>();
  for (const windowType of WINDOW_TYPES) {
    const { startMs } = windowOf(windowType, context.nowMs);
    for (const row of await context.sql.query('select-totals', { teamId, windowType, windowStartMs: startMs })) {
      const values = { value: bigintOf(row, 'value'), unknownCount: bigintOf(row, 'unknown_count') };
      totals.set(textOf(row, 'control_id'), values);
    }
  }
  return totals;
}

async function rulesOf(compiling: Compiling, compiled: CompiledControl, window: Window): Promise<readonly FeedRule[]> {
  const { context, teamNumericId, totals } = compiling;
  const values = totals.get(compiled.control.id) ?? NOTHING;
  const { groupBy } = compiled.control;
  if (groupBy === null) return [feedRuleOf(compiled, teamNumericId, window, readingOf(compiled, values), null)];
  const groups = await groupsPastLimit(context, compiled, window);
  // A grouped rule refuses through its groups only.
  const reading: RuleReading = { values, breached: false, warnBreached: groups.length > 0 };
  if (groupBy === 'SUBSCRIBER') {
    const entries: FeedGroup[] = [];
    for (const group of groups) entries.push(...(await subscriberEntries(context, compiled, window, group)));
    return [feedRuleOf(compiled, teamNumericId, window, reading, distinct(entries))];
  }
  // Guards look a breakdown up by subscriber whatever it is grouped by, so these entries refuse nobody; the verdicts
  // are pooled rules of their own, each with the group as a filter (docs/decisions/2026-11-21-grouped-rules.md).
  const entries = groups.map(({ groupKey, values: own }) => ({
    ...feedGroupOf(compiled, groupKey, groupKey, own),
    breached: false,
  }));
  const shown = feedRuleOf(compiled, teamNumericId, window, reading, entries);
  return [shown, ...groups.filter(isBreached).map((group) => groupRule(group))];

  function isBreached(group: GroupBalance): boolean {
    return verdictOf(compiled, group.values) === 2;
  }

  function groupRule({ groupKey, values: own }: GroupBalance): FeedRule {
    const rule = feedRuleOf(compiled, teamNumericId, window, readingOf(compiled, own), null);
    const filter: ControlFilter = { dimension: groupBy!, operator: 'IS', value: groupKey };
    return { ...rule, name: `${rule.name} (${groupKey})`, groupBy: null, filters: [...rule.filters, filter] };
  }
}

/** Of entries with the same name the first stands: groups come with the breached ones first. */
function distinct(entries: readonly FeedGroup[]): readonly FeedGroup[] {
  const byName = new Map<string, FeedGroup>();
  for (const entry of entries) if (!byName.has(entry.groupValue)) byName.set(entry.groupValue, entry);
  return [...byName.values()];
}
