/** The department maps of the feed (contract 2.2 and 2.5). */
import { normaliseEmail } from '../../enforcement/normalise-email.js';
import type { DepartmentMaps } from './feed.js';
import { readNumber } from './feed-values.js';
import { isRecord } from './is-record.js';

/** Entries between two steps. */
const ENTRIES_PER_STEP = 1_000;

/** Present names and their old ones: the present one wins, `null` under it falls through. */
const NAMES = {
  blocks: ['departmentBudgetBlocks', 'orgUnitBudgetBlocks'],
  balances: ['departmentBudgetBlockBalances', 'orgUnitBudgetBlockBalances'],
  warnings: ['departmentBudgetWarnings', 'orgUnitBudgetWarnings'],
} as const;

/** Every name under which a department map can come. */
export const DEPARTMENT_NAMES: readonly string[] = Object.values(NAMES).flat();

/** The maps of a feed without departments. */
export const NO_DEPARTMENTS: DepartmentMaps = { blocks: new Map(), balances: new Map(), warnings: new Map() };

/**
 * Reads the three maps, in steps. `get` gives a field of the envelope: an object, or a `Map` where a large one was read
 * piece by piece. Verdicts of a rule for which `isDropped` holds are left out: they rest on what was not understood.
 */
export function* readDepartmentMaps(
  get: (name: string) => unknown,
  isDropped: (ruleId: number) => boolean,
): Generator<void, DepartmentMaps> {
  const ruleIdOf = (value: unknown) =>
    typeof value === 'number' && Number.isInteger(value) && !isDropped(value) ? value : undefined;
  return {
    blocks: yield* readMap(given(get, NAMES.blocks), ruleIdOf),
    balances: yield* readMap(given(get, NAMES.balances), readNumber),
    warnings: yield* readMap(given(get, NAMES.warnings), ruleIdOf),
  };
}

function given(get: (name: string) => unknown, [present, old]: readonly [string, string]): unknown {
  return get(present) ?? get(old);
}

/** Of two keys that normalise to the same text the first one met that has a value is kept. */
function* readMap(
  raw: unknown,
  read: (value: unknown) => number | undefined,
): Generator<void, ReadonlyMap<string, number>> {
  const map = new Map<string, number>();
  let taken = 0;
  for (const [key, value] of entriesOf(raw)) {
    taken += 1;
    if (taken % ENTRIES_PER_STEP === 0) yield;
    const email = normaliseEmail(key);
    if (email === '' || map.has(email)) continue;
    const number = read(value);
    if (number !== undefined) map.set(email, number);
  }
  return map;
}

function entriesOf(raw: unknown): Iterable<[string, unknown]> {
  if (raw instanceof Map) return raw as Map<string, unknown>;
  return isRecord(raw) ? Object.entries(raw) : [];
}
