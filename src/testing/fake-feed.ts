/** The feed of the fake service: by revision, waiting, whole or bounded, as differences. */
import type { IncomingHttpHeaders } from 'node:http';
import { wallClock } from '../runtime.js';
import { type FeedBody, feedStep } from './feed-step.js';

/** A rule as a test writes it: only what matters; the rest is filled in as the real service would. */
export interface FakeRule {
  readonly ruleId?: number;
  readonly name: string;
  readonly breached?: boolean;
  readonly threshold?: number;
  readonly currentValue?: number;
  /** Any other field of contract 2.2. */
  readonly [field: string]: unknown;
}

/** An operators' bypass as a test switches it. */
export interface FakeBypass {
  /** ISO-8601. */
  readonly until: string;
  readonly reason?: string;
  readonly by?: string;
}

/** What is answered. */
export interface FakeAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Feeds that a difference can be made to. */
const KEPT_MAX = 32;
const WAIT_MAX_SECONDS = 60;

interface Kept {
  readonly etag: string;
  readonly body: FeedBody;
}

/** Rules, maps and bypass at a revision. */
export class FakeFeed {
  #rules: readonly FakeRule[] = [];
  #envelope: Readonly<Record<string, unknown>> = {};
  #bypass: FakeBypass | undefined;
  #revision = 1;
  readonly #kept: Kept[] = [];
  readonly #waiting = new Set<() => void>();

  get revision(): number {
    return this.#revision;
  }

  /** Replaces rules and the other members of the envelope, and answers who waits. */
  setRules(rules: readonly FakeRule[], envelope: Readonly<Record<string, unknown>>): void {
    this.#rules = rules;
    this.#envelope = envelope;
    this.#moved();
  }

  setBypass(bypass: FakeBypass | undefined): void {
    this.#bypass = bypass;
    this.#moved();
  }

  /** Answers everybody who waits, with what there is. */
  release(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Answers a request. `capabilities` are those that this service announces. */
  async answer(headers: IncomingHttpHeaders, search: URLSearchParams, can: ReadonlySet<string>): Promise<FakeAnswer> {
    const isWhole = can.has('feed-whole') && listed(headers['fusewire-capabilities']).includes('feed-whole');
    const named = headers['if-none-match'];
    const waitSeconds = Math.min(Number(search.get('wait') ?? 0), WAIT_MAX_SECONDS);
    if (can.has('feed-wait') && waitSeconds > 0 && named === this.#etag(isWhole)) await this.#wait(waitSeconds);
    const etag = this.#etag(isWhole);
    const common = { etag, 'fusewire-revision': String(this.#revision) };
    if (named === etag) return { status: 304, headers: common };
    if (this.#rules.length === 0 && this.#bypass === undefined) return { status: 204, headers: common };
    const body = this.#body(isWhole);
    if (!isWhole) return { status: 200, body, headers: common };
    const base = this.#kept.find((kept) => kept.etag === named);
    this.#keep({ etag, body });
    const isAskedFor = can.has('feed-delta') && listed(headers['a-im']).includes('fusewire-feed');
    if (base === undefined || !isAskedFor) return { status: 200, body, headers: common };
    return {
      status: 226,
      body: {
        revision: this.#revision,
        compiledAt: new Date(wallClock()).toISOString(),
        steps: [feedStep(base.body, body)],
      },
      headers: { ...common, im: 'fusewire-feed', 'delta-base': base.etag },
    };
  }

  #etag(isWhole: boolean): string {
    return `"${this.#revision}-${isWhole ? 'whole' : 'bounded'}"`;
  }

  #moved(): void {
    this.#revision += 1;
    this.release();
  }

  #wait(seconds: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, seconds * 1000);
      timer.unref();
      this.#waiting.add(wake);
    });
  }

  #keep(kept: Kept): void {
    if (this.#kept.some(({ etag }) => etag === kept.etag)) return;
    this.#kept.push(kept);
    if (this.#kept.length > KEPT_MAX) this.#kept.shift();
  }

  #body(isWhole: boolean): FeedBody {
    const filled = this.#rules.map((rule, index) => fill(rule, index, isWhole));
    // Clients that know nothing of the bypass get no verdict while it is on.
    const isSilenced = this.#bypass !== undefined && !isWhole;
    const rules = isSilenced ? filled.map((rule) => ({ ...rule, breached: false, groupBreakdown: null })) : filled;
    const envelope = isSilenced ? {} : this.#envelope;
    const bypass = isWhole && this.#bypass !== undefined ? { bypass: this.#bypass } : {};
    return { revision: this.#revision, ...envelope, ...bypass, rules: rules.sort(inOrder) };
  }
}

function fill(rule: FakeRule, index: number, isWhole: boolean): Record<string, unknown> {
  const ruleId = rule.ruleId ?? index + 1;
  return {
    ruleId,
    ...(isWhole ? { key: String(ruleId) } : {}),
    metricType: 'TOTAL_COST',
    threshold: 1,
    currentValue: rule.breached === true ? 1 : 0,
    breached: false,
    shadowMode: false,
    action: 'BLOCK',
    periodType: 'DAILY',
    filters: [],
    groupBy: null,
    groupBreakdown: null,
    ...rule,
  };
}

/** As the contract of differences has it: by rule id, then by key. */
function inOrder(a: Record<string, unknown>, b: Record<string, unknown>): number {
  const byId = Number(a['ruleId']) - Number(b['ruleId']);
  if (byId !== 0) return byId;
  const [keyA, keyB] = [String(a['key']), String(b['key'])];
  return keyA < keyB ? -1 : keyA > keyB ? 1 : 0;
}

function listed(header: string | readonly string[] | undefined): readonly string[] {
  return String(header ?? '')
    .split(',')
    .map((part) => part.trim().toLowerCase());
}
