/** A service of holds as simple as it can be: one operation after the other, every rule as the words say it. */
import type { RateBound } from '../../src/bound/types.js';
import { amountOf } from '../../src/holds/amounts.js';
import type {
  HoldDesk,
  HoldEstimate,
  HoldMetric,
  HoldNeed,
  HoldOperation,
  HoldOutcome,
  HoldPart,
  HoldRefusal,
  HoldState,
} from '../../src/holds/hold-types.js';

/** A hard control. A window of it is one number: its start. */
export interface FakeControl {
  readonly id: string;
  readonly metric: HoldMetric;
  limit: bigint;
  readonly estimate?: HoldEstimate;
  /** Milliseconds of a window; absent: it never ends. */
  readonly windowMs?: number;
}

interface FakePart {
  readonly control: FakeControl;
  readonly windowStartMs: number;
  amount: bigint;
  drawn: bigint;
  /** Of what was left when it expired. */
  charged: bigint;
}

interface FakeHold {
  readonly id: string;
  readonly owner: string;
  readonly parts: FakePart[];
  readonly ttlMs: number;
  sequence: number;
  expiresAtMs: number;
  state: 'open' | 'closed' | 'expired';
  isRecalled: boolean;
}

const AMOUNT = /^(0|[1-9]\d{0,39})$/;
const MICRO: RateBound = {
  state: 'known',
  lines: [
    {
      requestNano: '0',
      steps: [{ aboveInputTokens: -1, inputPico: '1000', outputPico: '1000' }],
      imagePico: '0',
      characterPico: '0',
      secondPico: '0',
    },
  ],
};

/** The ledger of one team. A token costs one nano-dollar. */
export class FakeLedger implements HoldDesk {
  readonly holds = new Map<string, FakeHold>();
  readonly #spend = new Map<string, bigint>();
  readonly #recorded = new Set<string>();
  /** What events cost beyond what was left of the hold that they named. */
  overrun = 0n;
  /** What counts as spent though no event says so. */
  charged = 0n;
  version = '1';
  operations = 0;
  refusals = 0;
  onExpiry: 'charge' | 'release' = 'charge';

  constructor(
    readonly now: () => number,
    readonly controls: FakeControl[],
    /** Of what is left, a slice gets at most one part in so many. */
    readonly share = 4n,
  ) {}

  operate(operations: readonly HoldOperation[]): Promise<readonly HoldOutcome[]> {
    return Promise.resolve(structuredClone(operations).map((operation) => structuredClone(this.#do(operation))));
  }

  spend(control: FakeControl, atMs = this.now()): bigint {
    return this.#spend.get(`${control.id} ${windowOf(control, atMs)}`) ?? 0n;
  }

  held(control?: FakeControl): bigint {
    let held = 0n;
    for (const hold of this.holds.values()) {
      for (const part of hold.parts) if (control === undefined || part.control === control) held += leftOf(part);
    }
    return held;
  }

  /** Spend of any window beyond the limit of its control. */
  overspend(): bigint {
    let most = 0n;
    for (const [key, spend] of this.#spend) {
      const control = this.controls.find((one) => key.startsWith(`${one.id} `))!;
      if (spend - control.limit > most) most = spend - control.limit;
    }
    return most;
  }

  /** A usage event: the settlement. Twice the same one counts once. */
  record(key: string, holdId: string, tokens: number): void {
    if (this.#recorded.has(key)) return;
    this.#recorded.add(key);
    const hold = this.holds.get(holdId);
    for (const control of this.controls) {
      const part = hold?.parts.find((one) => one.control === control);
      const start = part?.windowStartMs ?? windowOf(control, this.now());
      const cost = BigInt(tokens);
      const balance = `${control.id} ${start}`;
      this.#spend.set(balance, (this.#spend.get(balance) ?? 0n) + cost);
      const left = part === undefined ? 0n : leftOf(part) + part.charged;
      if (part !== undefined) {
        this.#charge(part, -(cost < part.charged ? cost : part.charged));
        part.drawn += cost < left ? cost : left;
        if (part.amount < part.drawn) part.amount = part.drawn;
      }
      if (cost > left) this.overrun += cost - left;
    }
    if (hold?.state === 'open' && hold.parts.every((part) => leftOf(part) === 0n) && hold.parts.length === 0) {
      hold.state = 'closed';
    }
  }

  sweep(): void {
    for (const hold of this.holds.values()) {
      if (hold.state !== 'open' || this.now() < hold.expiresAtMs) continue;
      hold.state = 'expired';
      for (const part of hold.parts) {
        if (this.onExpiry === 'charge') this.#charge(part, leftOf(part));
        part.amount = part.drawn;
      }
    }
  }

  #charge(part: FakePart, by: bigint): void {
    const balance = `${part.control.id} ${part.windowStartMs}`;
    this.#spend.set(balance, (this.#spend.get(balance) ?? 0n) + by);
    part.charged += by;
    this.charged += by;
  }

  #do(operation: HoldOperation): HoldOutcome {
    this.operations += 1;
    this.sweep();
    const hold = this.holds.get(operation.id);
    const { version } = this;
    if (operation.op === 'take') {
      if (hold !== undefined) return { outcome: 'held', hold: this.#stateOf(hold), rates: MICRO, version };
      return this.#take(operation);
    }
    if (hold === undefined) return { outcome: 'gone', version };
    if (hold.state === 'expired' && operation.op === 'give-back' && operation.sequence > hold.sequence) {
      hold.sequence = operation.sequence;
      for (const part of hold.parts) {
        const keep = amount(operation.keep[part.control.id] ?? '0');
        if (keep < part.charged) this.#charge(part, keep - part.charged);
      }
    }
    if (hold.state === 'expired' && operation.op === 'extend') return { outcome: 'gone', version };
    if (hold.state !== 'open' || operation.sequence <= hold.sequence) {
      return { outcome: 'held', hold: this.#stateOf(hold), rates: MICRO, version };
    }
    if (operation.op === 'extend') return this.#extend(hold, operation);
    hold.sequence = operation.sequence;
    hold.expiresAtMs = this.now() + hold.ttlMs;
    if (operation.op === 'give-back') {
      for (const part of hold.parts) {
        const keep = amount(operation.keep[part.control.id] ?? '0');
        if (keep < leftOf(part)) part.amount = part.drawn + keep;
      }
      hold.isRecalled = false;
      if (hold.parts.every((part) => leftOf(part) === 0n)) hold.state = 'closed';
    }
    return { outcome: 'held', hold: this.#stateOf(hold), version };
  }

  #take(operation: HoldOperation & { op: 'take' }): HoldOutcome {
    const { version } = this;
    if (this.controls.length === 0) return { outcome: 'free', version };
    const asked = this.controls.map((control) => ({ control, ask: this.#bound(control, operation.need) }));
    const refusal = this.#refusalOf(asked);
    if (refusal !== undefined) return { outcome: 'refused', refusal, rates: MICRO, version };
    const ttlMs = (operation.ttlSeconds ?? 120) * 1_000;
    const hold: FakeHold = {
      id: operation.id,
      owner: operation.owner,
      ttlMs,
      sequence: 0,
      expiresAtMs: this.now() + ttlMs,
      state: 'open',
      isRecalled: false,
      parts: asked.map(({ control, ask }) => ({
        control,
        windowStartMs: windowOf(control, this.now()),
        amount: ask + this.#extra(control, ask, operation.calls - 1, ask),
        drawn: 0n,
        charged: 0n,
      })),
    };
    this.holds.set(hold.id, hold);
    return { outcome: 'held', hold: this.#stateOf(hold), rates: MICRO, version };
  }

  #extend(hold: FakeHold, operation: HoldOperation & { op: 'extend' }): HoldOutcome {
    const { version } = this;
    const asked = hold.parts.map((part) => ({
      part,
      control: part.control,
      windowStartMs: part.windowStartMs,
      ask: amount(operation.missing[part.control.id] ?? '0'),
    }));
    const refusal = this.#refusalOf(asked);
    if (refusal !== undefined) return { outcome: 'refused', refusal, hold: this.#stateOf(hold), rates: MICRO, version };
    for (const { part, ask } of asked) {
      const bound = this.#bound(part.control, operation.need);
      part.amount += ask + this.#extra(part.control, bound, operation.calls, ask, part.windowStartMs);
    }
    hold.sequence = operation.sequence;
    hold.expiresAtMs = this.now() + hold.ttlMs;
    return { outcome: 'held', hold: this.#stateOf(hold), rates: MICRO, version };
  }

  #bound(control: FakeControl, need: HoldNeed): bigint {
    return amountOf({ metric: control.metric, estimate: control.estimate ?? 'worst-case' }, need, MICRO) as bigint;
  }

  #left(control: FakeControl, windowStartMs: number): bigint {
    let left = control.limit - (this.#spend.get(`${control.id} ${windowStartMs}`) ?? 0n);
    for (const hold of this.holds.values()) {
      for (const part of hold.parts) {
        if (part.control === control && part.windowStartMs === windowStartMs) left -= leftOf(part);
      }
    }
    return left;
  }

  /** For calls to come: as many as are asked for, out of a share of what is left after `ask`. */
  #extra(
    control: FakeControl,
    bound: bigint,
    calls: number,
    ask: bigint,
    start = windowOf(control, this.now()),
  ): bigint {
    const left = (this.#left(control, start) - ask) / this.share;
    if (left <= 0n || bound === 0n || calls <= 0) return 0n;
    const fitting = left / bound;
    return bound * (fitting < BigInt(calls) ? fitting : BigInt(calls));
  }

  #refusalOf(asked: readonly { control: FakeControl; ask: bigint; windowStartMs?: number }[]): HoldRefusal | undefined {
    for (const { control, ask, windowStartMs = windowOf(control, this.now()) } of asked) {
      const left = this.#left(control, windowStartMs);
      if (ask <= left || ask === 0n) continue;
      this.refusals += 1;
      for (const hold of this.holds.values()) {
        if (hold.parts.some((part) => part.control === control && leftOf(part) > 0n)) hold.isRecalled = true;
      }
      const spend = this.#spend.get(`${control.id} ${windowStartMs}`) ?? 0n;
      return {
        code: 'BUDGET_EXCEEDED',
        message: `${control.id} has no room`,
        controlId: control.id,
        ruleId: 1,
        name: control.id,
        metric: control.metric,
        periodType: 'DAILY',
        group: null,
        limit: String(control.limit),
        raised: '0',
        spend: String(spend),
        held: String(control.limit - spend - left),
        asked: String(ask),
        remaining: String(left > 0n ? left : 0n),
        resetsAt: null,
        isHeldByOthers: spend + ask <= control.limit,
        retryAfterMs: null,
        reactions: { clampOutput: false, downgradeTo: null, throttleMs: null },
      };
    }
    return undefined;
  }

  #stateOf(hold: FakeHold): HoldState {
    const ends = hold.parts.map(({ control, windowStartMs }) =>
      control.windowMs === undefined ? Number.POSITIVE_INFINITY : windowStartMs + control.windowMs,
    );
    const forMs = Math.min(hold.expiresAtMs - hold.ttlMs / 2, ...ends) - this.now();
    return {
      id: hold.id,
      owner: hold.owner,
      state: hold.state,
      sequence: hold.sequence,
      drawForMs: Math.max(0, forMs),
      isRecalled: hold.isRecalled,
      isTight: hold.parts.some((part) => this.#left(part.control, part.windowStartMs) < part.control.limit / 10n),
      parts: hold.parts.map((part, index) => partOf(part, index, ends[index]!)),
    };
  }
}

function partOf(
  { control, windowStartMs, amount: open, drawn, charged }: FakePart,
  index: number,
  endMs: number,
): HoldPart {
  return {
    controlId: control.id,
    ruleId: index,
    name: control.id,
    metric: control.metric,
    group: null,
    windowStartMs,
    windowEndMs: Number.isFinite(endMs) ? endMs : null,
    amount: String(open + charged),
    drawn: String(drawn),
    estimate: control.estimate ?? 'worst-case',
    whenExhausted: 'cut',
    assumedOutputTokens: 4_096,
    outputLimit: 'inject',
  };
}

function leftOf({ amount: total, drawn }: FakePart): bigint {
  return total > drawn ? total - drawn : 0n;
}

function windowOf({ windowMs }: FakeControl, atMs: number): number {
  return windowMs === undefined ? 0 : Math.floor(atMs / windowMs) * windowMs;
}

function amount(text: string): bigint {
  if (!AMOUNT.test(text)) throw new Error(`no amount: ${text}`);
  return BigInt(text);
}
