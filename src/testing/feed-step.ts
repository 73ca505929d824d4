/** What changed between two feeds, as one step of a difference. For the fake service. */
import { isRecord } from '../wire/is-record.js';

type Json = Readonly<Record<string, unknown>>;

/** A feed as a body of 200 has it; its rules carry keys. */
export interface FeedBody extends Json {
  readonly rules: readonly Json[];
}

const MAPS = ['departmentBudgetBlocks', 'departmentBudgetBlockBalances', 'departmentBudgetWarnings'] as const;
const VALUES = new Set(['currentValue', 'percentUsed']);

/** The step that makes `after` of `before`. Members that change nothing are absent. */
export function feedStep(before: FeedBody, after: FeedBody): Json {
  const old = new Map(before.rules.map((rule) => [String(rule['key']), rule]));
  const now = new Map(after.rules.map((rule) => [String(rule['key']), rule]));
  const rules: Json[] = [];
  const groups: Json[] = [];
  const values: Json[] = [];
  for (const [key, rule] of now) {
    const known = old.get(key);
    if (known === undefined || !isSameButParts(known, rule)) {
      rules.push(rule);
      continue;
    }
    const change = groupsChange(known, rule);
    if (change !== undefined) groups.push({ rule: key, ...change });
    if ([...VALUES].some((name) => known[name] !== rule[name])) {
      values.push({ rule: key, currentValue: rule['currentValue'], percentUsed: rule['percentUsed'] });
    }
  }
  const removed = [...old.keys()].filter((key) => !now.has(key));
  const maps = mapsChange(before, after);
  const isSameBypass = JSON.stringify(before['bypass']) === JSON.stringify(after['bypass']);
  return {
    ...(removed.length > 0 ? { removed } : {}),
    ...(rules.length > 0 ? { rules } : {}),
    ...(groups.length > 0 ? { groups } : {}),
    ...(values.length > 0 ? { values } : {}),
    ...(Object.keys(maps).length > 0 ? { maps } : {}),
    ...(isSameBypass ? {} : { bypass: after['bypass'] ?? null }),
  };
}

/** Whether two rules differ in nothing but groups and values. */
function isSameButParts(a: Json, b: Json): boolean {
  if (Array.isArray(a['groupBreakdown']) !== Array.isArray(b['groupBreakdown'])) return false;
  return JSON.stringify(rest(a)) === JSON.stringify(rest(b));
}

function rest(rule: Json): unknown {
  return Object.entries(rule)
    .filter(([name]) => name !== 'groupBreakdown' && !VALUES.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function groupsChange(before: Json, after: Json): Json | undefined {
  const old = byGroup(before['groupBreakdown']);
  const now = byGroup(after['groupBreakdown']);
  const set = [...now].filter(([value, group]) => JSON.stringify(old.get(value)) !== JSON.stringify(group));
  const removed = [...old.keys()].filter((value) => !now.has(value));
  if (set.length === 0 && removed.length === 0) return undefined;
  return { set: set.map(([, group]) => group), removed };
}

function byGroup(breakdown: unknown): ReadonlyMap<string, Json> {
  if (!Array.isArray(breakdown)) return new Map();
  return new Map(breakdown.filter(isRecord).map((group) => [String(group['groupValue']), group]));
}

function mapsChange(before: Json, after: Json): Json {
  const changes: Record<string, unknown> = {};
  for (const name of MAPS) {
    const old = isRecord(before[name]) ? before[name] : {};
    const now = isRecord(after[name]) ? after[name] : {};
    const set = Object.fromEntries(Object.entries(now).filter(([email, value]) => old[email] !== value));
    const removed = Object.keys(old).filter((email) => !Object.hasOwn(now, email));
    if (Object.keys(set).length > 0 || removed.length > 0) changes[name] = { set, removed };
  }
  return changes;
}
