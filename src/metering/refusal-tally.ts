/** Refused calls, counted together where they say the same; bounded, and exact in number. */
import type { CallDimensions, RefuseDecision, TrippedRule } from '../../enforcement/decision.js';
import type { ReactionKind } from '../holds/hold-reactions.js';
import type { Runtime } from '../runtime.js';

/** Refused calls that have all of this in common, as they are reported. */
export interface ReportedRefusal {
  /** The same over all tries: the service takes a report once. */
  readonly id: string;
  readonly ruleId: number;
  readonly key?: string;
  /** ISO-8601: the first of them. */
  readonly at: string;
  /** How many. */
  readonly count: number;
  readonly groupValue?: string;
  readonly subscriberId?: string;
  readonly subscriberEmail?: string;
  readonly model?: string;
  readonly provider?: string;
  readonly currentValue?: number;
  readonly threshold?: number;
  readonly code: string;
  /** A step that was taken instead of refusing; absent: the calls were refused. */
  readonly kind?: ReactionKind;
  /** Of the rules that refused. */
  readonly revision?: number;
}

type Open = { -readonly [Name in keyof ReportedRefusal]: ReportedRefusal[Name] };

/** Different reports that are kept; further refusals are counted by rule alone. */
const DETAILED_MAX = 1_000;
/** Reports by rule alone; with more rules refusing at once, their refusals are only counted as lost. */
const REPORTS_MAX = 2_000;
/** Characters of a value. */
const TEXT_MAX = 255;

/** Reports that grow until they are taken for a request; from then on their number is fixed. */
export class RefusalTally {
  readonly #runtime: Runtime;
  readonly #growing = new Map<string, Open>();
  #fixed: readonly ReportedRefusal[] = [];
  #waiting = 0;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** How many refused calls are in the reports that are not settled. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Counts a refused call; `false` where there is no room for it. */
  add(
    decision: RefuseDecision,
    rule: TrippedRule,
    call: CallDimensions,
    revision: () => number | undefined,
    kind?: ReactionKind,
  ): boolean {
    const { subscriberId, subscriberEmail, model, provider } = call;
    const own = `${rule.ruleId}\n${rule.ruleKey}\n${decision.code}\n${kind}`;
    const detailed = `${own}\n${rule.groupValue}\n${subscriberId}\n${subscriberEmail}\n${model}\n${provider}`;
    const known = this.#growing.get(detailed);
    if (known !== undefined) {
      known.count += 1;
      this.#waiting += 1;
      return true;
    }
    const kept = this.#growing.size + this.#fixed.length;
    if (kept < DETAILED_MAX) this.#open(detailed, this.#report(decision, rule, call, revision(), kind));
    else if (!this.#addByRule(own, kept, this.#report(decision, rule, {}, revision(), kind))) return false;
    this.#waiting += 1;
    return true;
  }

  /** Up to `max` reports, oldest first, whose numbers are fixed by this. The same ones again until they are settled. */
  take(max: number): readonly ReportedRefusal[] {
    if (this.#fixed.length === 0) {
      this.#fixed = [...this.#growing.values()];
      this.#growing.clear();
    }
    return this.#fixed.slice(0, max);
  }

  /** These were taken or given up; returns how many refused calls they are. */
  settle(reports: readonly ReportedRefusal[]): number {
    const settled = new Set(reports);
    this.#fixed = this.#fixed.filter((report) => !settled.has(report));
    const count = reports.reduce((sum, report) => sum + report.count, 0);
    this.#waiting -= count;
    return count;
  }

  /** All are given up. */
  settleAll(): number {
    const count = this.#waiting;
    this.#fixed = [];
    this.#growing.clear();
    this.#waiting = 0;
    return count;
  }

  #addByRule(key: string, kept: number, report: Open): boolean {
    const known = this.#growing.get(key);
    if (known !== undefined) known.count += 1;
    else if (kept >= REPORTS_MAX) return false;
    else {
      const { groupValue: _group, currentValue: _value, ...rest } = report;
      this.#open(key, rest);
    }
    return true;
  }

  #open(key: string, report: Open): void {
    this.#growing.set(key, report);
  }

  #report(
    decision: RefuseDecision,
    rule: TrippedRule,
    call: CallDimensions,
    revision: number | undefined,
    kind: ReactionKind | undefined,
  ): Open {
    const report: Open = {
      id: this.#runtime.newId(),
      ruleId: Number(rule.ruleId),
      at: new Date(this.#runtime.now()).toISOString(),
      count: 1,
      code: decision.code,
    };
    const texts = {
      key: rule.ruleKey,
      groupValue: rule.groupValue,
      subscriberId: call.subscriberId,
      subscriberEmail: call.subscriberEmail,
      model: call.model,
      provider: call.provider,
    };
    for (const [name, value] of Object.entries(texts)) {
      if (typeof value === 'string' && value !== '') report[name as keyof typeof texts] = value.slice(0, TEXT_MAX);
    }
    if (rule.currentValue !== null) report.currentValue = rule.currentValue;
    if (rule.threshold !== null) report.threshold = rule.threshold;
    if (revision !== undefined) report.revision = revision;
    if (kind !== undefined) report.kind = kind;
    return report;
  }
}
