import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HoldState } from '../../src/holds/hold-types.js';
import { type Amounts, type Consumption, Purse } from '../../src/holds/purse.js';
import { askFor, used } from './support.js';

/** Two parts, of which each counts the output tokens: what of them is free can be said by plain numbers. */
function stateOf(sequence: number, amounts: readonly number[], drawn: readonly number[]): HoldState {
  return {
    id: 'hold',
    owner: 'one',
    state: 'open',
    sequence,
    drawForMs: 60_000,
    isRecalled: false,
    isTight: false,
    parts: amounts.map((amount, index) => ({
      controlId: `c${index}`,
      ruleId: index,
      name: 'n',
      metric: 'OUTPUT_TOKEN_COUNT',
      group: null,
      windowStartMs: 0,
      windowEndMs: null,
      amount: String(amount),
      drawn: String(drawn[index]),
      estimate: 'worst-case',
      whenExhausted: index === 0 ? 'finish' : 'cut',
      assumedOutputTokens: 4_096,
      outputLimit: 'inject',
    })),
  };
}

type Step =
  | { readonly do: 'draw' | 'more'; readonly tokens: number }
  | { readonly do: 'release'; readonly which: number }
  | { readonly do: 'acknowledge' | 'lose'; readonly which: number }
  | { readonly do: 'settle'; readonly which: number; readonly tokens: number }
  | { readonly do: 'state'; readonly more: number; readonly parts: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('draw', 'more' as const), tokens: fc.nat(400) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('acknowledge', 'lose' as const), which: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(9), tokens: fc.nat(600) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('state' as const),
      more: fc.nat(900),
      parts: fc.integer({ min: 1, max: 2 }),
    }),
  },
);

/** By the definition, from everything that happened: what is left, less what is under way, less what is on its way. */
class Book {
  amount = [0, 0];
  drawn = [0, 0];
  /** Whether the state names the part. */
  has = [false, false];
  readonly calls: { amounts: Amounts; isOpen: boolean }[] = [];
  readonly events: { consumption: Consumption; state: 'sent' | 'acknowledged' | 'told' }[] = [];

  free(part: number): number {
    if (!this.has[part]) return Number.NaN;
    const busy = this.calls.reduce((sum, { amounts, isOpen }) => sum + (isOpen ? Number(amounts[part] ?? 0n) : 0), 0);
    const amountsOf = (told: boolean) =>
      this.events
        .filter(({ state }) => told || state !== 'told')
        .reduce((sum, { consumption }) => sum + Number(consumption.amounts[part] ?? 0n), 0);
    const left = Math.max(0, this.amount[part]! - this.drawn[part]!);
    return left - busy - Math.min(amountsOf(false), Math.max(0, amountsOf(true) - this.drawn[part]!));
  }
}

function perform(purse: Purse, book: Book, one: Step, sequence: number): void {
  const open = book.calls.filter(({ isOpen }) => isOpen);
  switch (one.do) {
    case 'draw': {
      const free = [0, 1].map((part) => book.free(part));
      const amounts = purse.draw(askFor(one.tokens).need, 0);
      const fits = one.tokens === 0 || free.every((left) => Number.isNaN(left) || left >= one.tokens);
      expect(amounts !== undefined).toBe(fits);
      if (amounts !== undefined) book.calls.push({ amounts, isOpen: true });
      break;
    }
    case 'more': {
      const call = open[0];
      const more = purse.amountsOf(askFor(one.tokens).need);
      if (call === undefined || !purse.drawMore(more)) break;
      call.amounts = more.map((amount, part) => amount + (call.amounts[part] ?? 0n));
      break;
    }
    case 'release':
    case 'settle': {
      const call = open[one.which % open.length];
      if (call === undefined) break;
      call.isOpen = false;
      if (one.do === 'release') purse.release(call.amounts);
      else book.events.push({ consumption: purse.settle(call.amounts, used(one.tokens)), state: 'sent' });
      break;
    }
    case 'acknowledge':
    case 'lose': {
      const sent = book.events.filter(({ state }) => state === 'sent');
      const event = sent[one.which % sent.length];
      if (event === undefined) break;
      if (one.do === 'lose') purse.lose(event.consumption);
      else {
        purse.acknowledge(event.consumption);
        event.state = 'acknowledged';
      }
      break;
    }
    case 'state': {
      const { included } = purse;
      for (const event of book.events) if (event.state === 'acknowledged') event.state = 'told';
      // The ledger may have events of which nobody told this process yet.
      [0, 1].forEach((part) => {
        if (part >= one.parts) return;
        book.drawn[part] = book.events
          .filter(({ state }, index) => state === 'told' || index % 3 === 0)
          .reduce((sum, { consumption }) => sum + Number(consumption.amounts[part] ?? 0n), 0);
        book.amount[part] = book.drawn[part]! + one.more + 500;
      });
      book.has = [true, one.parts > 1];
      const parts = book.amount.slice(0, one.parts);
      purse.confirm(stateOf(sequence, parts, book.drawn), undefined, 0, included, one.more % 2 === 0);
      expect(purse.whenExhausted).toBe(one.parts > 1 ? 'cut' : 'finish');
    }
  }
}

describe('what of a hold is free', () => {
  it('is at every moment what the definition says, whatever was drawn, ended, told and confirmed', () => {
    let draws = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
        const purse = new Purse('hold', askFor(1).call);
        const book = new Book();
        perform(purse, book, { do: 'state', more: 700, parts: 2 }, 0);
        steps.forEach((one, index) => {
          perform(purse, book, one, index + 1);
          for (const part of [0, 1]) {
            const known = purse.of(`c${part}`);
            if (book.has[part]) expect(Number(known?.free)).toBe(book.free(part));
            else expect(known).toBeUndefined();
          }
        });
        draws += book.calls.length;
      }),
      { numRuns: 150 },
    );
    expect(draws).toBeGreaterThan(300);
  });
});
