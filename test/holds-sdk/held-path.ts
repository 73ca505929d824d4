/** A main path under one hard budget whose holder is in this process: slices of one call, a round trip that takes a tick. */
import type { CallDimensions, RefuseDecision } from '../../enforcement/decision.js';
import type { CallCounts } from '../../src/bound/types.js';
import type { BodyEdits } from '../../src/holds/body-edits.js';
import { CallHolds, type HardRules } from '../../src/holds/call-holds.js';
import type { ReactionKind } from '../../src/holds/hold-reactions.js';
import type { HoldPart, HoldReactions, HoldRefusal } from '../../src/holds/hold-types.js';
import type { HoldAnswer, HoldAsk, Holder, HoldTicket } from '../../src/holds/holder-types.js';
import type { RequestReading } from '../../src/providers/adapter.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';

/** Tokens: each of the input counts 1, each of the output 10. */
const amountOf = ({ inputTokens, outputTokens }: CallCounts) => inputTokens + 10 * outputTokens;

export interface HeldPath extends RecordingPath {
  readonly holder: BudgetHolder;
  readonly holds: CallHolds;
  readonly told: ReactionKind[];
  readonly rules: { concern: (call: CallDimensions) => boolean; exhausted: RefuseDecision | undefined };
}

export interface HeldPathOptions {
  readonly limit: number;
  readonly failMode?: 'open' | 'closed';
  readonly reactions?: Partial<HoldReactions>;
  readonly part?: Partial<HoldPart>;
  readonly edits?: BodyEdits;
}

const NO_EDITS: BodyEdits = { withOutputLimit: () => undefined, withModel: () => undefined };

export function createHeldPath(options: HeldPathOptions): HeldPath {
  const holder = new BudgetHolder(options);
  const told: ReactionKind[] = [];
  const rules: HeldPath['rules'] = { concern: () => true, exhausted: undefined };
  const hard: HardRules = { concern: (call) => rules.concern(call), exhausted: () => rules.exhausted };
  let holds: CallHolds | undefined;
  const recording = createRecordingPath({}, (runtime) => {
    holds = new CallHolds({
      runtime,
      rules: hard,
      holder,
      failMode: options.failMode ?? 'open',
      edits: options.edits ?? NO_EDITS,
      onReaction: (kind) => told.push(kind),
    });
    return holds;
  });
  return Object.assign(recording, { holder, holds: holds as unknown as CallHolds, told, rules });
}

/** One budget, exact: `spend + held` never exceeds the limit by a hold. */
export class BudgetHolder implements Holder {
  spend = 0;
  held = 0;
  asked: HoldAsk[] = [];
  takes = 0;
  /** Draws are answered here, as from a slice that is large enough. */
  hasSlice = false;
  isAway = false;
  readonly settled: { readonly consumed: CallCounts; readonly key: string }[] = [];
  /** Resolves takes where they are held up. */
  gate: Promise<void> = Promise.resolve();
  readonly #options: HeldPathOptions;
  #nextId = 0;

  constructor(options: HeldPathOptions) {
    this.#options = options;
  }

  draw(ask: HoldAsk): HoldTicket | undefined {
    if (!this.hasSlice) return undefined;
    const answer = this.#admit(ask);
    return answer.outcome === 'held' ? answer.ticket : undefined;
  }

  async take(ask: HoldAsk): Promise<HoldAnswer> {
    this.takes += 1;
    await this.gate;
    await new Promise((resolve) => setImmediate(resolve));
    if (this.isAway) return { outcome: 'unavailable', reason: 'nobody answers' };
    return this.#admit(ask);
  }

  acknowledged(): void {}
  lost(): void {}
  forget(): void {}
  async giveBack(): Promise<boolean> {
    return true;
  }
  async close(): Promise<void> {}

  status() {
    return { holds: 0, callsUnderWay: 0, drawnLocally: 0, roundTrips: this.takes, refused: 0, unavailable: 0 };
  }

  #admit(ask: HoldAsk): HoldAnswer {
    this.asked.push(ask);
    const { worst } = ask.need;
    const amount = amountOf({ inputTokens: worst.inputTokensMax, outputTokens: worst.outputTokensMax });
    const left = this.#options.limit - this.spend - this.held;
    if (amount > left) {
      const outputTokensMax = Math.max(0, Math.floor((left - worst.inputTokensMax) / 10));
      return { outcome: 'refused', refusal: this.#refusal(amount), affordable: { outputTokensMax } };
    }
    this.held += amount;
    return { outcome: 'held', ticket: this.#ticket(amount, worst.outputTokensMax) };
  }

  #ticket(amount: number, outputTokensMax: number): HoldTicket {
    this.#nextId += 1;
    let isOpen = true;
    const end = () => {
      if (isOpen) this.held -= amount;
      isOpen = false;
    };
    return {
      holdId: `hold-${this.#nextId}`,
      parts: [{ ...PART, ...this.#options.part }],
      outputTokensMax,
      whenExhausted: 'cut',
      grow: () => true,
      settle: (consumed, key) => {
        if (isOpen) {
          this.spend += amountOf(consumed);
          this.settled.push({ consumed, key });
        }
        end();
      },
      release: end,
    };
  }

  #refusal(asked: number): HoldRefusal {
    const { limit, reactions } = this.#options;
    return {
      code: 'BUDGET_EXCEEDED',
      message: 'the budget has no room',
      controlId: 'control',
      ruleId: 7,
      name: 'daily tokens',
      metric: 'TOTAL_COST',
      periodType: 'DAILY',
      group: null,
      limit: String(limit),
      raised: '0',
      spend: String(this.spend),
      held: String(this.held),
      asked: String(asked),
      remaining: String(Math.max(0, limit - this.spend - this.held)),
      resetsAt: '2026-11-21T00:00:00.000Z',
      isHeldByOthers: this.held > 0,
      retryAfterMs: this.held > 0 ? 50 : null,
      reactions: { clampOutput: false, downgradeTo: null, throttleMs: null, ...reactions },
    };
  }
}

const PART: HoldPart = {
  controlId: 'control',
  ruleId: 7,
  name: 'daily tokens',
  metric: 'TOTAL_COST',
  group: null,
  windowStartMs: 0,
  windowEndMs: null,
  amount: '0',
  drawn: '0',
  estimate: 'worst-case',
  whenExhausted: 'cut',
  assumedOutputTokens: 4_096,
  outputLimit: 'assume',
};

/** What an instrument reads of a request. */
export function amountAsked({ need }: HoldAsk): number {
  return amountOf({ inputTokens: need.worst.inputTokensMax, outputTokens: need.worst.outputTokensMax });
}

export type { RequestReading };
