/** Time, and what happens in it: nothing moves by itself, and whatever happens happens in an order that the seed decides. */
import { createRuntime, type Log, type Runtime } from 'fusewire/internal';
import type { Chance } from './chance.js';

/** Turns of the event loop without anything new, after which a moment is over. */
const QUIET_TURNS = 3;
/** A moment that takes longer is no moment. */
const TURNS_MAX = 10_000;
/** Where the monotonic clocks begin. */
const START_MS = 1_000;

interface Happening {
  readonly atMs: number;
  readonly order: number;
  readonly task: () => void;
  isCancelled: boolean;
}

/** A machine: clocks of its own, and timers that end with its life. */
export interface Machine {
  readonly name: string;
  readonly runtime: Runtime;
  /** How far its wall clock is from the world's. */
  clockOffsetMs: number;
  /** Ends every timer of this life; what is set later belongs to the next one. */
  die(): void;
}

/** One simulated world. */
export class World {
  readonly chance: Chance;
  readonly trace: string[] = [];
  /** Since the beginning; what the monotonic clocks show. */
  monotonicMs = START_MS;
  /** The wall clock of a machine that goes right. */
  #wallOffsetMs: number;
  #order = 0;
  #activity = 0;
  #machines = 0;
  readonly #queue: Happening[] = [];

  constructor(chance: Chance, startWallMs: number) {
    this.chance = chance;
    this.#wallOffsetMs = startWallMs - START_MS;
  }

  get wallMs(): number {
    return this.monotonicMs + this.#wallOffsetMs;
  }

  /** Every wall clock jumps, as after a suspension or at the hands of NTP. */
  jump(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  say(text: string): void {
    this.trace.push(`${((this.monotonicMs - START_MS) / 1_000).toFixed(3)} ${text}`);
  }

  /** Something happens in this moment: it is not over yet. */
  stir(): void {
    this.#activity += 1;
  }

  /** Does something later, at the same moment as nothing else. */
  after(delayMs: number, task: () => void): { cancel(): void } {
    this.stir();
    this.#order += 1;
    const happening: Happening = {
      atMs: this.monotonicMs + Math.max(0, delayMs),
      order: this.#order,
      task,
      isCancelled: false,
    };
    insert(this.#queue, happening);
    return {
      cancel() {
        happening.isCancelled = true;
      },
    };
  }

  /** Lets everything happen that is due within this time. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.monotonicMs + ms;
    await this.#settle();
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#queue.shift();
      if (next.isCancelled) continue;
      this.monotonicMs = Math.max(this.monotonicMs, next.atMs);
      next.task();
      await this.#settle();
    }
    this.monotonicMs = untilMs;
  }

  machine(name: string): Machine {
    let life = 0;
    const say = (level: string) => (message: string, fields?: Record<string, unknown>) =>
      this.say(`${name} says ${level}: ${message} ${fields === undefined ? '' : JSON.stringify(fields, plain)}`);
    const log: Log = {
      debug: () => undefined,
      info: () => undefined,
      warn: say('warn'),
      error: say('error'),
      isDebug: () => false,
    };
    const chance = this.chance.branch(name);
    this.#machines += 1;
    const stem = `${this.#machines}`.padStart(8, '0');
    let ids = 0;
    const machine: Machine = {
      name,
      clockOffsetMs: 0,
      die() {
        life += 1;
      },
      runtime: createRuntime({
        now: () => Math.round(this.wallMs + machine.clockOffsetMs),
        monotonicNow: () => this.monotonicMs,
        random: () => chance.next(),
        newId: () => {
          ids += 1;
          return `${stem}-0000-4000-8000-${ids.toString(16).padStart(12, '0')}`;
        },
        setTimer: (task, delayMs) => {
          const own = life;
          return this.after(delayMs, () => {
            if (own === life) task();
          });
        },
        env: {},
        log,
      }),
    };
    return machine;
  }

  /** Promises, and turns of the event loop that were asked for, run to their end. */
  async #settle(): Promise<void> {
    let seen = this.#activity;
    for (let quiet = 0, turns = 0; quiet < QUIET_TURNS; turns += 1) {
      if (turns > TURNS_MAX) throw new Error('a moment does not end');
      await new Promise<void>((resolve) => setImmediate(resolve));
      quiet = seen === this.#activity ? quiet + 1 : 0;
      seen = this.#activity;
    }
  }
}

/** By time, then in the order in which they were asked for. */
function insert(queue: Happening[], happening: Happening): void {
  let from = 0;
  let to = queue.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (queue[middle]!.atMs <= happening.atMs) from = middle + 1;
    else to = middle;
  }
  queue.splice(from, 0, happening);
}

function plain(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
