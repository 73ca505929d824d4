/** One rule of the feed: from what came to a {@link Rule}, or the reason why it is dropped (contract 2.2, I8). */
import {
  DIMENSIONS,
  type Dimension,
  FILTER_OPERATORS,
  type FilterOperator,
  type GroupVerdict,
  type HardRule,
  RULE_ACTIONS,
  type Rule,
  type RuleAction,
  type RuleFilter,
} from './feed.js';
import { readId, readName, readNumber, readText, readTimeMs } from './feed-values.js';
import { isRecord } from './is-record.js';

/** Why a rule was dropped. The first two mean that it was no rule at all. */
export type DropReason =
  | 'not an object'
  | 'no rule id'
  | 'malformed rule id'
  | 'malformed breached'
  | 'malformed shadowMode'
  | 'unknown action'
  | 'malformed filters'
  | 'unknown operator'
  | 'malformed groupBy'
  | 'malformed groupBreakdown'
  | 'malformed credential'
  | 'malformed departmentId';

const KNOWN_DIMENSIONS = new Map<string, Dimension>(DIMENSIONS.map((name) => [name, name]));
KNOWN_DIMENSIONS.set('ORG_UNIT', 'DEPARTMENT');
const KNOWN_OPERATORS = new Map<string, FilterOperator>(FILTER_OPERATORS.map((name) => [name, name]));
const KNOWN_ACTIONS = new Map<string, RuleAction>(RULE_ACTIONS.map((name) => [name, name]));

const EXHAUSTED = { exhausted: true } as const;

/** Groups between two steps. */
const GROUPS_PER_STEP = 1_000;

/** The latest time that a Date can hold, milliseconds (ECMA-262, 21.4.1.1). */
const DATE_MAX_MS = 8.64e15;

/** Flat scopes of old feeds; each holds for a dimension that `filters` does not name. */
const FLAT_FILTERS: readonly (readonly [string, Dimension])[] = [
  ['subscriberId', 'SUBSCRIBER'],
  ['productName', 'PRODUCT'],
  ['model', 'MODEL'],
  ['provider', 'PROVIDER'],
];

/** The id of a rule under its present or its old name, if it can be read; also of one that is dropped. */
export function ruleIdOf(raw: unknown): number | string | undefined {
  return isRecord(raw) ? readId(raw['ruleId'] ?? raw['id']) : undefined;
}

/**
 * Reads one rule. What a decision rests on is strict: a rule that is not understood there is dropped, never guessed.
 * What is only shown (names, numbers, periods) is tolerated and left out (D12). `times` is shared by the rules of a feed.
 * `breakdown` is given where the groups were read before, in steps.
 */
export function parseRule(
  raw: unknown,
  times: TimeMemo = new TimeMemo(),
  breakdown?: readonly GroupVerdict[],
): Rule | DropReason {
  if (!isRecord(raw)) return 'not an object';
  const givenId = raw['ruleId'] ?? raw['id'] ?? undefined;
  if (givenId === undefined) return 'no rule id';
  const ruleId = readId(givenId);
  if (ruleId === undefined) return 'malformed rule id';
  const breached = readFlag(raw['breached']);
  const blocked = readFlag(raw['blocked']);
  if (breached === undefined || blocked === undefined) return 'malformed breached';
  const shadowMode = readFlag(raw['shadowMode']);
  if (shadowMode === undefined) return 'malformed shadowMode';
  const action = KNOWN_ACTIONS.get(readName(raw['action'] ?? 'BLOCK') ?? '');
  if (action === undefined) return 'unknown action';
  const filters = readFilters(raw);
  if (typeof filters === 'string') return filters;
  const groupBy = readGroupBy(raw['groupBy']);
  if (groupBy === null) return 'malformed groupBy';
  const groupBreakdown = breakdown ?? readBreakdown(raw['groupBreakdown']);
  if (groupBreakdown === null) return 'malformed groupBreakdown';
  const credential = raw['credential'] ?? undefined;
  if (credential !== undefined && typeof credential !== 'string') return 'malformed credential';
  const givenDepartment = raw['departmentId'] ?? raw['orgUnitId'] ?? undefined;
  const departmentId = readId(givenDepartment);
  if (givenDepartment !== undefined && departmentId === undefined) return 'malformed departmentId';
  const resetsAt = times.read(raw['resetsAt']);
  return {
    ruleId,
    key: readText(raw['key']),
    name: readText(raw['name']),
    metricType: readText(raw['metricType']),
    threshold: readNumber(raw['threshold']),
    warnThreshold: readNumber(raw['warnThreshold']),
    currentValue: readNumber(raw['currentValue']),
    breached: breached || blocked,
    warnBreached: raw['warnBreached'] === true,
    shadowMode,
    action,
    periodType: readText(raw['periodType']),
    windowEndMs: readTimeMs(raw['windowEnd']),
    resetsAtMs: resetsAt.ms,
    resetsAt: resetsAt.text,
    filters,
    groupBy,
    groupBreakdown,
    credential: credential === '' ? undefined : credential,
    departmentId,
    hard: readHard(raw),
  };
}

/** Our extension. What is not understood in it is as if it were not there: the verdict still decides. */
function readHard(raw: Record<string, unknown>): HardRule | undefined {
  if (raw['enforcement'] !== 'HARD') return undefined;
  return { graded: raw['graded'] === true, exhausted: raw['exhausted'] === true };
}

/** Absent is false; `undefined` for what is no boolean. */
function readFlag(value: unknown): boolean | undefined {
  if (value === undefined || value === null) return false;
  return typeof value === 'boolean' ? value : undefined;
}

/** Reads `resetsAt`. Nearly all rules of a feed share it, so the last one read is kept: one text, parsed once. */
export class TimeMemo {
  #value: unknown;
  #read: { readonly text: string | undefined; readonly ms: number | undefined } = { text: undefined, ms: undefined };

  /** A text is copied as it came; a number of seconds is shown as the ISO text that the error promises. */
  read(value: unknown): { readonly text: string | undefined; readonly ms: number | undefined } {
    if (value !== this.#value) {
      const ms = readTimeMs(value);
      const isShown = typeof value !== 'string' && ms !== undefined && Math.abs(ms) <= DATE_MAX_MS;
      this.#value = value;
      this.#read = { text: isShown ? new Date(ms).toISOString() : readText(value), ms };
    }
    return this.#read;
  }
}

function readFilters(raw: Record<string, unknown>): readonly RuleFilter[] | DropReason {
  const given = raw['filters'] ?? [];
  if (!Array.isArray(given)) return 'malformed filters';
  // Made at its length: a list that is pushed into takes room for 16 at once, a hundred thousand times.
  const filters = new Array<RuleFilter>(given.length);
  for (let i = 0; i < given.length; i += 1) {
    const filter = readFilter(given[i]);
    if (typeof filter === 'string') return filter;
    filters[i] = filter;
  }
  for (const [name, dimension] of FLAT_FILTERS) {
    const flat = raw[name] ?? '';
    if (flat === '') continue;
    if (typeof flat !== 'string') return 'malformed filters';
    if (filters.every((filter) => filter.dimension !== dimension)) {
      filters.push({ dimension, operator: 'IS', value: flat });
    }
  }
  return filters;
}

function readFilter(row: unknown): RuleFilter | DropReason {
  if (!isRecord(row)) return 'malformed filters';
  const dimension = readName(row['dimension']);
  if (dimension === undefined || dimension === '') return 'malformed filters';
  const givenOperator = row['operator'] ?? '';
  const operator = KNOWN_OPERATORS.get(givenOperator === '' ? 'IS' : (readName(givenOperator) ?? ''));
  if (operator === undefined) return 'unknown operator';
  const known = KNOWN_DIMENSIONS.get(dimension) ?? 'UNKNOWN';
  if (operator !== 'IN') {
    const value = readOperand(row['value']);
    return value === undefined ? 'malformed filters' : { dimension: known, operator, value };
  }
  const list = row['values'];
  if (!Array.isArray(list)) return 'malformed filters';
  const values: string[] = [];
  for (const item of list) {
    if (item === null) continue;
    const value = readOperand(item);
    if (value === undefined) return 'malformed filters';
    values.push(value);
  }
  return { dimension: known, operator, values };
}

/** A department row carries a raw number. An empty operand is none: CONTAINS "" would cover every call. */
function readOperand(value: unknown): string | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : readText(value);
}

/** `null` for what is no name. */
function readGroupBy(value: unknown): Rule['groupBy'] | null {
  if (value === undefined || value === null || value === '') return undefined;
  const name = readName(value);
  return name === undefined ? null : (KNOWN_DIMENSIONS.get(name) ?? 'UNKNOWN');
}

/** `null` for what is no list; `undefined` for an empty one: such a rule is pooled (contract 2.10, step 7). */
function readBreakdown(value: unknown): readonly GroupVerdict[] | undefined | null {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) return null;
  if (value.length === 0) return undefined;
  const groups: GroupVerdict[] = [];
  for (const raw of value) take(groups, raw);
  return groups;
}

/** The same for a list of many groups, in steps; `undefined` where it is short, and {@link parseRule} reads it at once. */
export function* readBreakdownInSteps(value: unknown): Generator<void, readonly GroupVerdict[] | undefined> {
  if (!Array.isArray(value) || value.length <= GROUPS_PER_STEP) return undefined;
  const groups: GroupVerdict[] = [];
  for (let i = 0; i < value.length; i += 1) {
    take(groups, value[i]);
    if (i % GROUPS_PER_STEP === 0) yield;
  }
  return groups;
}

function take(groups: GroupVerdict[], raw: unknown): void {
  const group = readGroup(raw);
  if (group !== undefined) groups.push(group);
}

/** One group; `undefined` for what is none, which is skipped (contract 2.2). */
export function readGroup(raw: unknown): GroupVerdict | undefined {
  if (!isRecord(raw)) return undefined;
  const groupValue = readText(raw['groupValue']);
  const breached = readFlag(raw['breached']);
  if (groupValue === undefined || breached === undefined) return undefined;
  return {
    groupValue,
    displayName: readText(raw['displayName']),
    currentValue: readNumber(raw['currentValue']),
    usagePercent: readNumber(raw['usagePercent']),
    breached,
    ...(raw['exhausted'] === true ? EXHAUSTED : undefined),
  };
}
