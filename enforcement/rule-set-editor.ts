/** A rule set that can be changed: a difference of the feed costs what it changes, not the whole feed. */
import type { DepartmentMaps, Rule } from '../src/wire/feed.js';
import { GroupLayers, type GroupsChange } from './group-layers.js';
import { IndexLayers } from './index-layers.js';
import { compareKeys } from './layered-index.js';
import { namedRuleIds, type RuleSet, ruleSetOf } from './rule-set.js';
import type { ScopeEntry } from './scope-index.js';
import {
  groupedEntries,
  holdingEntry,
  holdingVerdict,
  isHolding,
  kindOf,
  pooledEntry,
  pooledVerdict,
  readGroups,
  type Verdict,
  validUntilMs,
} from './verdict.js';

/** A rule, and what became of it. */
interface Item {
  rule: Rule;
  /** `undefined`: the rule does nothing to any call. */
  verdict: Verdict | undefined;
  groups: GroupLayers | undefined;
  /** Of a rule of a hard control. */
  holding: Verdict | undefined;
}

const RULES_PER_STEP = 500;

/**
 * The rules of a feed by their keys. Changes are collected; {@link build} makes a rule set of them that stays as it is,
 * whatever is changed afterwards. After an exception in the middle of a change the editor is of no more use; the rule
 * sets that it built are.
 */
export class RuleSetEditor {
  readonly #items = new Map<string, Item>();
  readonly #blocking = new IndexLayers();
  readonly #observing = new IndexLayers();
  readonly #holding = new IndexLayers();
  #departments: DepartmentMaps;
  #departmentIds: ReadonlySet<string> = new Set();
  #departmentRules: ReadonlyMap<string, Rule> = new Map();
  #areDepartmentRulesOld = true;

  private constructor(departments: DepartmentMaps) {
    this.#departments = departments;
  }

  /** Opens an editor on the rules of a whole feed. Their keys are unique, and their order is that of {@link compareKeys}. */
  static *open(rules: readonly Rule[], departments: DepartmentMaps): Generator<void, RuleSetEditor> {
    const editor = new RuleSetEditor(departments);
    editor.#departmentIds = yield* namedRuleIds(departments);
    let taken = 0;
    for (const rule of rules) {
      taken += 1;
      if (taken % RULES_PER_STEP === 0) yield;
      editor.#items.set(rule.key ?? '', yield* readItem(rule));
    }
    yield* editor.#rebuild();
    return editor;
  }

  /** How many rules there are. */
  get size(): number {
    return this.#items.size;
  }

  /** Whether a rule of this key is there. */
  has(key: string): boolean {
    return this.#items.has(key);
  }

  /** The rule of a key. */
  rule(key: string): Rule | undefined {
    return this.#items.get(key)?.rule;
  }

  /** Puts a rule, new or in place of the one with its key. */
  *put(rule: Rule): Generator<void, void> {
    const key = rule.key ?? '';
    const item = yield* readItem(rule);
    this.#items.set(key, item);
    const { verdict } = item;
    const entries = yield* entriesOf(item);
    this.#blocking.put(key, verdict?.kind === 'block' ? entries : []);
    this.#observing.put(key, verdict?.kind === 'block' ? [] : entries);
    this.#holding.put(key, item.holding === undefined ? [] : [holdingEntry(item.holding)]);
    this.#areDepartmentRulesOld = true;
  }

  /** Removes a rule. */
  remove(key: string): void {
    this.#items.delete(key);
    this.#blocking.remove(key);
    this.#observing.remove(key);
    this.#holding.remove(key);
    this.#areDepartmentRulesOld = true;
  }

  /** Changes what a rule shows as its value. Its verdict stays. */
  setValue(key: string, currentValue: number | undefined): void {
    const item = this.#items.get(key);
    if (item === undefined) return;
    const { currentValue: _former, ...rest } = item.rule;
    item.rule = currentValue === undefined ? rest : { ...rest, currentValue };
    if (item.verdict !== undefined) this.#adjust(key, item, { ...item.verdict, rule: item.rule }, []);
    if (item.holding !== undefined) this.#adjustHolding(key, item, { ...item.holding, rule: item.rule });
    this.#areDepartmentRulesOld = true;
  }

  /** Changes some groups of a grouped rule that has groups before and after. */
  *changeGroups(key: string, change: GroupsChange): Generator<void, void> {
    const item = this.#items.get(key);
    if (item?.groups === undefined || item.verdict === undefined) return;
    const { table, breached } = yield* item.groups.with(change);
    item.groups = table;
    const verdict = { ...item.verdict, groups: { dimension: table.dimension, byValue: table } };
    this.#adjust(key, item, verdict, groupedEntries(verdict, breached));
    if (item.holding !== undefined) this.#adjustHolding(key, item, { ...item.holding, groups: verdict.groups });
  }

  /** Puts other department maps in place. */
  *setDepartments(departments: DepartmentMaps): Generator<void, void> {
    this.#departments = departments;
    this.#departmentIds = yield* namedRuleIds(departments);
    this.#areDepartmentRulesOld = true;
  }

  /** The rule set as it is now. */
  *build(): Generator<void, RuleSet> {
    if (this.#blocking.isHeavy || this.#observing.isHeavy || this.#holding.isHeavy) yield* this.#rebuild();
    if (this.#areDepartmentRulesOld) this.#departmentRules = yield* this.#readDepartmentRules();
    this.#areDepartmentRulesOld = false;
    return ruleSetOf({
      size: this.#items.size,
      blocking: yield* this.#blocking.build(),
      observing: yield* this.#observing.build(),
      holding: yield* this.#holding.build(),
      departments: this.#departments,
      departmentRules: this.#departmentRules,
    });
  }

  #adjustHolding(key: string, item: Item, verdict: Verdict): void {
    item.holding = verdict;
    this.#holding.adjust(key, verdict, []);
  }

  #adjust(key: string, item: Item, verdict: Verdict, more: readonly ScopeEntry<Verdict>[]): void {
    item.verdict = verdict;
    (verdict.kind === 'block' ? this.#blocking : this.#observing).adjust(key, verdict, more);
  }

  *#rebuild(): Generator<void, void> {
    const blocking: ScopeEntry<Verdict>[] = [];
    const observing: ScopeEntry<Verdict>[] = [];
    const holding: ScopeEntry<Verdict>[] = [];
    const items = [...this.#items.values()].sort(inOrder);
    for (const [at, item] of items.entries()) {
      if (at % RULES_PER_STEP === 0) yield;
      for (const entry of yield* entriesOf(item)) (entry.payload.kind === 'block' ? blocking : observing).push(entry);
      if (item.holding !== undefined) holding.push(holdingEntry(item.holding));
    }
    yield* this.#blocking.rebuild(blocking);
    yield* this.#observing.rebuild(observing);
    yield* this.#holding.rebuild(holding);
  }

  /** The rules that the maps name; of several with one id the first. */
  *#readDepartmentRules(): Generator<void, ReadonlyMap<string, Rule>> {
    const found = new Map<string, Rule>();
    if (this.#departmentIds.size === 0) return found;
    let taken = 0;
    for (const [key, { rule }] of this.#items) {
      taken += 1;
      if (taken % RULES_PER_STEP === 0) yield;
      const id = String(rule.ruleId);
      if (!this.#departmentIds.has(id)) continue;
      const known = found.get(id);
      if (known === undefined || key < (known.key ?? '')) found.set(id, rule);
    }
    return found;
  }
}

function* readItem(rule: Rule): Generator<void, Item> {
  const kind = kindOf(rule);
  const reading = rule.groupBreakdown === undefined ? undefined : yield* readGroups(rule);
  const groups = reading === undefined ? undefined : new GroupLayers(reading.dimension, reading.byValue);
  const table = groups === undefined ? undefined : { dimension: groups.dimension, byValue: groups };
  const holding = isHolding(rule) ? holdingVerdict(rule, kind === undefined ? undefined : table) : undefined;
  if (kind === undefined) return { rule, verdict: undefined, groups: undefined, holding };
  if (rule.groupBreakdown === undefined) {
    return { rule, verdict: pooledVerdict(rule, kind), groups: undefined, holding };
  }
  if (table === undefined) return { rule, verdict: undefined, groups: undefined, holding };
  return { rule, verdict: { kind, rule, untilMs: validUntilMs(rule), groups: table }, groups, holding };
}

function* entriesOf({ verdict, groups }: Item): Generator<void, readonly ScopeEntry<Verdict>[]> {
  if (verdict === undefined) return [];
  return groups === undefined ? [pooledEntry(verdict)] : groupedEntries(verdict, yield* groups.breached());
}

function inOrder({ rule: a }: Item, { rule: b }: Item): number {
  return compareKeys(Number(a.ruleId), a.key ?? '', Number(b.ruleId), b.key ?? '');
}
