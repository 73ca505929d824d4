import type { Timer } from '../runtime.js';

/** A clock that moves only when it is told to. It is a part of a `Runtime`: time and timers. */
export interface FakeClock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** Monotonic clock, milliseconds; moves with {@link advance}, not with {@link jump}. */
  monotonicNow(): number;
  setTimer(task: () => void, delayMs: number): Timer;
  /** Lets `durationMs` pass: timers that come due run in order, each at its own time, and promises settle in between. */
  advance(durationMs: number): Promise<void>;
  /** Sets the wall clock, as a step of NTP or a suspended machine would; no timer runs. */
  jump(toMs: number): void;
  /** Timers that wait. */
  pending(): number;
}

/** 2026-01-01T00:00:00Z. Not 0: a cache that takes 0 for "no time" never expires. */
const DEFAULT_START_MS = 1_767_225_600_000;
/** Turns of the event loop after each timer, so that promise chains of some depth settle. */
const SETTLE_TURNS = 4;

interface Waiting {
  readonly dueAt: number;
  readonly order: number;
  readonly task: () => void;
}

/** Makes a clock that stands at `startMs`. */
export function createFakeClock(startMs: number = DEFAULT_START_MS): FakeClock {
  let wallMs = startMs;
  let monotonicMs = 1_000;
  let order = 0;
  const waiting = new Set<Waiting>();

  const settle = async () => {
    for (let turn = 0; turn < SETTLE_TURNS; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  const nextDue = (until: number): Waiting | undefined => {
    let next: Waiting | undefined;
    for (const timer of waiting) {
      if (timer.dueAt > until) continue;
      if (next === undefined || timer.dueAt < next.dueAt || (timer.dueAt === next.dueAt && timer.order < next.order)) {
        next = timer;
      }
    }
    return next;
  };
  const moveTo = (monotonic: number) => {
    wallMs += monotonic - monotonicMs;
    monotonicMs = monotonic;
  };

  return {
    now: () => wallMs,
    monotonicNow: () => monotonicMs,
    setTimer(task, delayMs) {
      order += 1;
      const timer: Waiting = { dueAt: monotonicMs + Math.max(0, delayMs), order, task };
      waiting.add(timer);
      return { cancel: () => void waiting.delete(timer) };
    },
    async advance(durationMs) {
      const until = monotonicMs + durationMs;
      for (let timer = nextDue(until); timer !== undefined; timer = nextDue(until)) {
        waiting.delete(timer);
        moveTo(Math.max(monotonicMs, timer.dueAt));
        timer.task();
        await settle();
      }
      moveTo(until);
      await settle();
    },
    jump(toMs) {
      wallMs = toMs;
    },
    pending: () => waiting.size,
  };
}
