/**
 * The rule list for clients that read no further than 1 MiB (contract 2.2). Where it does not fit it loses detail first,
 * then what refuses nobody, and last the verdicts of those that are the least beyond their limit
 * (docs/decisions/2026-11-21-feed-for-public-clients.md). Pure.
 */
import type { ControlState, RuleText } from './control-state.js';
import type { GroupEntry } from './group-table.js';

/** Below 1 MiB with room for the envelope and for what grows on the way. */
export const RULES_BYTES_MAX = 1_000_000;
/** No entry is shorter than this. */
const ENTRY_BYTES_MIN = 48;

/** Texts that make the list, and how many rules and groups are not in it. */
export interface BoundedRules {
  readonly parts: readonly string[];
  readonly omitted: number;
}

/** The list in the order of the feed. */
export function boundedRules(controls: readonly ControlState[], bytesMax = RULES_BYTES_MAX): BoundedRules {
  const whole = wholeRules(controls);
  if (bytesOf(whole, bytesMax) <= bytesMax) return { parts: whole, omitted: 0 };
  const slim = slimRules(controls);
  if (bytesOf(slim, bytesMax) <= bytesMax) return { parts: slim, omitted: 0 };
  return new Selection(controls, bytesMax).take();
}

/** While an operators' bypass is on: every rule, no verdict. */
export function quietRules(controls: readonly ControlState[], bytesMax = RULES_BYTES_MAX): BoundedRules {
  const parts: string[] = ['['];
  let left = bytesMax;
  let omitted = 0;
  for (const { own, isGrouped } of controls) {
    const rule = { ...own.rule, breached: false, warnBreached: false, groupBreakdown: isGrouped ? [] : null };
    const text = JSON.stringify(rule);
    left -= Buffer.byteLength(text) + 1;
    if (left > 0) parts.push(parts.length > 1 ? ',' : '', text);
    else omitted += 1;
  }
  return { parts: [...parts, ']'], omitted };
}

/** The list with everything. */
export function wholeRules(controls: readonly ControlState[]): readonly string[] {
  const parts: string[] = ['['];
  for (const [i, control] of controls.entries()) {
    if (i > 0) parts.push(',');
    control.parts(parts);
  }
  parts.push(']');
  return parts;
}

function slimRules(controls: readonly ControlState[]): readonly string[] {
  const parts: string[] = ['['];
  for (const [i, control] of controls.entries()) {
    if (i > 0) parts.push(',');
    parts.push(ownText(control, [...control.groups.entries].map(slimText)));
    for (const { head } of control.pooled) parts.push(',', alone(head));
  }
  parts.push(']');
  return parts;
}

/** What a guard needs of an entry. */
function slimText({ name, currentValue, breached }: GroupEntry): string {
  return JSON.stringify({ groupValue: name, currentValue, breached });
}

function ownText({ own, isGrouped }: ControlState, entries: readonly string[]): string {
  return isGrouped ? `${own.head},"groupBreakdown":[${entries}]}` : alone(own.head);
}

function alone(head: string): string {
  return `${head},"groupBreakdown":null}`;
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
  readonly control: ControlState;
  readonly entry: GroupEntry;
}

/** What is chosen where not everything fits. */
class Selection {
  readonly #controls: readonly ControlState[];
  readonly #chosen = new Map<ControlState, Map<string, string>>();
  readonly #rules = new Set<RuleText>();
  #left: number;
  #omitted = 0;

  constructor(controls: readonly ControlState[], bytesMax: number) {
    this.#controls = controls;
    this.#left = bytesMax - 2;
  }

  take(): BoundedRules {
    const pooled = this.#controls.flatMap(({ own, pooled }) => [own, ...pooled]);
    for (const rule of pooled) if (rule.rule.breached) this.#takeRule(rule);
    this.#takeGroups();
    const calm = pooled.filter(({ rule }) => !rule.breached);
    for (const rule of calm) if (rule.rule.warnBreached) this.#takeRule(rule);
    for (const rule of calm) if (!rule.rule.warnBreached) this.#takeRule(rule);
    return { parts: this.#parts(), omitted: this.#omitted };
  }

  #takeRule(rule: RuleText): boolean {
    if (this.#rules.has(rule)) return true;
    const bytes = Buffer.byteLength(rule.head) + ',"groupBreakdown":null},'.length;
    if (bytes > this.#left) {
      this.#omitted += 1;
      return false;
    }
    this.#left -= bytes;
    this.#rules.add(rule);
    return true;
  }

  /** Whoever goes on spending moves up the list. */
  #takeGroups(): void {
    const breached: Weighed[] = [];
    for (const control of this.#controls) {
      if (!control.isGrouped) continue;
      for (const entry of control.groups.entries) {
        if (entry.breached) breached.push({ control, entry });
        else this.#omitted += 1;
      }
    }
    const first = heaviest(breached, Math.ceil(this.#left / ENTRY_BYTES_MIN));
    this.#omitted += breached.length - first.length;
    for (const { control, entry } of first) {
      const text = slimText(entry);
      const bytes = Buffer.byteLength(text) + 1;
      if (bytes > this.#left || !this.#hasRule(control, bytes)) {
        this.#omitted += 1;
        continue;
      }
      this.#left -= bytes;
      let chosen = this.#chosen.get(control);
      if (chosen === undefined) {
        chosen = new Map();
        this.#chosen.set(control, chosen);
      }
      chosen.set(entry.name, text);
    }
  }

  /** Whether the rule that carries an entry is in, or fits in with it. */
  #hasRule({ own }: ControlState, entryBytes: number): boolean {
    if (this.#rules.has(own)) return true;
    if (Buffer.byteLength(own.head) + 32 + entryBytes > this.#left) return false;
    return this.#takeRule(own);
  }

  #parts(): readonly string[] {
    const texts: string[] = [];
    for (const control of this.#controls) {
      const { own, pooled, groups } = control;
      if (this.#rules.has(own)) {
        const chosen = this.#chosen.get(control);
        const names = chosen === undefined ? [] : [...groups.entries];
        texts.push(
          ownText(
            control,
            names.flatMap(({ name }) => chosen?.get(name) ?? []),
          ),
        );
      }
      for (const rule of pooled) if (this.#rules.has(rule)) texts.push(alone(rule.head));
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
