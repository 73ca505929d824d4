/** What is explored: each setting has another part of the protocol in full, so that all of it is met in seconds. */
import type { Setting } from './protocol.js';

/** The defaults of hard controls. Two processes that want 2 each of 3: one of them finds too little. */
const BASE: Setting = {
  limit: 3,
  bound: 2,
  need: 2,
  costs: [1, 2],
  onExpiry: 'charge',
  callsEach: 1,
  holdsEach: 1,
  turnsAt: 2,
  lastTick: 3,
  repeats: 0,
  renewals: 0,
  operations: 1,
  crashes: 0,
};

/** By what is in them. */
export const SETTINGS = {
  /** Answers stay out, requests are sent again, copies arrive late or never. */
  messages: { ...BASE, repeats: 1, lastTick: 1 },
  /** A process is killed at any moment; what it held ends, before and after the window turned. */
  crashes: { ...BASE, crashes: 1 },
  /** A second hold after the first, in the same window or the next; late copies of both. */
  windows: { ...BASE, holdsEach: 2, repeats: 1, operations: 0 },
  /** Holds that cover two calls, grow and shrink. */
  slices: { ...BASE, limit: 4, costs: [1], callsEach: 2, operations: 2, lastTick: 0 },
  /** Holds that are renewed, and calls that last longer than their window. */
  renewals: { ...BASE, renewals: 1, limit: 2, costs: [1], lastTick: 3 },
  /** What is left is freed at the expiry: what comes in later may be above the limit. */
  release: { ...BASE, onExpiry: 'release', crashes: 1 },
  /** Calls cost more than is set aside for them. */
  expected: { ...BASE, need: 1, callsEach: 2, lastTick: 0 },
} as const satisfies Readonly<Record<string, Setting>>;

/** One of them. */
export type SettingName = keyof typeof SETTINGS;
