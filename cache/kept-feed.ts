/** The feed in force as it came and as it is indexed, so that differences can be applied to it. */
import type { GroupsChange } from '../enforcement/group-layers.js';
import { compareKeys } from '../enforcement/layered-index.js';
import type { RuleSet } from '../enforcement/rule-set.js';
import { RuleSetEditor } from '../enforcement/rule-set-editor.js';
import type { DepartmentMaps, Feed } from '../src/wire/feed.js';
import type { OperatorBypass } from '../src/wire/feed-bypass.js';
import { parseRule, readBreakdownInSteps, readGroup, TimeMemo } from '../src/wire/feed-rule.js';
import { readNumber } from '../src/wire/feed-values.js';
import { isRecord } from '../src/wire/is-record.js';

/** A difference that does not fit the feed that it is applied to. */
export class OddDifference extends Error {
  override readonly name = 'OddDifference';
}

/** A rule as it came; its groups apart, so that one of a hundred thousand can change. */
interface KeptRule {
  readonly ruleId: number;
  readonly key: string;
  raw: Record<string, unknown>;
  groups: Map<string, unknown> | undefined;
  /** Not understood: it is in the mirror and in no index. */
  isDropped: boolean;
}

const ITEMS_PER_STEP = 500;

/** Iterated, it gives the rules as they would have come whole. After an {@link OddDifference} it is of no more use. */
export class KeptFeed implements Iterable<unknown> {
  readonly #rules = new Map<string, KeptRule>();
  /** By rule id, then by key. */
  readonly #order: KeptRule[] = [];
  readonly #editor: RuleSetEditor;
  readonly #times = new TimeMemo();
  /** Ids of rules that are not understood: what the maps say of them is left out. */
  readonly #droppedIds = new Set<number>();
  departments: DepartmentMaps;
  bypass: OperatorBypass | 'malformed' | undefined;

  private constructor(editor: RuleSetEditor, feed: Feed) {
    this.#editor = editor;
    this.departments = feed.departments;
    this.bypass = feed.bypass;
  }

  /** Keeps a feed whose raw rules are objects; `undefined` where a rule has no key, or they are not in their order. */
  static *open(feed: Feed): Generator<void, KeptFeed | undefined> {
    const kept = new KeptFeed(yield* RuleSetEditor.open(feed.rules, feed.departments), feed);
    let last: KeptRule | undefined;
    let taken = 0;
    for (const raw of feed.rawRules) {
      taken += 1;
      if (taken % ITEMS_PER_STEP === 0) yield;
      const rule = yield* kept.#keep(raw);
      if (rule === undefined || (last !== undefined && inOrder(last, rule) >= 0)) return undefined;
      kept.#rules.set(rule.key, rule);
      kept.#order.push(rule);
      last = rule;
    }
    for (const { ruleId, isDropped } of kept.#order) if (isDropped) kept.#droppedIds.add(ruleId);
    if (kept.#droppedIds.size > 0) for (const { ruleId } of feed.rules) kept.#droppedIds.delete(Number(ruleId));
    return kept.#rules.size === taken ? kept : undefined;
  }

  /** Whether no rule with this id was understood. */
  isDropped(ruleId: number): boolean {
    return this.#droppedIds.has(ruleId);
  }

  *[Symbol.iterator](): Iterator<unknown> {
    for (const rule of this.#order) yield whole(rule);
  }

  /** How many rules are understood. */
  get ruleCount(): number {
    return this.#editor.size;
  }

  /** The rules as they are now, for {@link decide}. */
  *ruleSet(): Generator<void, RuleSet> {
    return yield* this.#editor.build();
  }

  /** A whole rule, new or in place of the one with its key. */
  *put(raw: unknown): Generator<void, void> {
    const rule = yield* this.#keep(raw);
    if (rule === undefined) throw new OddDifference('a rule without a key');
    const known = this.#rules.get(rule.key);
    if (known !== undefined && known.ruleId !== rule.ruleId) throw new OddDifference('a key of two rules');
    yield* this.#index(rule, known);
    this.#rules.set(rule.key, rule);
    const at = this.#place(rule);
    if (known === undefined) this.#order.splice(at, 0, rule);
    else this.#order[at] = rule;
  }

  /** The rule of a key is gone. */
  remove(key: string): void {
    const known = this.#known(key);
    this.#rules.delete(key);
    this.#order.splice(this.#place(known), 1);
    if (!known.isDropped) this.#editor.remove(key);
  }

  /** Some groups of a rule changed: `set` as they would stand in its breakdown, `removed` by their values. */
  *changeGroups(key: string, set: readonly unknown[], removed: readonly unknown[]): Generator<void, void> {
    const rule = this.#known(key);
    const before = rule.groups?.size ?? 0;
    const groups = rule.groups ?? new Map<string, unknown>();
    rule.groups = groups;
    const change: { set: GroupsChange['set'][number][]; removed: string[] } = { set: [], removed: [] };
    for (const value of removed) {
      if (typeof value !== 'string' || !groups.delete(value)) throw new OddDifference('an unknown group');
      change.removed.push(value);
    }
    let taken = 0;
    for (const raw of set) {
      taken += 1;
      if (taken % ITEMS_PER_STEP === 0) yield;
      const group = readGroup(raw);
      if (group === undefined) throw new OddDifference('a group that is none');
      groups.set(group.groupValue, raw);
      change.set.push(group);
    }
    if (rule.isDropped) return;
    // Without groups a rule is pooled; and providers are compared without case, so that two groups may be one.
    const isWhole = before === 0 || groups.size === 0 || this.#editor.rule(key)?.groupBy === 'PROVIDER';
    if (isWhole) yield* this.#index(rule, rule);
    else yield* this.#editor.changeGroups(key, change);
  }

  /** What a rule shows as its value changed; its verdict did not. */
  setValue(key: string, currentValue: unknown, percentUsed: unknown): void {
    const rule = this.#known(key);
    rule.raw = { ...rule.raw, currentValue };
    if (percentUsed !== undefined) rule.raw['percentUsed'] = percentUsed;
    if (!rule.isDropped) this.#editor.setValue(key, readNumber(currentValue));
  }

  /** Other department maps. */
  *setDepartments(departments: DepartmentMaps): Generator<void, void> {
    this.departments = departments;
    yield* this.#editor.setDepartments(departments);
  }

  /** Reads a rule as it came, without indexing it. */
  *#keep(raw: unknown): Generator<void, KeptRule | undefined> {
    if (!isRecord(raw)) return undefined;
    const { ruleId, key, groupBreakdown } = raw;
    if (typeof ruleId !== 'number' || !Number.isSafeInteger(ruleId)) return undefined;
    if (typeof key !== 'string' || key === '') return undefined;
    const isDropped = !this.#editor.has(key);
    if (!Array.isArray(groupBreakdown) || groupBreakdown.length === 0) {
      return { ruleId, key, raw, groups: undefined, isDropped };
    }
    const groups = new Map<string, unknown>();
    let taken = 0;
    for (const group of groupBreakdown) {
      taken += 1;
      if (taken % ITEMS_PER_STEP === 0) yield;
      if (!isRecord(group) || typeof group['groupValue'] !== 'string' || groups.has(group['groupValue']))
        return undefined;
      groups.set(group['groupValue'], group);
    }
    const { groupBreakdown: _groups, ...rest } = raw;
    return { ruleId, key, raw: rest, groups, isDropped };
  }

  /** Indexes a rule in place of `known`. What was understood must stay so, and the reverse: the maps depend on it. */
  *#index(rule: KeptRule, known: KeptRule | undefined): Generator<void, void> {
    const raw = whole(rule);
    const parsed = parseRule(raw, this.#times, yield* readBreakdownInSteps(raw['groupBreakdown']));
    rule.isDropped = typeof parsed === 'string';
    if (rule.isDropped !== (known?.isDropped ?? false)) throw new OddDifference('a rule that is not understood');
    if (typeof parsed !== 'string') yield* this.#editor.put(parsed);
  }

  #known(key: string): KeptRule {
    const rule = this.#rules.get(key);
    if (rule === undefined) throw new OddDifference('an unknown rule');
    return rule;
  }

  /** Where a rule stands in the order, or would stand. */
  #place(rule: KeptRule): number {
    let from = 0;
    let to = this.#order.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (inOrder(this.#order[middle]!, rule) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

function inOrder(a: KeptRule, b: KeptRule): number {
  return compareKeys(a.ruleId, a.key, b.ruleId, b.key);
}

function whole(rule: KeptRule): Record<string, unknown> {
  return rule.groups === undefined ? rule.raw : { ...rule.raw, groupBreakdown: [...rule.groups.values()] };
}
