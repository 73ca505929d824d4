/** One life of a program under hard budgets: the SDK's own holder and desk, and calls that take time, grow, fail or are lost. */
import type { Dispatcher } from 'undici';
import type { Capabilities } from '../../cache/capabilities.js';
import { createHolder } from '../../src/holds/holder.js';
import type { HoldAsk, Holder, HoldTicket } from '../../src/holds/holder-types.js';
import { createHttpDesk } from '../../src/holds/http-desk.js';
import type { DeliveryCredentials } from '../../src/metering/delivery-gate.js';
import { HELD_AGENT, HELD_MODEL, type HeldCall } from './hard-acts.js';
import type { Machine, World } from './world.js';

/** Where a stream asks for more, at the latest. */
const STEP_TOKENS = 4;

/** What becomes of calls, as the checks look at it. */
export interface HardFates {
  /** Owners whose process was killed. */
  readonly killed: Set<string>;
  readonly counts: { held: number; local: number; refusedHolds: number; unavailable: number; grown: number };
  /** Somebody spends what no hold covers, with leave. */
  loosen(why: string): void;
}

/** What a life is made of. */
export interface HardLifeParts {
  readonly world: World;
  readonly machine: Machine;
  readonly dispatcher: Dispatcher;
  readonly capabilities: Capabilities;
  readonly credentials: () => DeliveryCredentials;
  readonly endpoint: URL;
  readonly owner: string;
  readonly ttlSeconds: number;
  readonly fates: HardFates;
  isAlive(): boolean;
  /** Appends the event of a call to the outbox; returns its key. */
  meter(call: HeldCall, output: number, startedMs: number, holdId: string | undefined): string;
}

/** Ends with {@link stop}, or with its process. */
export class HardLife {
  readonly holder: Holder;
  readonly #parts: HardLifeParts;
  #underWay = 0;

  constructor(parts: HardLifeParts) {
    this.#parts = parts;
    const { machine, endpoint, credentials, capabilities, dispatcher, owner, ttlSeconds } = parts;
    const { runtime } = machine;
    const desk = createHttpDesk({ runtime, endpoint, credentials, capabilities, userAgent: 'simulated', dispatcher });
    this.holder = createHolder({ desk, runtime, log: runtime.log, owner, options: { ttlSeconds } });
  }

  get owner(): string {
    return this.#parts.owner;
  }

  /** Calls, and what is held for them or for others. */
  get isBusy(): boolean {
    return this.#underWay > 0 || this.holder.status().holds > 0;
  }

  async call(call: HeldCall): Promise<void> {
    this.#underWay += 1;
    try {
      await this.#admit(call);
    } finally {
      this.#underWay -= 1;
      this.#parts.world.stir();
    }
  }

  async #admit(call: HeldCall): Promise<void> {
    const { fates, isAlive, machine, meter } = this.#parts;
    const ask = askOf(call);
    const drawn = this.holder.draw(ask);
    if (drawn !== undefined && drawn !== 'free') fates.counts.local += 1;
    const answer =
      drawn === undefined
        ? await this.holder.take(ask)
        : drawn === 'free'
          ? ({ outcome: 'free' } as const)
          : ({ outcome: 'held', ticket: drawn } as const);
    if (!isAlive()) return;
    const startedMs = machine.runtime.now();
    if (answer.outcome === 'held') {
      fates.counts.held += 1;
      return this.#live(call, answer.ticket, startedMs);
    }
    if (answer.outcome === 'refused') {
      fates.counts.refusedHolds += 1;
      return;
    }
    if (answer.outcome === 'unavailable') fates.counts.unavailable += 1;
    if (answer.outcome === 'unavailable' && !call.isFailOpen) return;
    if (answer.outcome === 'unavailable') fates.loosen('a call goes on without the service');
    await this.#wait(call.tookMs);
    if (call.end !== 'fail') meter(call, call.output, startedMs, undefined);
  }

  async #live(call: HeldCall, ticket: HoldTicket, startedMs: number): Promise<void> {
    const { meter } = this.#parts;
    const { inputTokens } = call;
    const end = (output: number): void => {
      const key = meter(call, output, startedMs, ticket.holdId);
      ticket.settle({ inputTokens, outputTokens: output }, key);
    };
    if (call.end === 'stream') return end(await this.#stream(call, ticket));
    await this.#wait(call.end === 'abort' ? call.tookMs / 2 : call.tookMs);
    if (call.end === 'fail') ticket.release();
    else end(call.end === 'abort' ? Math.floor(call.output / 2) : call.output);
  }

  /** Output tokens that came: all of them, or what is covered where a budget cuts. */
  async #stream(call: HeldCall, ticket: HoldTicket): Promise<number> {
    const { fates } = this.#parts;
    let sent = 0;
    while (sent < call.output) {
      await this.#wait((call.tookMs * STEP_TOKENS) / Math.max(call.output, STEP_TOKENS));
      const next = Math.min(call.output, sent + STEP_TOKENS);
      const isCovered = await ticket.grow(next);
      if (isCovered && next > call.outputMax) fates.counts.grown += 1;
      if (!isCovered && ticket.whenExhausted === 'cut') return sent;
      if (!isCovered) fates.loosen('a stream may finish');
      sent = next;
    }
    return sent;
  }

  /** Never comes back in a process that is dead. */
  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.machine.runtime.setTimer(() => {
        this.#parts.world.stir();
        resolve();
      }, ms);
    });
  }
}

function askOf({ subscriber, inputTokens, outputMax }: HeldCall): HoldAsk {
  return {
    call: {
      dimensions: {
        model: HELD_MODEL,
        provider: 'OPENAI',
        agent: HELD_AGENT,
        ...(subscriber === undefined ? {} : { subscriberId: subscriber.id }),
      },
      provider: 'OPENAI',
      modelSource: 'OPENAI',
      model: HELD_MODEL,
      operationType: 'CHAT',
    },
    need: {
      worst: {
        ...{ inputTokensMax: inputTokens, outputTokensMax: outputMax, isOutputLimited: true },
        ...{ images: 0, characters: 0, mediaSeconds: 0, cacheWrites: 'none', hasSound: false },
      },
      expected: { inputTokens, outputTokens: Math.ceil(outputMax / 2) },
    },
  };
}
