/** Calls, holders and desks that misbehave, for the tests of holders. */
import type { CallCounts } from '../../src/bound/types.js';
import type { HoldDesk } from '../../src/holds/hold-types.js';
import { createHolder, type HolderOptions } from '../../src/holds/holder.js';
import type { HoldAnswer, HoldAsk, Holder, HoldTicket } from '../../src/holds/holder-types.js';
import { createLog } from '../../src/log.js';
import { createRuntime } from '../../src/runtime.js';
import type { FakeClock } from '../../src/testing/fake-clock.js';

/** A call that takes `tokens` at most, all of them output. */
export function askFor(tokens: number, kind = 'a', expected?: number): HoldAsk {
  return {
    call: {
      dimensions: { model: 'm', provider: 'p', subscriberId: kind },
      provider: 'p',
      modelSource: 'p',
      model: 'm',
      operationType: 'CHAT',
    },
    need: {
      worst: {
        inputTokensMax: 0,
        outputTokensMax: tokens,
        isOutputLimited: true,
        images: 0,
        characters: 0,
        mediaSeconds: 0,
      },
      ...(expected === undefined ? {} : { expected: used(expected) }),
    },
  };
}

/** What an ended call consumed. */
export function used(tokens: number): CallCounts {
  return { inputTokens: 0, outputTokens: tokens };
}

/** A holder on `desk` that lives by `clock`. */
export function holderOn(desk: HoldDesk, clock: FakeClock, owner = 'one', options: HolderOptions = {}): Holder {
  const log = createLog('CRITICAL');
  return createHolder({ desk, runtime: createRuntime({ ...clock, random: () => 0.5, log }), log, owner, options });
}

/** The ticket of an answer that has one. */
export function ticketOf(answer: HoldAnswer): HoldTicket {
  if (answer.outcome !== 'held') throw new Error(`not held: ${JSON.stringify(answer)}`);
  return answer.ticket;
}

/** Mulberry32: numbers in [0, 1) that a seed decides. */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
