/** A streamed answer under a hold: its output is counted as it passes, and the hold grows with it, or the answer ends. */
import type { CallBound } from '../bound/types.js';
import type { HoldTicket } from '../holds/holder-types.js';
import type { RequestReading, UsageReading } from '../providers/adapter.js';
import { createStreamGauge } from '../providers/cut/create-gauge.js';
import type { GaugeOptions, StreamGauge } from '../providers/cut/stream-gauge.js';

/** What an attempt was admitted against, as far as streams need it. */
export interface StreamHold {
  readonly ticket: Pick<HoldTicket, 'outputTokensMax' | 'whenExhausted' | 'grow'>;
  /** The bound of the call. Where the request itself limits its output, the provider ends it there. */
  readonly worst?: Pick<CallBound, 'outputTokensMax' | 'isOutputLimited'> | undefined;
}

/** More is asked for when this share of what is covered has passed, so that far from a limit no stream waits. */
const ASK_AT = 0.8;
/** Tokens that are asked for at once: half of what is covered, within these; less where that much is not to be had. */
const STEP_MIN = 64;
const STEP_MAX = 16_384;
const STEP_LEAST = 16;
const SMALLER = 8;

/** The cover of the answer to `request`, or `undefined` where it needs none or cannot be counted. */
export function coverOf(
  hold: StreamHold | undefined,
  request: RequestReading | undefined,
  options: GaugeOptions,
): StreamCover | undefined {
  if (hold === undefined || request === undefined) return undefined;
  const { ticket, worst } = hold;
  const limit = worst?.isOutputLimited === true ? worst.outputTokensMax : Number.POSITIVE_INFINITY;
  if (ticket.outputTokensMax >= limit) return undefined;
  const gauge = createStreamGauge(request, options);
  return gauge === undefined ? undefined : new StreamCover(gauge, ticket, limit);
}

/**
 * States: covered ⇄ asking → refused. A refused stream of a control that says `finish` goes on; of one that says `cut` it is
 * *spent* as soon as what is covered has passed. Nothing is asked for twice at a time.
 */
export class StreamCover {
  readonly gauge: StreamGauge;
  readonly #ticket: StreamHold['ticket'];
  readonly #limit: number;
  #covered: number;
  #askAt: number;
  #step: number;
  #asking: Promise<void> | undefined;
  #isRefused = false;
  #canEnd = true;
  #isCut = false;

  constructor(gauge: StreamGauge, ticket: StreamHold['ticket'], limit: number) {
    this.gauge = gauge;
    this.#ticket = ticket;
    this.#limit = limit;
    this.#covered = ticket.outputTokensMax;
    this.#askAt = Math.floor(this.#covered * ASK_AT);
    this.#step = stepFor(this.#covered);
  }

  /** Whether the answer may have to be ended, so that only whole events are to be passed on. */
  get cuts(): boolean {
    return this.#canEnd && this.#ticket.whenExhausted === 'cut';
  }

  /** The answer comes in a shape in which nobody but its provider can end it. */
  cannotEnd(): void {
    this.#canEnd = false;
  }

  /** Events passed: asks for more where it is time. */
  look(): void {
    const { outputTokens, isOver } = this.gauge;
    if (outputTokens < this.#askAt || this.#isRefused || isOver || this.#asking !== undefined) return;
    this.#ask();
  }

  /** What the reader has to wait for before more passes: what is covered has passed, and the answer to a question is out. */
  get waiting(): Promise<void> | undefined {
    return this.#asking !== undefined && this.cuts && this.#isUsedUp() ? this.#asking : undefined;
  }

  /** Nothing more is to be had, and what was has passed: the answer has to be ended. */
  get isSpent(): boolean {
    return this.#isRefused && !this.#isCut && this.cuts && this.#isUsedUp() && !this.gauge.isOver;
  }

  #isUsedUp(): boolean {
    return this.gauge.outputTokens >= this.#covered;
  }

  #ask(): void {
    for (;;) {
      const target = Math.min(Math.max(this.gauge.outputTokens, this.#covered) + this.#step, this.#limit);
      const answer = this.#ticket.grow(target);
      if (typeof answer !== 'boolean') {
        this.#asking = answer.then(
          (isCovered) => this.#answered(isCovered, target),
          () => this.#answered(false, target),
        );
        return;
      }
      if (!this.#told(answer, target)) return;
    }
  }

  #answered(isCovered: boolean, target: number): Promise<void> | undefined {
    this.#asking = undefined;
    if (this.#told(isCovered, target)) this.#ask();
    return this.#asking;
  }

  /** Whether to ask once more, for less. */
  #told(isCovered: boolean, target: number): boolean {
    if (isCovered) {
      this.#covered = Math.max(target, this.#ticket.outputTokensMax);
      this.#askAt = this.#covered >= this.#limit ? Number.POSITIVE_INFINITY : Math.floor(this.#covered * ASK_AT);
      this.#step = stepFor(this.#covered);
      return false;
    }
    if (this.#step > STEP_LEAST) {
      this.#step = Math.max(STEP_LEAST, Math.floor(this.#step / SMALLER));
      return true;
    }
    // Others may give back meanwhile: it is asked for once more when nothing is left.
    if (this.#isUsedUp()) this.#isRefused = true;
    else this.#askAt = this.#covered;
    return false;
  }

  /** Ends the answer: the bytes for it. */
  cut(): Buffer {
    this.#isCut = true;
    return this.gauge.ending();
  }

  /** What is metered of an answer: where its provider said nothing of its output, or not the last word, what was counted. */
  reading(read: UsageReading): UsageReading {
    const { outputTokens, totalTokens, isPartial = false } = read;
    const isUnsaid = isPartial || (outputTokens === undefined && totalTokens === undefined);
    const counted = Math.min(this.gauge.outputTokens - this.gauge.tokensAside, this.#limit);
    if (!this.#isCut && (!isUnsaid || counted <= 0)) return read;
    const least = {
      ...read,
      isPartial: true,
      outputTokens: Math.max(outputTokens ?? 0, counted),
      totalTokens: undefined,
    };
    return (this.#isCut ? { ...least, stopReason: 'COST_LIMIT', finished: true } : least) as UsageReading;
  }
}

function stepFor(covered: number): number {
  return Math.min(STEP_MAX, Math.max(STEP_MIN, Math.ceil(covered / 2)));
}
