/** Two hundred situations of hard budgets, from a small grammar. Deterministic: no chance, no clock. */

/** Metrics whose amounts of a call are exact before it is sent. */
export type TableMetric = 'INPUT_TOKEN_COUNT' | 'OUTPUT_TOKEN_COUNT' | 'TOKEN_COUNT' | 'TOTAL_COST';
/** How much room a control has for the call beside what is spent and held. */
export type Room = 'ample' | 'exact' | 'limit-0' | 'one-too-much' | 'spent' | 'taken-up';
/** Models, and what a request of them costs; `null`: nobody knows. */
export const TABLE_FEES: Readonly<Record<string, bigint | null>> = {
  'gpt-table-cheap': 1_000_000n,
  'gpt-table-dear': 30_000_007n,
  'gpt-table-unknown': null,
};
/** What `onUnknownPrice: assume` takes for a request. */
export const ASSUMED_FEE = 2_000_000n;

/** A control of a case. Its limit follows from {@link Room}. */
export interface TableControl {
  readonly metric: TableMetric;
  readonly window: 'DAILY' | 'LIFETIME' | 'MONTHLY' | 'QUARTERLY' | 'ROLLING' | 'WEEKLY';
  readonly groupBy: 'AGENT' | 'MODEL' | 'PROVIDER' | 'SUBSCRIBER' | null;
  readonly filter: 'AGENT IS' | 'MODEL IS' | 'MODEL IS_NOT' | 'PROVIDER IN' | 'none';
  readonly mode: 'disabled' | 'HARD' | 'POLLED' | 'shadow';
  readonly onUnknownPrice: 'assume' | 'flag' | 'refuse';
  readonly room: Room;
  /** In the unit of the balance. */
  readonly raises: readonly bigint[];
}

/** One case: a call of a customer of its own, what the customer spent, what others hold, and the controls. */
export interface TableCase {
  readonly number: number;
  readonly model: string;
  readonly outputTokens: number;
  /** Events so far; each costs 5,000,003 nano-dollars, 70 tokens of input and 30 of output. */
  readonly events: number;
  /** Output tokens of each call that somebody else holds for, with 100 of input. */
  readonly held: readonly number[];
  readonly controls: readonly TableControl[];
}

/** What one event of the past consumed. */
export const PAST_EVENT = { costNano: 5_000_003n, inputTokens: 70, outputTokens: 30 } as const;
/** Input of the calls that others hold for. */
export const HELD_INPUT = 100;

const METRICS: readonly TableMetric[] = ['TOTAL_COST', 'TOKEN_COUNT', 'OUTPUT_TOKEN_COUNT', 'INPUT_TOKEN_COUNT'];
const WINDOWS = ['MONTHLY', 'DAILY', 'LIFETIME', 'ROLLING', 'WEEKLY', 'QUARTERLY'] as const;
const ROOMS: readonly Room[] = ['exact', 'one-too-much', 'taken-up', 'spent', 'ample', 'limit-0'];
const GROUPS = [null, 'SUBSCRIBER', 'AGENT', 'MODEL', 'PROVIDER'] as const;
const FILTERS = ['none', 'AGENT IS', 'MODEL IS', 'PROVIDER IN', 'MODEL IS_NOT'] as const;
const POLICIES = ['refuse', 'assume', 'flag'] as const;
const RAISES: readonly (readonly bigint[])[] = [[], [7n], [], [3n, 40n]];

/** The table. */
export const TWO_HUNDRED_CASES: readonly TableCase[] = Array.from({ length: 200 }, (_, number) => caseOf(number));

function caseOf(number: number): TableCase {
  const isUnknown = number % 11 === 5;
  const base = controlOf(number, isUnknown);
  return {
    number,
    model: isUnknown ? 'gpt-table-unknown' : number % 3 === 0 ? 'gpt-table-dear' : 'gpt-table-cheap',
    outputTokens: 1 + ((number * 37) % 900),
    // Room that is spent or shut needs something that is spent.
    events: base.room === 'spent' ? 1 + (number % 3) : number % 4,
    held: base.room === 'taken-up' ? [64 + number, 5] : number % 5 < 2 ? [] : [(number * 13) % 400],
    controls: [base, ...othersOf(number, isUnknown)],
  };
}

function controlOf(number: number, isUnknown: boolean): TableControl {
  const room = at(ROOMS, number);
  return {
    metric: isUnknown ? 'TOTAL_COST' : at(METRICS, Math.floor(number / 6)),
    window: at(WINDOWS, Math.floor(number / 5)),
    groupBy: isUnknown ? null : at(GROUPS, Math.floor(number / 7)),
    filter: isUnknown ? 'none' : at(FILTERS, Math.floor(number / 3)),
    mode: number % 13 === 12 ? 'shadow' : number % 17 === 16 ? 'disabled' : 'HARD',
    onUnknownPrice: isUnknown ? at(POLICIES, Math.floor(number / 11)) : 'refuse',
    room,
    raises: room === 'limit-0' ? [] : at(RAISES, Math.floor(number / 4)),
  };
}

/** Others beside it: with room, without, or polled. The first that fails is to be told. */
function othersOf(number: number, isUnknown: boolean): readonly TableControl[] {
  if (isUnknown || number % 3 !== 1) return [];
  const plain = { groupBy: null, filter: 'none', onUnknownPrice: 'flag', raises: [] } as const;
  const second: TableControl = {
    ...plain,
    metric: at(METRICS, number),
    window: 'LIFETIME',
    mode: number % 2 === 0 ? 'HARD' : 'POLLED',
    room: number % 2 === 0 ? at(['one-too-much', 'ample', 'taken-up'] as const, Math.floor(number / 6)) : 'ample',
  };
  return number % 9 === 1 ? [second, { ...second, mode: 'HARD', room: 'exact', window: 'MONTHLY' }] : [second];
}

function at<T>(values: readonly T[], index: number): T {
  return values[index % values.length] as T;
}
