/** The naive oracle: everything that ever happened in lists, summed anew for every question. The meaning of I6. */
import { REQUEST_AHEAD_MAX_MS } from '../../service/ledger/window.js';
import { windowOf } from '../../service/ledger/windows.js';
import type { ControlFilter, CostControl } from '../../service/store/store.js';

/** What an event says, as the oracle looks at it. */
export type Body = {
  model: string;
  provider: string;
  cents: number | null;
  id?: string;
  email?: string;
  agent?: string;
  tokens: number;
  failed: boolean;
  minutesAgo: number;
  repeat: 'no' | 'same' | 'other';
};

/** What a control that assumes a price takes an event for. */
export const ASSUMED_CENTS = 70;
/** The durations of ROLLING windows in histories. */
export const DURATIONS_MS = { PT1M: 60_000, PT1H: 3_600_000, PT25H: 90_000_000, P7D: 604_800_000 } as const;

/** An event, and the instant by which it counts. */
export interface Seen {
  readonly body: Body;
  readonly atMs: number;
}

/** Everything that ever happened, and nothing else. */
export class Oracle {
  readonly events: Seen[] = [];
  readonly aliases = new Map<string, string>();
  controls: CostControl[] = [];

  add(body: Body, atMs: number): void {
    this.events.push({ body, atMs });
    const { id } = body;
    if (id === undefined) return;
    const own = id.toLowerCase();
    if (own.includes('@') && !this.aliases.has(own)) this.aliases.set(own, id);
    const email = body.email?.toLowerCase();
    if (email?.includes('@') && !this.aliases.has(email)) this.aliases.set(email, this.aliases.get(own) ?? id);
  }

  group(rule: CostControl, { body }: Seen): string | undefined {
    if (rule.groupBy === 'MODEL') return body.model;
    if (body.id !== undefined) return this.aliases.get(body.id.toLowerCase()) ?? body.id;
    const email = body.email?.toLowerCase();
    return email === undefined ? undefined : (this.aliases.get(email) ?? email);
  }

  /** Value and unknown prices of what matches `rule` in the window of `nowMs`, of one group or of all. */
  sum(rule: CostControl, nowMs: number, group?: string): { value: number; unknown: number; any: boolean } {
    const counts = countedBy(rule, nowMs);
    const inside = this.events.filter(
      (seen) =>
        counts(seen.atMs) &&
        rule.filters.every((filter) => holds(filter, seen.body)) &&
        (group === undefined || this.group(rule, seen) === group),
    );
    const value = inside.reduce((sum, { body }) => sum + contribution(rule, body), 0);
    const unknown = rule.metricType === 'TOTAL_COST' ? inside.filter(({ body }) => body.cents === null).length : 0;
    return { value, unknown, any: inside.length > 0 };
  }

  breached(rule: CostControl, sum: { value: number; unknown: number }): boolean {
    const scale = rule.metricType === 'TOTAL_COST' ? 100 : 1;
    return sum.value >= Number(rule.hardLimit) * scale || (rule.onUnknownPrice === 'refuse' && sum.unknown > 0);
  }

  groups(rule: CostControl): Set<string> {
    return new Set(this.events.map((seen) => this.group(rule, seen)).filter((group) => group !== undefined));
  }
}

/** Whether an instant lies in the window of `nowMs`; of a ROLLING one, in the bucket of now, in one of 60 before it, or ahead. */
function countedBy(rule: CostControl, nowMs: number): (atMs: number) => boolean {
  if (rule.windowType !== 'ROLLING') {
    const { startMs, endMs } = windowOf(rule, nowMs);
    return (atMs) => atMs >= startMs && atMs < endMs;
  }
  const bucketMs = Math.ceil(DURATIONS_MS[rule.windowDuration as keyof typeof DURATIONS_MS] / 60);
  const bucket = (ms: number): number => Math.floor(ms / bucketMs);
  return (atMs) => bucket(atMs) >= bucket(nowMs) - 60 && bucket(atMs) <= bucket(nowMs + REQUEST_AHEAD_MAX_MS);
}

/** Cents, or a count. */
function contribution(rule: CostControl, body: Body): number {
  if (rule.metricType === 'TOTAL_COST') return body.cents ?? (rule.onUnknownPrice === 'assume' ? ASSUMED_CENTS : 0);
  if (rule.metricType === 'TOKEN_COUNT') return body.tokens;
  return body.failed ? 1 : 0;
}

export function holds(filter: ControlFilter, body: Body): boolean {
  if (filter.dimension === 'MODEL') {
    if (filter.operator === 'IS') return body.model === filter.value;
    if (filter.operator === 'IS_NOT') return body.model !== filter.value;
    return body.model.startsWith(filter.value ?? '');
  }
  if (filter.dimension === 'PROVIDER') return body.provider.toLowerCase() === 'openai';
  if (filter.dimension === 'AGENT') return body.agent === 'bot';
  return body.id === 'u1' || body.email === 'u1';
}
