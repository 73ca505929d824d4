/** One control of a feed in the serving process: its rules as texts that are ready, changed one group at a time. */
import { type BalanceValues, type CompiledControl, compileControl, isDepartmentRule } from './compiled-control.js';
import type { CurrentWindow } from './current-window.js';
import type { ControlReading, GroupReading } from './feed-reading.js';
import { type FeedRule, feedRuleOf, type RuleReading, readingOf } from './feed-rule.js';
import { GroupTable } from './group-table.js';
import { SortedList } from './sorted-list.js';
import type { StepDraft } from './step-draft.js';
import { Tally } from './tally.js';

/** A pooled rule of a control, as text: the rule of the control itself, or of one breached group of it. */
export interface RuleText {
  /** Its key: what rules of one control are ordered by. */
  readonly name: string;
  /** The JSON up to and without `groupBreakdown`. */
  readonly head: string;
  readonly rule: FeedRule;
}

/** Changes are taken in by `set…` and come to be seen, and into a step, with {@link ControlState.settle}. */
export class ControlState {
  readonly compiled: CompiledControl;
  readonly window: CurrentWindow;
  readonly key: string;
  /** Of everything that the feed shows of this control. */
  readonly tally = new Tally();
  readonly groups: GroupTable;
  /** Rules of breached groups, where they refuse through rules of their own. */
  readonly pooled = new SortedList<RuleText>();
  readonly #teamNumericId: number;
  #total: BalanceValues;
  #own: RuleText | undefined;

  /** `suffix` sets the rules apart of what the same control refused before. */
  constructor(reading: Omit<ControlReading, 'held'>, teamNumericId: number, suffix = '') {
    this.compiled = compileControl(reading.control);
    this.window = reading.window;
    this.key = `${reading.control.ruleId}${suffix}`;
    this.#total = reading.total;
    this.#teamNumericId = teamNumericId;
    this.groups = new GroupTable(this.compiled);
  }

  /** Whether its groups are listed with its rule; departments are not, they go by maps. */
  get isGrouped(): boolean {
    const { groupBy } = this.compiled.control;
    return groupBy !== null && groupBy !== 'DEPARTMENT';
  }

  /** The rule of the control itself; there after the first {@link settle}. */
  get own(): RuleText {
    return this.#own!;
  }

  /** Returns whether that is another total than before. */
  setTotal(values: BalanceValues): boolean {
    const before = this.#total;
    this.#total = values;
    return values.value !== before.value || values.unknownCount !== before.unknownCount;
  }

  /** Until when a total that was read at `readMs` stays by itself: a ROLLING one loses a bucket when the next begins. */
  totalHoldsUntilMs(readMs: number): number {
    const { bucketMs } = this.window;
    const { value, unknownCount } = this.#total;
    if (bucketMs === null || (value === 0n && unknownCount === 0n)) return Number.MAX_SAFE_INTEGER;
    return (Math.floor(readMs / bucketMs) + 1) * bucketMs;
  }

  setGroups(readings: readonly GroupReading[]): void {
    if (this.isGrouped) for (const reading of readings) this.groups.set(reading);
  }

  /** Makes texts of what was set, and notes in `draft` how they differ; without one it is new. */
  settle(draft?: StepDraft): void {
    const before = this.#own;
    const own = this.#ruleText(this.#reading());
    const renewed =
      before === undefined ||
      before.rule.breached !== own.rule.breached ||
      before.rule.exhausted !== own.rule.exhausted ||
      before.rule.warnBreached !== own.rule.warnBreached;
    if (before?.head !== own.head) {
      this.#own = own;
      this.#retally(before?.head, own.head);
      if (!renewed) draft?.values(this.key, own.rule.currentValue, own.rule.percentUsed);
    }
    for (const { name, before: old, after } of this.groups.settle()) {
      this.#retally(old?.text, after?.text);
      if (renewed) continue;
      if (after === undefined) draft?.groupRemoved(this.key, name);
      else draft?.groupSet(this.key, after.text);
    }
    if (renewed) draft?.rule(this.tally.chars, () => this.ownText());
    this.#settlePooled(draft);
  }

  /** The whole rule of the control as JSON. */
  ownText(): string {
    const parts: string[] = [];
    this.#ownParts(parts);
    return parts.join('');
  }

  /** Everything leaves the feed. */
  drop(draft: StepDraft): void {
    draft.ruleRemoved(this.key);
    for (const { name } of this.pooled) draft.ruleRemoved(name);
  }

  /** A state of the same control takes the place of `before`. */
  replace(before: ControlState | undefined, draft: StepDraft): void {
    for (const { name } of before?.pooled ?? []) if (this.pooled.get(name) === undefined) draft.ruleRemoved(name);
    draft.rule(this.tally.chars, () => this.ownText());
    for (const { head } of this.pooled) draft.rule(head.length, () => `${head},"groupBreakdown":null}`);
  }

  #ownParts(into: string[]): void {
    into.push(this.own.head);
    if (!this.isGrouped) {
      into.push(',"groupBreakdown":null}');
      return;
    }
    let before = ',"groupBreakdown":[';
    for (const { text } of this.groups.entries) {
      into.push(before, text);
      before = ',';
    }
    into.push(before === ',' ? ']}' : `${before}]}`);
  }

  /** A grouped rule refuses through its groups only. */
  #reading(): RuleReading {
    if (isDepartmentRule(this.compiled.control)) return { values: this.#total, exhausted: false, warnBreached: false };
    if (!this.isGrouped) return readingOf(this.compiled, this.#total);
    return { values: this.#total, exhausted: false, warnBreached: this.groups.listed > 0 };
  }

  #settlePooled(draft: StepDraft | undefined): void {
    for (const groupKey of this.groups.takeChanged()) {
      const name = `${this.key}:${groupKey}`;
      const before = this.pooled.get(name);
      const values = this.groups.refusesAlone(groupKey);
      if (values === undefined) {
        if (before === undefined) continue;
        this.pooled.delete(name);
        this.#retally(before.head, undefined);
        draft?.ruleRemoved(name);
        continue;
      }
      const after = this.#ruleText(readingOf(this.compiled, values), groupKey);
      if (after.head === before?.head) continue;
      this.pooled.put(after);
      this.#retally(before?.head, after.head);
      const { currentValue, percentUsed } = after.rule;
      if (before?.rule.warnBreached === after.rule.warnBreached) draft?.values(name, currentValue, percentUsed);
      else draft?.rule(after.head.length, () => `${after.head},"groupBreakdown":null}`);
    }
  }

  #ruleText(reading: RuleReading, group?: string): RuleText {
    const key = group === undefined ? this.key : `${this.key}:${group}`;
    const rule = feedRuleOf(this.compiled, this.#teamNumericId, this.window, reading, key, group);
    return { name: rule.key, head: JSON.stringify(rule).slice(0, -1), rule };
  }

  #retally(before: string | undefined, after: string | undefined): void {
    const seed = this.compiled.control.ruleId;
    if (before !== undefined) this.tally.remove(before, seed);
    if (after !== undefined) this.tally.add(after, seed);
  }
}
