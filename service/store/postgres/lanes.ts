/** Operations that wait for their turn: in a lane one group at a time, lanes beside each other. */
import type { Command, GroupResult, Outcome } from '../operation-group.js';
import { StoreError } from '../store-error.js';
import { Slots } from './slots.js';

/** Where an operation waits. `alone`: it shares its transaction with nobody. */
export interface Lane {
  readonly name: string;
  readonly alone: boolean;
}

/** Runs one group of a lane. `slot` is held by it alone meanwhile. Never rejects. */
export type RunLane = (lane: Lane, commands: readonly Command[], slot: number) => Promise<GroupResult>;

interface Waiting extends Command {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** In one transaction: more would hold the team for too long (I10). */
const GROUP_MAX = 512;
/** Waiting in one lane, and in all; more are told to come back (I10). */
const LANE_MAX = 4_096;
const ALL_MAX = 16_384;

/** States of a lane: absent → waiting for a slot → running → waiting again or absent. */
export class Lanes {
  readonly #run: RunLane;
  readonly #told: (result: GroupResult) => void;
  readonly #slots: Slots;
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #draining = new Set<Promise<void>>();
  #count = 0;

  /** `told` is called with what a group changed, before its operations are answered. */
  constructor(slots: number, run: RunLane, told: (result: GroupResult) => void) {
    this.#slots = new Slots(slots);
    this.#run = run;
    this.#told = told;
  }

  /** Resolves after the commit. @throws StoreError `UNAVAILABLE` where too many wait already */
  execute(lane: Lane, command: Command): Promise<unknown> {
    const waiting = this.#waiting.get(lane.name);
    if ((waiting?.length ?? 0) >= LANE_MAX || this.#count >= ALL_MAX) {
      return Promise.reject(new StoreError('UNAVAILABLE', 'too many operations wait for the database'));
    }
    return new Promise((resolve, reject) => {
      this.#count += 1;
      const one: Waiting = { ...command, resolve, reject };
      if (waiting !== undefined) {
        waiting.push(one);
        return;
      }
      this.#waiting.set(lane.name, [one]);
      const draining = this.#drain(lane).finally(() => this.#draining.delete(draining));
      this.#draining.add(draining);
    });
  }

  /** Resolves when nothing is under way or waiting. */
  async idle(): Promise<void> {
    while (this.#draining.size > 0) await Promise.all(this.#draining);
  }

  async #drain(lane: Lane): Promise<void> {
    for (;;) {
      const slot = await this.#slots.take();
      // Whatever came until the slot was free shares the transaction, also what comes in this turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      const waiting = this.#waiting.get(lane.name)!;
      const group = waiting.splice(0, lane.alone ? 1 : GROUP_MAX);
      const result = await this.#run(lane, group, slot);
      this.#slots.give(slot);
      this.#count -= group.length;
      this.#told(result);
      for (const [i, one] of group.entries()) settle(one, result.outcomes[i]!);
      if (waiting.length > 0) continue;
      this.#waiting.delete(lane.name);
      return;
    }
  }
}

function settle(one: Waiting, outcome: Outcome): void {
  if (outcome.ok) one.resolve(outcome.value);
  else one.reject(outcome.error);
}
