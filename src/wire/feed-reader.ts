/** From the parts of a body to a {@link Feed}: the one way in, for a body at once and for one read in steps. */
import type { Feed, FeedResult, GroupVerdict, Rule } from './feed.js';
import { readBypass } from './feed-bypass.js';
import { DEPARTMENT_NAMES, NO_DEPARTMENTS, readDepartmentMaps } from './feed-departments.js';
import { type DropReason, parseRule, readBreakdownInSteps, ruleIdOf, TimeMemo } from './feed-rule.js';
import { readTimeMs } from './feed-values.js';
import { isRecord } from './is-record.js';

/** The fields of the envelope that a body must have at least one of (I8). Our own `revision` alone is no feed. */
const KNOWN_FIELDS = new Set(['rules', 'compiledAt', 'departmentBudgetBlockUnits', ...DEPARTMENT_NAMES]);

/** Whether the name says that a body is a feed. */
export function isFeedField(name: string): boolean {
  return KNOWN_FIELDS.has(name);
}

/** Takes rules one after another; those that are not understood are dropped alone, and counted. */
export class RuleReader {
  readonly #rules: Rule[] = [];
  readonly #raws: unknown[] | undefined;
  readonly #times = new TimeMemo();
  #taken = 0;
  readonly #reasons = new Map<DropReason, number>();
  readonly #droppedIds = new Set<string>();

  /** With `keepRaw` the rules as they came are kept as objects, see {@link raws}. */
  constructor(keepRaw = false) {
    this.#raws = keepRaw ? [] : undefined;
  }

  /** The rules as they came, where they are kept. */
  get raws(): readonly unknown[] | undefined {
    return this.#raws;
  }

  /** Reads the next rule of the list, in steps where it has many groups. */
  *readInSteps(raw: unknown): Generator<void, void> {
    const groups = isRecord(raw) ? raw['groupBreakdown'] : undefined;
    this.read(raw, yield* readBreakdownInSteps(groups));
  }

  /** Reads the next rule of the list. */
  read(raw: unknown, breakdown?: readonly GroupVerdict[]): void {
    this.#taken += 1;
    this.#raws?.push(raw);
    const rule = parseRule(raw, this.#times, breakdown);
    if (typeof rule !== 'string') {
      this.#rules.push(rule);
      return;
    }
    this.#reasons.set(rule, (this.#reasons.get(rule) ?? 0) + 1);
    const id = ruleIdOf(raw);
    if (id !== undefined) this.#droppedIds.add(String(id));
  }

  /** Whether the list had elements and none was a rule at all: then it is no list of rules. */
  get isNonsense(): boolean {
    const noRules = (this.#reasons.get('not an object') ?? 0) + (this.#reasons.get('no rule id') ?? 0);
    return noRules > 0 && noRules === this.#taken;
  }

  /** Ends the list. `rawRules` gives it again as it came, `get` the other fields of the envelope. */
  *finish(rawRules: Iterable<unknown>, get?: (name: string) => unknown): Generator<void, FeedResult> {
    if (this.isNonsense) return { kind: 'malformed', reason: 'no element of the list is a rule' };
    if (this.#droppedIds.size > 0) for (const rule of this.#rules) this.#droppedIds.delete(String(rule.ruleId));
    const isDropped = (ruleId: number) => this.#droppedIds.has(String(ruleId));
    const revision = get?.('revision');
    const bypass = readBypass(get?.('bypass'));
    const feed: Feed = {
      rules: this.#rules,
      departments: get === undefined ? NO_DEPARTMENTS : yield* readDepartmentMaps(get, isDropped),
      compiledAtMs: readTimeMs(get?.('compiledAt')),
      revision: Number.isSafeInteger(revision) ? (revision as number) : undefined,
      ...(bypass === 'none' ? {} : { bypass }),
      dropped: { count: this.#taken - this.#rules.length, reasons: this.#reasons },
      rawRules,
    };
    return { kind: 'rules', feed };
  }
}
