/** What bench/overspend runs. */
import type { Scenario } from '../../test/holds/overspend/sdk-scenario.js';

/** How calls reach the provider. */
export type Door = '1 process' | '8 processes' | 'gateway' | '3 gateways';

/** One run. */
export interface Run {
  readonly door: Door;
  readonly setting: string;
  readonly scenario: Scenario;
}

/** All doors. */
export const DOORS: readonly Door[] = ['1 process', '8 processes', 'gateway', '3 gateways'];
const CALLERS = [1, 8, 64, 512];
/** Cents of the dearest call. */
const BOUND = 20;
/** Enough that one call is little beside the budget, which is a tenth of them. */
const CALLS_MIN = 3_000;
const CALLS_A_CALLER = 10;
const RETRY_MS = 2_000;

/** Settings of I7 beside the defaults. */
const SETTINGS: readonly Partial<Scenario>[] = [
  { fields: { estimate: 'worst-case', onExpiry: 'release' } },
  { fields: { estimate: 'expected', onExpiry: 'charge' } },
  { fields: { estimate: 'expected', onExpiry: 'release' } },
  ...['cut' as const, 'finish' as const].map(surprising),
];

/**
 * Calls that name no limit, under a budget that takes them for short ones: what becomes of streams that outgrow their holds
 * matters here. Few, so that nobody has learnt by then what they cost as a rule.
 */
function surprising(whenExhausted: 'cut' | 'finish'): Partial<Scenario> {
  const assumed = { outputLimit: 'assume', assumedOutputTokens: 5 } as const;
  const fields = { estimate: 'expected', onExpiry: 'charge', whenExhausted, ...assumed } as const;
  return { fields, streams: true, isUnlimited: true, calls: 450 };
}

const SETTINGS_CALLERS = 64;

/** The runs of some doors: the defaults with every number of callers, each other setting with one. */
export function runsOf(doors: readonly Door[]): readonly Run[] {
  return doors.flatMap((door) => [
    ...CALLERS.map((callers) => runOf(door, callers, {})),
    ...SETTINGS.map((setting) => runOf(door, SETTINGS_CALLERS, setting)),
  ]);
}

function runOf(door: Door, callers: number, setting: Partial<Scenario>): Run {
  const { estimate = 'worst-case', onExpiry = 'charge', whenExhausted } = setting.fields ?? {};
  const name = [estimate, onExpiry, ...(setting.streams ? [`streams without a limit, ${whenExhausted}`] : [])];
  const processes = door === '8 processes' ? Math.min(8, callers) : 1;
  const calls = Math.max(CALLS_MIN, callers * CALLS_A_CALLER);
  const base = { processes, callers, calls, bound: BOUND, streams: false, retryMs: RETRY_MS, fields: {} };
  return { door, setting: name.join(', '), scenario: { ...base, ...setting } };
}
