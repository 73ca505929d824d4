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

/** Settings of I7 beside the defaults. What becomes of streams that outgrow their holds matters where calls stream. */
const SETTINGS: readonly { readonly fields: Scenario['fields']; readonly streams: boolean }[] = [
  { fields: { estimate: 'worst-case', onExpiry: 'release' }, streams: false },
  { fields: { estimate: 'worst-case', onExpiry: 'charge', whenExhausted: 'cut' }, streams: true },
  { fields: { estimate: 'expected', onExpiry: 'charge' }, streams: false },
  { fields: { estimate: 'expected', onExpiry: 'release' }, streams: false },
  { fields: { estimate: 'expected', onExpiry: 'charge', whenExhausted: 'cut' }, streams: true },
  { fields: { estimate: 'expected', onExpiry: 'charge', whenExhausted: 'finish' }, streams: true },
];
const SETTINGS_CALLERS = 64;

/** The runs of some doors: the defaults with every number of callers, each other setting with one. */
export function runsOf(doors: readonly Door[]): readonly Run[] {
  return doors.flatMap((door) => [
    ...CALLERS.map((callers) => runOf(door, callers, {}, false)),
    ...SETTINGS.map(({ fields, streams }) => runOf(door, SETTINGS_CALLERS, fields, streams)),
  ]);
}

function runOf(door: Door, callers: number, fields: Scenario['fields'], streams: boolean): Run {
  const { estimate = 'worst-case', onExpiry = 'charge', whenExhausted } = fields;
  const setting = `${estimate}, ${onExpiry}${streams ? `, streams: ${whenExhausted}` : ''}`;
  const processes = door === '8 processes' ? Math.min(8, callers) : 1;
  const calls = Math.max(CALLS_MIN, callers * CALLS_A_CALLER);
  return { door, setting, scenario: { processes, callers, calls, bound: BOUND, streams, retryMs: RETRY_MS, fields } };
}
