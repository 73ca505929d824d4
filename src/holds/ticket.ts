/** What one call was admitted against, on its way from the draw to its end. */
import type { CallBound, CallCounts } from '../bound/types.js';
import { outputTokensOf } from './amounts.js';
import type { HoldNeed, HoldPart } from './hold-types.js';
import type { HoldAsk, HoldTicket } from './holder-types.js';
import type { Amounts, Consumption, Purse } from './purse.js';

/** What a ticket needs of the escrow. */
export interface TicketOffice {
  /** The event of the call, once it is metered. */
  await(eventKey: string, consumption: Consumption): void;
  /** More for a call that is under way. `let`: the service does not answer, and calls go on then. */
  extendFor(purse: Purse, ask: HoldAsk, amounts: Amounts): Promise<'asked' | 'let'>;
}

/** A stream that outgrows what was held gets a quarter more at a time where there is enough, and at least so many tokens. */
const GROWTH_TOKENS_MIN = 256;

/** Under way → ended. */
export class Ticket implements HoldTicket {
  readonly holdId: string;
  readonly parts: readonly HoldPart[];
  readonly whenExhausted: 'finish' | 'cut';
  readonly #office: TicketOffice;
  readonly #purse: Purse;
  #ask: HoldAsk;
  #amounts: Amounts;
  #isEnded = false;

  constructor(office: TicketOffice, purse: Purse, ask: HoldAsk, amounts: Amounts) {
    this.holdId = purse.id;
    this.parts = purse.parts;
    this.whenExhausted = purse.whenExhausted;
    this.#office = office;
    this.#purse = purse;
    this.#ask = ask;
    this.#amounts = amounts;
  }

  get outputTokensMax(): number {
    const { need } = this.#ask;
    const { worst } = need;
    // What is expected is worked out only where a budget goes by it.
    const expected = this.parts.some((part) => part.estimate === 'expected') ? need.expected : undefined;
    // A call that names no limit is covered as far as the part goes that assumes the least.
    const covered = this.parts.map((part) => outputTokensOf(worst, part));
    const most = Math.min(...covered, Number.MAX_SAFE_INTEGER);
    return expected === undefined ? most : Math.min(expected.outputTokens, most);
  }

  grow(outputTokens: number): boolean | Promise<boolean> {
    if (this.#isEnded) return false;
    if (outputTokens <= this.outputTokensMax) return true;
    if (this.#growHere(Math.ceil(outputTokens + Math.max(GROWTH_TOKENS_MIN, outputTokens / 4)))) return true;
    return this.#growHere(outputTokens) || this.#growThere(outputTokens);
  }

  settle(consumed: CallCounts, eventKey: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#office.await(eventKey, this.#purse.settle(this.#amounts, consumed));
  }

  release(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#purse.release(this.#amounts);
  }

  #growHere(outputTokens: number): boolean {
    const ask = withOutput(this.#ask, outputTokens);
    const amounts = this.#purse.amountsOf(ask.need);
    if (!this.#purse.drawMore(this.#more(amounts))) return false;
    this.#ask = ask;
    this.#amounts = amounts.map((amount, index) => larger(amount, this.#amounts[index]));
    return true;
  }

  async #growThere(outputTokens: number): Promise<boolean> {
    const ask = withOutput(this.#ask, outputTokens);
    const outcome = await this.#office.extendFor(this.#purse, ask, this.#more(this.#purse.amountsOf(ask.need)));
    if (this.#isEnded) return false;
    // Another answer may have come meanwhile; what it brought is free to all calls of the hold.
    return outputTokens <= this.outputTokensMax || this.#growHere(outputTokens) || outcome === 'let';
  }

  #more(amounts: Amounts): Amounts {
    return amounts.map((amount, index) => {
      const held = this.#amounts[index] ?? 0n;
      return amount > held ? amount - held : 0n;
    });
  }
}

/** What it grows to is no assumption any more. */
function withLimit(worst: CallBound, outputTokens: number): CallBound {
  const most = worst.isOutputLimited ? Math.max(worst.outputTokensMax, outputTokens) : outputTokens;
  return { ...worst, outputTokensMax: most, isOutputLimited: true };
}

function larger(one: bigint, other = 0n): bigint {
  return one > other ? one : other;
}

function withOutput({ call, need }: HoldAsk, outputTokens: number): HoldAsk {
  const { worst, expected } = need;
  const more: HoldNeed = {
    worst: withLimit(worst, outputTokens),
    expected: expected && { ...expected, outputTokens: Math.max(expected.outputTokens, outputTokens) },
  };
  return { call, need: more };
}
