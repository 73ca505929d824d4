/**
 * The small hold protocol: two processes, two windows of one hard control, a few calls. States are plain data, small
 * enough to be met all. Amounts are units; time is ticks of {@link TICK_MS}; a hold lives for two of them, and is drawn
 * from for one.
 */

/** A tick of the real clock where states are compared with the real ledger: half of the life of a hold. */
export const TICK_MS = 60_000;
export const TTL_TICKS = 2;

/** What is explored. */
export interface Setting {
  readonly limit: number;
  /** What a call can cost at most. */
  readonly bound: number;
  /** What is set aside for a call: its bound, or what such calls cost as a rule. */
  readonly need: number;
  readonly costs: readonly number[];
  readonly onExpiry: 'charge' | 'release';
  readonly callsEach: number;
  /** Holds that one process can make. */
  readonly holdsEach: number;
  /** The tick with which the second window begins. */
  readonly turnsAt: number;
  readonly lastTick: number;
  /** Times that an answer may stay out, per process. */
  readonly repeats: number;
  readonly renewals: number;
  /** Operations on one hold. */
  readonly operations: number;
  /** Processes that may be killed. */
  readonly crashes: number;
}

/** A hold as the ledger keeps it. `leftAtExpiry` and `drawnLate` are what happened, for the checks: nobody reads them. */
export interface Hold {
  state: 'none' | 'open' | 'closed' | 'expired';
  window: number;
  amount: number;
  drawn: number;
  sequence: number;
  expiresAt: number;
  charge: number;
  isRecalled: boolean;
  leftAtExpiry: number;
  drawnLate: number;
}

/** The ledger's side. `value` and `held` by window. */
export interface Ledger {
  now: number;
  value: number[];
  held: number[];
  overrun: number[];
  holds: Hold[];
  /** By call: its event is in. */
  recorded: boolean[];
}

/** What a process asks of the ledger. `hold`: a number among its own holds; in the ledger, among all. */
export type Operation =
  | { readonly op: 'take'; readonly hold: number; readonly amount: number; readonly sentAt: number }
  | {
      readonly op: 'extend' | 'give-back';
      readonly hold: number;
      readonly sequence: number;
      readonly amount: number;
      readonly sentAt: number;
    }
  | { readonly op: 'renew'; readonly hold: number; readonly sequence: number; readonly sentAt: number };

/** What the ledger is told: operations, events, and that it should look for what is over. */
export type LedgerInput =
  | Operation
  | { readonly op: 'settle'; readonly call: number; readonly hold: number; readonly cost: number }
  | { readonly op: 'sweep' }
  | { readonly op: 'tick' };

/** Its answer to an operation. */
export interface Answer {
  readonly outcome: 'held' | 'refused' | 'gone';
  readonly state: Hold['state'];
  readonly sequence: number;
  readonly amount: number;
  readonly drawn: number;
  readonly drawFor: number;
  readonly isRecalled: boolean;
}

/**
 * A call: `idle` → `open` (drawn from a hold and sent) → `outbox` (metered on disk) → `known` (acknowledged) → `counted`
 * (in the hold's state as the process has it). `lost`: its process was killed under it.
 */
export interface Call {
  state: 'idle' | 'open' | 'released' | 'outbox' | 'known' | 'counted' | 'lost';
  hold: number;
  cost: number;
  /** It was acknowledged before the operation that is under way was sent. */
  isBefore: boolean;
}

/** A process. */
export interface Client {
  isAlive: boolean;
  /** The hold that it draws from, or -1. */
  hold: number;
  taken: number;
  sequence: number;
  amount: number;
  drawn: number;
  drawUntil: number;
  pending: Operation | undefined;
  /** The answer that is on its way. */
  answer: Answer | undefined;
  /** A copy of an operation that is still on its way after the process has sent it again. */
  stale: Operation | undefined;
  repeats: number;
  renewals: number;
  calls: Call[];
}

/** Everything. In the ledger the holds and calls of the second process follow those of the first. */
export interface State {
  ledger: Ledger;
  clients: Client[];
  crashes: number;
}

/** The first state: nothing has happened. */
export function firstState(setting: Setting): State {
  const call = (): Call => ({ state: 'idle', hold: -1, cost: 0, isBefore: false });
  const client = (): Client => ({
    isAlive: true,
    hold: -1,
    taken: 0,
    sequence: 0,
    amount: 0,
    drawn: 0,
    drawUntil: 0,
    pending: undefined,
    answer: undefined,
    stale: undefined,
    repeats: 0,
    renewals: 0,
    calls: Array.from({ length: setting.callsEach }, call),
  });
  return { ledger: firstLedger(setting), clients: [client(), client()], crashes: 0 };
}

/** A ledger that nobody has asked anything. */
export function firstLedger({ callsEach, holdsEach }: Setting): Ledger {
  const hold = (): Hold => ({
    state: 'none',
    window: 0,
    amount: 0,
    drawn: 0,
    sequence: 0,
    expiresAt: 0,
    charge: 0,
    isRecalled: false,
    leftAtExpiry: 0,
    drawnLate: 0,
  });
  return {
    now: 0,
    value: [0, 0],
    held: [0, 0],
    overrun: [0, 0],
    holds: Array.from({ length: 2 * holdsEach }, hold),
    recorded: Array.from({ length: 2 * callsEach }, () => false),
  };
}

export function copyLedger(from: Ledger): Ledger {
  return {
    now: from.now,
    value: [...from.value],
    held: [...from.held],
    overrun: [...from.overrun],
    holds: from.holds.map((hold) => ({ ...hold })),
    recorded: [...from.recorded],
  };
}

export function copyClient(from: Client): Client {
  return { ...from, calls: from.calls.map((call) => ({ ...call })) };
}

/** What is left of a hold at the ledger. */
export function leftOf(hold: Hold): number {
  return Math.max(0, hold.amount - hold.drawn);
}
