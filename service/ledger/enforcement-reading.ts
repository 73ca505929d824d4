/** Reading what cost controls did (contract 4.7): a page, a summary, a history, and whom it met. */
import {
  bigintOrNull,
  flagOf,
  numberOf,
  type SqlParams,
  type SqlRow,
  type StatementName,
  textOf,
  textOrNull,
} from '../store/sql.js';
import type { EnforcementEvent, EnforcementKind, Page } from '../store/store.js';
import type { LedgerContext } from './context.js';
import { readPage } from './reading.js';

/** Which events; everything that is left out does not narrow. Times in milliseconds, both ends included. */
export interface EnforcementFilter {
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
  /** The hashid of a control. */
  readonly controlId?: string | undefined;
  readonly level?: 'HARD' | 'WARN' | undefined;
  readonly isShadow?: boolean | undefined;
  /** In the names of rule, group and subscriber, the transaction id and the details, without case. */
  readonly text?: string | undefined;
  readonly group?: { readonly by: string; readonly value: string } | undefined;
  readonly transactionId?: string | undefined;
}

/** A page of them, newest first where `direction` says nothing else. */
export interface EnforcementQuery extends EnforcementFilter {
  readonly page: number;
  readonly size: number;
  readonly direction?: 'asc' | 'desc' | undefined;
}

/** How many events of a kind there are. `times`: calls that they stand for. */
export interface EnforcementCount {
  readonly kind: EnforcementKind;
  readonly isShadow: boolean;
  readonly events: number;
  readonly times: number;
}

/** What happened in {@link SLOT_MS} milliseconds from `slot * SLOT_MS` on. */
export interface EnforcementSlot extends EnforcementCount {
  readonly slot: number;
}

/** A rule and how often it acted. */
export interface ActingRule {
  readonly controlId: string | null;
  readonly ruleId: number | null;
  readonly ruleName: string | null;
  readonly events: number;
  readonly times: number;
  readonly lastAtMs: number;
}

/** Somebody or something that events are about: the group of a rule, else the subscriber. */
export interface AffectedRow {
  readonly groupBy: string;
  readonly groupValue: string;
  readonly groupLabel: string | null;
  readonly subscriberEmail: string | null;
  readonly events: number;
  readonly times: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

/** Every offset from UTC that is in use, and every change of one, is a multiple of this. The statement repeats it. */
export const SLOT_MS = 900_000;
/** Ten years of quarter hours, each with one kind. */
const SLOTS_MAX = 350_400;

/** A page of events. */
export async function listEnforcementEvents(
  context: LedgerContext,
  teamId: string,
  query: EnforcementQuery,
): Promise<Page<EnforcementEvent>> {
  const { transactionId, ...rest } = filterParams(teamId, query);
  const { controlId, ...others } = rest;
  if (transactionId !== null) return read('-of-transaction', { ...rest, transactionId });
  return controlId === null ? read('', others) : read('-of-control', rest);

  async function read(of: '' | '-of-control' | '-of-transaction', params: SqlParams): Promise<Page<EnforcementEvent>> {
    const list: StatementName = `list-enforcement-events${of}`;
    const count: StatementName = `count-enforcement-events${of}`;
    if (query.direction !== 'asc') return readPage(context, [list, count], params, query, eventOf);
    // Oldest first is newest first, read from the other end.
    const [row] = await context.sql.query(count, params);
    const totalElements = row === undefined ? 0 : numberOf(row, 'total');
    const end = Math.max(0, totalElements - query.page * query.size);
    const skip = Math.max(0, end - query.size);
    if (end === 0) return { items: [], totalElements };
    const rows = await context.sql.query(list, { ...params, size: end - skip, skip });
    return { items: rows.map(eventOf).reverse(), totalElements };
  }
}

/** Totals by kind, and the rules that acted most, `size` of them. */
export async function summarizeEnforcement(
  context: LedgerContext,
  teamId: string,
  filter: EnforcementFilter,
  size: number,
): Promise<{ readonly counts: readonly EnforcementCount[]; readonly rules: Page<ActingRule> }> {
  const params = filterParams(teamId, filter);
  const counts = (await context.sql.query('select-enforcement-totals', params)).map(countOf);
  const rows = await context.sql.query('select-enforcement-rules', { ...params, size });
  const rules = rows.map((row) => ({
    controlId: textOrNull(row, 'control_id'),
    ruleId: numberOrNull(row, 'rule_id'),
    ruleName: textOrNull(row, 'rule_name'),
    events: numberOf(row, 'events'),
    times: numberOf(row, 'times'),
    lastAtMs: numberOf(row, 'last_at_ms'),
  }));
  return { counts, rules: { items: rules, totalElements: totalOf(rows) } };
}

/** What happened when, in slots of {@link SLOT_MS}, oldest first; slots without events are left out. */
export async function enforcementSlots(
  context: LedgerContext,
  teamId: string,
  filter: EnforcementFilter,
): Promise<readonly EnforcementSlot[]> {
  const params = { ...filterParams(teamId, filter), size: SLOTS_MAX };
  const rows = await context.sql.query('select-enforcement-slots', params);
  return rows.map((row) => ({ slot: numberOf(row, 'slot'), ...countOf(row) }));
}

/** Whom the events met, the most affected first: `size` rows and how many there are in all. */
export async function affectedByEnforcement(
  context: LedgerContext,
  teamId: string,
  filter: EnforcementFilter & { readonly affected?: string | undefined },
  size: number,
): Promise<Page<AffectedRow>> {
  const affectedPattern = patternOf(filter.affected);
  const rows = await context.sql.query('select-affected', { ...filterParams(teamId, filter), affectedPattern, size });
  const items = rows.map((row) => ({
    groupBy: textOf(row, 'affected_by'),
    groupValue: textOf(row, 'affected'),
    groupLabel: textOrNull(row, 'label'),
    subscriberEmail: textOrNull(row, 'email'),
    events: numberOf(row, 'events'),
    times: numberOf(row, 'times'),
    firstAtMs: numberOf(row, 'first_at_ms'),
    lastAtMs: numberOf(row, 'last_at_ms'),
  }));
  return { items, totalElements: totalOf(rows) };
}

function filterParams(teamId: string, filter: EnforcementFilter) {
  return {
    teamId,
    sinceMs: filter.sinceMs ?? 0,
    untilMs: filter.untilMs ?? Number.MAX_SAFE_INTEGER,
    controlId: filter.controlId ?? null,
    level: filter.level ?? null,
    isShadow: filter.isShadow ?? null,
    groupBy: filter.group?.by ?? null,
    groupValue: filter.group?.value ?? null,
    transactionId: filter.transactionId ?? null,
    pattern: patternOf(filter.text),
  };
}

/** For `LIKE … ESCAPE '!'`: the text anywhere, without case; `null` where nothing is looked for. */
export function patternOf(text: string | undefined): string | null {
  const words = text?.trim().toLowerCase() ?? '';
  return words === '' ? null : `%${words.replace(/[!%_]/g, '!$&')}%`;
}

function countOf(row: SqlRow): EnforcementCount {
  return {
    kind: textOf(row, 'kind') as EnforcementKind,
    isShadow: flagOf(row, 'is_shadow'),
    events: numberOf(row, 'events'),
    times: numberOf(row, 'times'),
  };
}

function totalOf(rows: readonly SqlRow[]): number {
  return rows[0] === undefined ? 0 : numberOf(rows[0], 'total');
}

function numberOrNull(row: SqlRow, column: string): number | null {
  const value = bigintOrNull(row, column);
  return value === null ? null : Number(value);
}

function eventOf(row: SqlRow): EnforcementEvent {
  return {
    id: textOf(row, 'id'),
    controlId: textOrNull(row, 'control_id'),
    ruleDeleted: flagOf(row, 'rule_deleted'),
    kind: textOf(row, 'kind') as EnforcementKind,
    level: textOf(row, 'level') as EnforcementEvent['level'],
    outcome: textOf(row, 'outcome') as EnforcementEvent['outcome'],
    isShadow: flagOf(row, 'is_shadow'),
    ruleId: numberOrNull(row, 'rule_id'),
    ruleName: textOrNull(row, 'rule_name'),
    action: textOf(row, 'action'),
    metricType: textOrNull(row, 'metric_type'),
    groupBy: textOrNull(row, 'group_by'),
    groupValue: textOrNull(row, 'group_value'),
    groupLabel: textOrNull(row, 'group_label'),
    currentValue: textOrNull(row, 'current_value'),
    threshold: textOrNull(row, 'threshold'),
    windowStartMs: numberOrNull(row, 'window_start_ms'),
    windowKey: textOrNull(row, 'window_key'),
    atMs: numberOf(row, 'at_ms'),
    transactionId: textOrNull(row, 'transaction_id'),
    subscriberEmail: textOrNull(row, 'subscriber_email'),
    count: numberOf(row, 'times'),
    details: textOrNull(row, 'details'),
  };
}
