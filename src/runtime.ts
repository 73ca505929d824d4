/**
 * The outside world, injected. Everything that is not a pure function reaches time, chance, timers and the log through
 * this object, so that a test replaces one value and no globals. Real by default.
 */
import { randomBytes } from 'node:crypto';
import { createLog, type Log, type LogLevel } from './log.js';

/** A timer that can be cancelled. Housekeeping timers never keep the process alive. */
export interface Timer {
  cancel(): void;
}

/** What the SDK and the service use of the outside world. */
export interface Runtime {
  /** Wall clock, milliseconds since the epoch. For the wire and for windows only. */
  now(): number;
  /** Monotonic clock, milliseconds, never goes back. For durations, expiries and back-off. */
  monotonicNow(): number;
  /** A number in [0, 1). */
  random(): number;
  /** A UUIDv7: unique, and in time order. */
  newId(): string;
  /** Calls `task` once after `delayMs`. `keepAlive` defaults to false: the timer does not hold the process. */
  setTimer(task: () => void, delayMs: number, options?: { keepAlive?: boolean }): Timer;
  /** The environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Writes to standard output: only what somebody asked to see there. */
  print(text: string): void;
}

let lastIdMs = 0;
let idSequence = 0;
/** Random bytes are drawn for many ids at once: one draw of ten bytes costs as much as one of four thousand. */
const ID_BYTES = 10;
let pool: Uint8Array = new Uint8Array(0);
let poolAt = 0;

function idBytes(): Uint8Array {
  if (poolAt + ID_BYTES > pool.length) {
    pool = randomBytes(ID_BYTES * 400);
    poolAt = 0;
  }
  poolAt += ID_BYTES;
  return pool.subarray(poolAt - ID_BYTES, poolAt);
}

/** 2^31 - 1, some 24 days: Node's limit. */
const TIMER_MAX_MS = 2 ** 31 - 1;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * A UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, then a 12-bit counter within the millisecond (method 1),
 * then 62 random bits. Ids of one process sort in the order in which they were made.
 */
export function uuidv7(nowMs: number, bytes: Uint8Array = idBytes()): string {
  if (nowMs > lastIdMs) {
    lastIdMs = nowMs;
    idSequence = ((bytes[0]! << 8) | bytes[1]!) & 0x3ff;
  } else {
    idSequence += 1;
    if (idSequence > 0xfff) {
      lastIdMs += 1;
      idSequence = 0;
    }
  }
  const time = lastIdMs.toString(16).padStart(12, '0');
  const sequence = idSequence.toString(16).padStart(3, '0');
  let tail = '';
  for (let i = 2; i < 10; i += 1) {
    const byte = i === 2 ? (bytes[i]! & 0x3f) | 0x80 : bytes[i]!;
    tail += HEX[byte]!;
  }
  return `${time.slice(0, 8)}-${time.slice(8)}-7${sequence}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}

/** The system's wall clock, milliseconds since the epoch; for what stands outside of any instance. */
export function wallClock(): number {
  return Date.now();
}

/** The process's `fetch` at this moment: what a client without a `fetch` of its own calls. Never for requests of ours. */
export function globalFetch(): unknown {
  return fetch;
}

/** The `fetch` of this process, as it is when it is called: a program may replace it after us. */
export function processFetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  return fetch(input, init);
}

/** The real runtime of this process. Every part of it can be replaced, for tests. */
export function createRuntime(overrides: Partial<Runtime> = {}, logLevel: LogLevel = 'INFO'): Runtime {
  const now = overrides.now ?? wallClock;
  return {
    now,
    monotonicNow: () => performance.now(),
    random: Math.random,
    newId: () => uuidv7(now()),
    setTimer(task, delayMs, options) {
      // A longer delay than a timer takes would fire at once.
      const handle = setTimeout(task, Math.min(Math.max(0, delayMs), TIMER_MAX_MS));
      if (!options?.keepAlive) handle.unref();
      return { cancel: () => clearTimeout(handle) };
    },
    env: process.env,
    log: createLog(logLevel),
    print: (text) => void process.stdout.write(text),
    ...overrides,
  };
}
