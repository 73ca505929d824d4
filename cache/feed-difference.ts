/** Differences of the feed (226): what changed, applied to the feed that is kept. Our extension, announced as `feed-delta`. */
import { normaliseEmail } from '../enforcement/normalise-email.js';
import type { DepartmentMaps } from '../src/wire/feed.js';
import { readBypass } from '../src/wire/feed-bypass.js';
import { parseJsonInSteps, skipSpace } from '../src/wire/feed-scan.js';
import { readNumber } from '../src/wire/feed-values.js';
import { isRecord } from '../src/wire/is-record.js';
import { PartedText } from '../src/wire/parted-text.js';
import type { FeedReading } from './feed-reader.js';
import { type KeptFeed, OddDifference } from './kept-feed.js';

/** A difference that was read, and not applied yet. */
export interface FeedDifference {
  readonly revision: number;
  readonly steps: readonly Readonly<Record<string, unknown>>[];
}

type Step = FeedDifference['steps'][number];

const ITEMS_PER_STEP = 500;
/** Rules are more work than entries of a map. */
const RULES_PER_STEP = 20;
const MAPS = {
  departmentBudgetBlocks: 'blocks',
  departmentBudgetBlockBalances: 'balances',
  departmentBudgetWarnings: 'warnings',
} as const satisfies Record<string, keyof DepartmentMaps>;
/** No verdicts; nothing here reads them. */
const IGNORED_MAPS = new Set(['departmentBudgetBlockUnits']);

/** Reads the body of a difference, in steps. @throws OddDifference where it is none. */
export function* readDifferenceInSteps(parts: readonly string[]): Generator<void, FeedDifference> {
  const text = new PartedText(parts);
  let value: unknown;
  try {
    const parsed = yield* parseJsonInSteps(text, 0);
    if (skipSpace(text, parsed.end) < text.length) throw new SyntaxError('text after the end');
    value = parsed.value;
  } catch {
    throw new OddDifference('not JSON');
  }
  const revision = isRecord(value) ? value['revision'] : undefined;
  const steps = isRecord(value) ? value['steps'] : undefined;
  if (!Number.isSafeInteger(revision)) throw new OddDifference('no revision');
  if (!Array.isArray(steps) || !steps.every(isRecord)) throw new OddDifference('steps is not a list of steps');
  return { revision: revision as number, steps };
}

/**
 * Applies a difference, in steps, and compiles what changed. Nothing is in force yet. @throws OddDifference where it does
 * not fit: then `kept` is spoiled, and the whole feed is to be fetched.
 */
export function* applyDifference(
  kept: KeptFeed,
  difference: FeedDifference,
): Generator<void, Extract<FeedReading, { kind: 'feed' }>> {
  for (const step of difference.steps) yield* applyStep(kept, step);
  return {
    kind: 'feed',
    ruleSet: yield* kept.ruleSet(),
    rawRules: kept,
    departments: kept.departments,
    revision: difference.revision,
    ruleCount: kept.ruleCount,
    // Those of the whole feed were counted with it.
    droppedRules: 0,
    droppedReasons: {},
    bypass: kept.bypass,
    kept,
  };
}

function* applyStep(kept: KeptFeed, step: Step): Generator<void, void> {
  let taken = 0;
  for (const key of listOf(step, 'removed')) {
    kept.remove(textOf(key));
    taken += 1;
    if (taken % ITEMS_PER_STEP === 0) yield;
  }
  for (const raw of listOf(step, 'rules')) {
    yield* kept.put(raw);
    taken += 1;
    if (taken % RULES_PER_STEP === 0) yield;
  }
  for (const change of listOf(step, 'groups')) {
    if (!isRecord(change)) throw new OddDifference('groups');
    yield* kept.changeGroups(textOf(change['rule']), listOf(change, 'set'), listOf(change, 'removed'));
    taken += 1;
    if (taken % RULES_PER_STEP === 0) yield;
  }
  for (const value of listOf(step, 'values')) {
    if (!isRecord(value)) throw new OddDifference('values');
    kept.setValue(textOf(value['rule']), value['currentValue'], value['percentUsed']);
    taken += 1;
    if (taken % RULES_PER_STEP === 0) yield;
  }
  const maps = step['maps'] ?? undefined;
  if (maps !== undefined) yield* applyMaps(kept, maps);
  if (step['bypass'] === undefined) return;
  const bypass = readBypass(step['bypass']);
  kept.bypass = bypass === 'none' ? undefined : bypass;
}

function* applyMaps(kept: KeptFeed, maps: unknown): Generator<void, void> {
  if (!isRecord(maps)) throw new OddDifference('maps');
  const changed: Record<keyof DepartmentMaps, ReadonlyMap<string, number>> = { ...kept.departments };
  for (const [name, change] of Object.entries(maps)) {
    if (IGNORED_MAPS.has(name)) continue;
    const member = Object.hasOwn(MAPS, name) ? MAPS[name as keyof typeof MAPS] : undefined;
    if (member === undefined || !isRecord(change)) throw new OddDifference('an unknown map');
    changed[member] = yield* changedMap(changed[member], change, member, kept);
  }
  yield* kept.setDepartments(changed);
}

function* changedMap(
  before: ReadonlyMap<string, number>,
  change: Readonly<Record<string, unknown>>,
  member: keyof DepartmentMaps,
  kept: KeptFeed,
): Generator<void, ReadonlyMap<string, number>> {
  const after = new Map<string, number>();
  for (const [email, value] of before) {
    after.set(email, value);
    if (after.size % ITEMS_PER_STEP === 0) yield;
  }
  for (const email of listOf(change, 'removed')) after.delete(normaliseEmail(textOf(email)));
  const set = change['set'] ?? {};
  if (!isRecord(set)) throw new OddDifference('a map that is none');
  let taken = 0;
  for (const [email, raw] of Object.entries(set)) {
    const value = readNumber(raw);
    const isFit = value !== undefined && (member === 'balances' || (typeof raw === 'number' && Number.isInteger(raw)));
    if (!isFit) throw new OddDifference('a value of a map');
    if (member !== 'balances' && kept.isDropped(value)) after.delete(normaliseEmail(email));
    else after.set(normaliseEmail(email), value);
    taken += 1;
    if (taken % ITEMS_PER_STEP === 0) yield;
  }
  return after;
}

/** A list that may be absent. */
function listOf(record: Readonly<Record<string, unknown>>, name: string): readonly unknown[] {
  const value = record[name] ?? [];
  if (!Array.isArray(value)) throw new OddDifference(`${name} is not a list`);
  return value;
}

function textOf(value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new OddDifference('a name that is no text');
  return value;
}
