/**
 * The rule list for clients that read no further than 1 MiB (contract 2.2). Where it does not fit it loses detail first,
 * then what refuses nobody, and last the verdicts of those that are the least beyond their limit
 * (docs/decisions/2026-11-21-feed-for-public-clients.md). Pure, and in steps: whoever runs it may let others work between.
 */
import type { ControlState, RuleText } from './control-state.js';
import type { GroupEntry } from './group-table.js';

/** Below 1 MiB with room for the envelope and for what grows on the way. */
export const RULES_BYTES_MAX = 1_000_000;
/** No entry is shorter than this. */
const ENTRY_BYTES_MIN = 48;
/** Entries of one step. */
const STEP_SIZE = 512;

/** A control as it is now: what changes later is not in it. */
export interface ShownControl {
  readonly own: RuleText;
  readonly isGrouped: boolean;
  readonly entries: readonly GroupEntry[];
  readonly pooled: readonly RuleText[];
}

/** Texts that make the list, and how many rules and groups are not in it. */
export interface BoundedRules {
  readonly parts: readonly string[];
  readonly omitted: number;
}

/** Holds on to controls as they are. */
export function shown(controls: readonly ControlState[]): readonly ShownControl[] {
  return controls.map(({ own, isGrouped, groups, pooled }) => {
    return { own, isGrouped, entries: [...groups.entries], pooled: [...pooled] };
  });
}

/** The list in the order of the feed. */
export function* boundedRules(
  controls: readonly ShownControl[],
  bytesMax = RULES_BYTES_MAX,
): Generator<void, BoundedRules> {
  const whole = wholeRules(controls);
  if (bytesOf(whole, bytesMax) <= bytesMax) return { parts: whole, omitted: 0 };
  const slim = yield* slimRules(controls, bytesMax);
  if (slim !== undefined) return { parts: slim, omitted: 0 };
  return yield* new Selection(controls, bytesMax).take();
}

/** While an operators' bypass is on: every rule, no verdict. */
export function* quietRules(
  controls: readonly ShownControl[],
  bytesMax = RULES_BYTES_MAX,
): Generator<void, BoundedRules> {
  const texts: string[] = [];
  let left = bytesMax;
  let omitted = 0;
  for (const [i, { own, isGrouped }] of controls.entries()) {
    if (i % STEP_SIZE === STEP_SIZE - 1) yield;
    const rule = { ...own.rule, breached: false, warnBreached: false, groupBreakdown: isGrouped ? [] : null };
    const text = JSON.stringify(rule);
    left -= Buffer.byteLength(text) + 1;
    if (left > 0) texts.push(text);
    else omitted += 1;
  }
  return { parts: ['[', texts.join(','), ']'], omitted };
}

/** The list with everything. */
export function wholeRules(controls: readonly ShownControl[]): readonly string[] {
  const parts: string[] = [];
  let before = '[';
  for (const { own, isGrouped, entries, pooled } of controls) {
    parts.push(before, own.head);
    if (!isGrouped) parts.push(ALONE);
    else if (entries.length === 0) parts.push(',"groupBreakdown":[]}');
    else {
      let comma = ',"groupBreakdown":[';
      for (const { text } of entries) {
        parts.push(comma, text);
        comma = ',';
      }
      parts.push(']}');
    }
    for (const { head } of pooled) parts.push(',', head, ALONE);
    before = ',';
  }
  parts.push(before === '[' ? '[]' : ']');
  return parts;
}

/** What ends a rule that has no groups. */
const ALONE = ',"groupBreakdown":null}';

/** Everything with less detail; `undefined` where that does not fit either. */
function* slimRules(
  controls: readonly ShownControl[],
  bytesMax: number,
): Generator<void, readonly string[] | undefined> {
  const parts: string[] = [];
  let bytes = 0;
  let since = 0;
  let before = '[';
  for (const { own, isGrouped, entries, pooled } of controls) {
    const texts: string[] = [];
    for (const entry of entries) {
      const text = slimText(entry);
      texts.push(text);
      bytes += Buffer.byteLength(text) + 1;
      if (bytes > bytesMax) return undefined;
      since += 1;
      if (since % STEP_SIZE === 0) yield;
    }
    parts.push(before, ownText(own, isGrouped, texts));
    bytes += Buffer.byteLength(own.head) + ALONE.length + 1;
    for (const { head } of pooled) {
      parts.push(',', head, ALONE);
      bytes += Buffer.byteLength(head) + ALONE.length + 1;
    }
    if (bytes > bytesMax) return undefined;
    before = ',';
  }
  return [...parts, ']'];
}

/** What a guard needs of an entry. */
function slimText({ name, currentValue, breached }: GroupEntry): string {
  return JSON.stringify({ groupValue: name, currentValue, breached });
}

function ownText({ head }: RuleText, isGrouped: boolean, entries: readonly string[]): string {
  return isGrouped ? `${head},"groupBreakdown":[${entries}]}` : `${head}${ALONE}`;
}

/** Bytes of the texts; not counted on beyond `max`. */
function bytesOf(parts: readonly string[], max: number): number {
  let bytes = 0;
  for (const part of parts) {
    bytes += Buffer.byteLength(part);
    if (bytes > max) break;
  }
  return bytes;
}

interface Weighed {
  readonly control: ShownControl;
  readonly entry: GroupEntry;
}

/** What is chosen where not everything fits. */
class Selection {
  readonly #controls: readonly ShownControl[];
  readonly #chosen = new Map<ShownControl, Map<GroupEntry, string>>();
  readonly #rules = new Set<RuleText>();
  #left: number;
  #omitted = 0;

  constructor(controls: readonly ShownControl[], bytesMax: number) {
    this.#controls = controls;
    this.#left = bytesMax - 2;
  }

  *take(): Generator<void, BoundedRules> {
    const rules = this.#controls.flatMap(({ own, pooled }) => [own, ...pooled]);
    for (const rule of rules) if (rule.rule.breached) this.#takeRule(rule);
    yield* this.#takeGroups();
    const calm = rules.filter((rule) => !rule.rule.breached);
    for (const rule of calm) if (rule.rule.warnBreached) this.#takeRule(rule);
    yield;
    for (const rule of calm) if (!rule.rule.warnBreached) this.#takeRule(rule);
    yield;
    return { parts: yield* this.#parts(), omitted: this.#omitted };
  }

  #takeRule(rule: RuleText): boolean {
    if (this.#rules.has(rule)) return true;
    const bytes = Buffer.byteLength(rule.head) + ALONE.length + 1;
    if (bytes > this.#left) {
      this.#omitted += 1;
      return false;
    }
    this.#left -= bytes;
    this.#rules.add(rule);
    return true;
  }

  /** Whoever goes on spending moves up the list. */
  *#takeGroups(): Generator<void, void> {
    const breached: Weighed[] = [];
    for (const control of this.#controls) {
      for (const entry of control.entries) {
        if (entry.breached) breached.push({ control, entry });
        else this.#omitted += 1;
      }
    }
    yield;
    const first = heaviest(breached, Math.ceil(this.#left / ENTRY_BYTES_MIN));
    this.#omitted += breached.length - first.length;
    for (const [i, { control, entry }] of first.entries()) {
      if (i % STEP_SIZE === 0) yield;
      const text = slimText(entry);
      const bytes = Buffer.byteLength(text) + 1;
      if (bytes > this.#left || !this.#hasRule(control.own, bytes)) {
        this.#omitted += 1;
        continue;
      }
      this.#left -= bytes;
      const chosen = this.#chosen.get(control) ?? new Map<GroupEntry, string>();
      this.#chosen.set(control, chosen.set(entry, text));
    }
  }

  /** Whether the rule that carries an entry is in, or fits in with it. */
  #hasRule(own: RuleText, entryBytes: number): boolean {
    if (this.#rules.has(own)) return true;
    if (Buffer.byteLength(own.head) + ALONE.length + 1 + entryBytes > this.#left) return false;
    return this.#takeRule(own);
  }

  *#parts(): Generator<void, readonly string[]> {
    const texts: string[] = [];
    for (const control of this.#controls) {
      const { own, pooled, isGrouped, entries } = control;
      if (this.#rules.has(own)) {
        const chosen = this.#chosen.get(control);
        const names = chosen === undefined ? [] : entries.flatMap((entry) => chosen.get(entry) ?? []);
        texts.push(ownText(own, isGrouped, names));
        if (entries.length > STEP_SIZE) yield;
      }
      for (const rule of pooled) if (this.#rules.has(rule)) texts.push(`${rule.head}${ALONE}`);
    }
    return ['[', texts.join(','), ']'];
  }
}

/** The `count` entries with the largest excess, the largest first. Only those that can fit are sorted as objects. */
function heaviest(entries: readonly Weighed[], count: number): readonly Weighed[] {
  let candidates = entries;
  if (entries.length > count) {
    const excesses = Float64Array.from(entries, ({ entry }) => entry.excess).sort();
    const least = excesses[excesses.length - count]!;
    candidates = entries.filter(({ entry }) => entry.excess >= least);
  }
  const sorted = [...candidates].sort((a, b) => compare(b.entry.excess, a.entry.excess));
  return sorted.slice(0, count);
}

/** Infinities of the same sign are equal. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a - b;
}
