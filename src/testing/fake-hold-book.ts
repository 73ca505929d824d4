/** What the fake service keeps of holds: hard controls as a test writes them, their spend, and who holds what. */
import type { CallDimensions } from '../../enforcement/decision.js';
import type { RateBound } from '../bound/types.js';
import { consumedAmount } from '../holds/amounts.js';
import type { HoldCall, HoldMetric, HoldPart, HoldReactions, OnExpiry } from '../holds/hold-types.js';
import { isRecord } from '../wire/is-record.js';

/** A hard control as a test writes it: only what matters. Amounts are integers as text: nano-dollars, or a count. */
export interface FakeHardControl {
  readonly controlId: string;
  readonly limit: string;
  readonly name?: string;
  readonly ruleId?: number;
  /** @defaultValue `TOTAL_COST` */
  readonly metric?: HoldMetric;
  /** Calls whose dimensions are these; every call where it is left out. */
  readonly only?: CallDimensions;
  /** The dimension whose values have a budget each. */
  readonly groupBy?: keyof CallDimensions;
  /** What was spent before. */
  readonly spend?: string;
  readonly raised?: string;
  /** When the window ends, milliseconds since the epoch. @defaultValue never */
  readonly windowEndMs?: number;
  /** @defaultValue `charge` */
  readonly onExpiry?: OnExpiry;
  readonly reactions?: Partial<HoldReactions>;
  /** Fields of its parts: `estimate`, `whenExhausted`, `outputLimit`, `assumedOutputTokens`, `assumedPrice`. */
  readonly part?: Partial<
    Pick<HoldPart, 'estimate' | 'whenExhausted' | 'outputLimit' | 'assumedOutputTokens' | 'assumedPrice'>
  >;
}

/** One control of one kept hold. */
export interface KeptPart {
  readonly control: FakeHardControl;
  readonly group: string | null;
  amount: bigint;
  drawn: bigint;
  charged: bigint;
}

/** A hold as it is kept. */
export interface KeptHold {
  readonly id: string;
  readonly owner: string;
  readonly call: HoldCall;
  readonly ttlMs: number;
  readonly parts: readonly KeptPart[];
  state: 'open' | 'closed' | 'expired';
  sequence: number;
  expiresAtMs: number;
  isRecalled: boolean;
  isTight: boolean;
}

/** The sums of one budget. */
export interface FakeBudget {
  readonly spend: string;
  readonly held: string;
  readonly charged: string;
}

/** Rates of a call without prices: a nano-dollar for each token. */
export const FAKE_RATES: RateBound = {
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

/** Budgets and holds; pure bookkeeping without a clock of its own. */
export class FakeHoldBook {
  controls: readonly FakeHardControl[] = [];
  rates: RateBound = FAKE_RATES;
  readonly holds = new Map<string, KeptHold>();
  readonly #spend = new Map<string, bigint>();

  /** The controls that concern a call, each with the group whose budget it is. */
  concerned(call: HoldCall): { readonly control: FakeHardControl; readonly group: string | null }[] {
    return this.controls
      .filter(({ only = {} }) =>
        Object.entries(only).every(([name, value]) => call.dimensions[name as keyof CallDimensions] === value),
      )
      .map((control) => ({
        control,
        group: control.groupBy === undefined ? null : (call.dimensions[control.groupBy] ?? null),
      }))
      .filter(({ control, group }) => control.groupBy === undefined || group !== null);
  }

  spendOf(control: FakeHardControl, group: string | null): bigint {
    return this.#spend.get(keyOf(control.controlId, group)) ?? BigInt(control.spend ?? '0');
  }

  addSpend(control: FakeHardControl, group: string | null, amount: bigint): void {
    this.#spend.set(keyOf(control.controlId, group), this.spendOf(control, group) + amount);
  }

  heldOf(control: FakeHardControl, group: string | null): bigint {
    let held = 0n;
    for (const { parts, state } of this.holds.values()) {
      if (state !== 'open') continue;
      for (const part of parts) {
        if (part.control.controlId === control.controlId && part.group === group) held += leftOf(part);
      }
    }
    return held;
  }

  /** What is left of a budget; below 0 where it is overdrawn. */
  roomOf(control: FakeHardControl, group: string | null): bigint {
    const limit = BigInt(control.limit) + BigInt(control.raised ?? '0');
    return limit - this.spendOf(control, group) - this.heldOf(control, group);
  }

  budget(controlId: string, group: string | null): FakeBudget {
    const control = this.controls.find((one) => one.controlId === controlId);
    if (control === undefined) throw new Error(`there is no hard control ${controlId}`);
    const parts = [...this.holds.values()].flatMap((hold) => hold.parts);
    const own = parts.filter((part) => part.control.controlId === controlId && part.group === group);
    return {
      spend: String(this.spendOf(control, group)),
      held: String(this.heldOf(control, group)),
      charged: String(own.reduce((sum, { charged }) => sum + charged, 0n)),
    };
  }

  /** Settles an event: it is spend, whatever became of its hold. */
  settle(event: Readonly<Record<string, unknown>>): void {
    const hold = this.holds.get(String(event['holdId'] ?? '').toLowerCase());
    const call = hold?.call ?? callOfEvent(event);
    for (const { control, group } of this.concerned(call)) {
      const part = hold?.parts.find((one) => one.control.controlId === control.controlId);
      const amount = this.#amountOf(control, event);
      this.addSpend(control, part?.group ?? group, amount);
      if (hold === undefined || part === undefined) continue;
      part.drawn += amount;
      const superseded = amount < part.charged ? amount : part.charged;
      part.charged -= superseded;
      this.addSpend(control, part.group, -superseded);
    }
  }

  /** Ends a hold that nobody renewed: what is left is charged, or free again. */
  expire(hold: KeptHold): void {
    if (hold.state !== 'open') return;
    hold.state = 'expired';
    for (const part of hold.parts) {
      const left = leftOf(part);
      if (part.control.onExpiry === 'release') continue;
      part.charged = left;
      this.addSpend(part.control, part.group, left);
    }
  }

  #amountOf(control: FakeHardControl, event: Readonly<Record<string, unknown>>): bigint {
    const { metric = 'TOTAL_COST' } = control;
    if (metric === 'TOTAL_COST' && typeof event['totalCost'] === 'number')
      return BigInt(Math.round(event['totalCost'] * 1e9));
    const count = (name: string) => Number(event[name] ?? 0);
    const counts = {
      inputTokens: count('inputTokenCount'),
      outputTokens: count('outputTokenCount'),
      images: count('actualImageCount'),
      characters: count('characterCount'),
      mediaSeconds: Math.ceil(count('durationSeconds')),
    };
    return consumedAmount({ metric, estimate: 'worst-case' }, counts, this.rates);
  }
}

/** What of a part nobody has drawn, by what is recorded. */
export function leftOf({ amount, drawn }: Pick<KeptPart, 'amount' | 'drawn'>): bigint {
  return amount > drawn ? amount - drawn : 0n;
}

function callOfEvent(event: Readonly<Record<string, unknown>>): HoldCall {
  const subscriber = isRecord(event['subscriber']) ? event['subscriber'] : {};
  const named = {
    model: event['model'],
    provider: event['provider'],
    subscriberId: subscriber['id'],
    subscriberEmail: subscriber['email'],
    organization: event['organizationName'],
    product: event['productName'],
    agent: event['agent'],
    taskType: event['taskType'],
  };
  const dimensions = Object.fromEntries(Object.entries(named).filter(([, value]) => typeof value === 'string'));
  const { model, provider } = dimensions as CallDimensions;
  return { dimensions, provider: provider ?? '', modelSource: '', model: model ?? '', operationType: 'CHAT' };
}

function keyOf(controlId: string, group: string | null): string {
  return JSON.stringify([controlId, group]);
}
