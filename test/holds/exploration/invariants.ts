/** What must hold in every state (I7). Sums are made from the calls, not read from what the ledger keeps. */
import { ledgerStep, windowAt } from './ledger-model.js';
import { type Ledger, leftOf, type Setting, type State, TTL_TICKS } from './protocol.js';
import type { Rules } from './rules.js';

const WINDOWS = [0, 1];

/** Everything that is wrong with a state; empty as a rule. */
export function faultsOf(state: State, setting: Setting, rules: Rules): string[] {
  const faults: string[] = [];
  const { ledger } = state;
  const isStrict = setting.onExpiry === 'charge' && setting.need >= setting.bound;
  const recorded = recordedOf(state, ledger);
  const charged = chargedOf(ledger, setting);
  for (const window of WINDOWS) {
    const value = ledger.value[window]!;
    const held = ledger.held[window]!;
    const open = sumOf(ledger, window, (hold) => (hold.state === 'open' ? leftOf(hold) : 0));
    if (held !== open) faults.push(`held is ${held}, and open holds have ${open}`);
    if (value !== recorded[window]! + charged[window]!) faults.push('spend is not the sum of events and charges');
    if (isStrict) {
      if (value + held > setting.limit) faults.push(`spend and holds come to ${value + held}`);
      const paid = paidOf(state, window, setting);
      if (paid > setting.limit) faults.push(`calls that were sent can come to ${paid}`);
    } else if (value - setting.limit > ledger.overrun[window]!) {
      faults.push(`overspend of ${value - setting.limit}, and ${ledger.overrun[window]} is recorded`);
    }
  }
  return faults.length > 0 ? faults : endFaults(state, setting, rules, isStrict);
}

/** A call may be sent only against a hold that is there, in its window, for long enough to tell what it came to. */
export function drawFault({ holds, now }: Ledger, at: number, setting: Setting): string | undefined {
  const { state, window, expiresAt } = holds[at]!;
  if (state === 'expired' || expiresAt <= now) return 'a call is drawn from a hold that has expired';
  if (expiresAt - now <= TTL_TICKS / 2) return 'a call is drawn from a hold that is about to expire';
  return window === windowAt(now, setting) ? undefined : 'a call is drawn from a hold of another window';
}

/** Time goes on, nothing else is asked, and every event that was metered comes in: how does it end? */
function endFaults(state: State, setting: Setting, rules: Rules, isStrict: boolean): string[] {
  const faults: string[] = [];
  let ledger: Ledger = ledgerStep({ ...state.ledger, now: 99 }, { op: 'sweep' }, setting, rules).ledger;
  for (const [at, client] of state.clients.entries()) {
    for (const [i, { state: is, hold, cost }] of client.calls.entries()) {
      if (is !== 'outbox') continue;
      const call = at * client.calls.length + i;
      const settle = { op: 'settle', call, hold: (at * ledger.holds.length) / 2 + hold, cost } as const;
      ledger = ledgerStep(ledger, settle, setting, rules).ledger;
    }
  }
  if (ledger.holds.some((hold) => hold.state === 'open')) faults.push('a hold does not end');
  const recorded = recordedOf(state, ledger);
  const charged = chargedOf(ledger, setting);
  for (const window of WINDOWS) {
    const value = ledger.value[window]!;
    if (ledger.held[window] !== 0) faults.push(`${ledger.held[window]} stays held`);
    if (value !== recorded[window]! + charged[window]!) faults.push('at the end spend is not events and charges');
    const kept = sumOf(ledger, window, (hold) => hold.charge);
    if (kept !== charged[window]) faults.push(`charges of ${kept} stay, where ${charged[window]} is not accounted for`);
    if (setting.onExpiry === 'charge' && setting.need >= setting.bound) {
      const lost = lostOf(state, window, setting);
      if (value < recorded[window]! + lost) faults.push('calls of a killed process are paid for and not in the books');
    }
    if (isStrict && value > setting.limit) faults.push(`at the end ${value} is spent`);
    if (!isStrict && value - setting.limit > ledger.overrun[window]!) faults.push('overspend that is not recorded');
  }
  return faults;
}

/** Events that are in, by the window of their hold. */
function recordedOf(state: State, ledger: Ledger): number[] {
  const sums = [0, 0];
  for (const [at, client] of state.clients.entries()) {
    for (const [i, { hold, cost }] of client.calls.entries()) {
      if (ledger.recorded[at * client.calls.length + i] !== true) continue;
      sums[ledger.holds[(at * ledger.holds.length) / 2 + hold]!.window]! += cost;
    }
  }
  return sums;
}

/** What of expired holds no event has accounted for. */
function chargedOf(ledger: Ledger, { onExpiry }: Setting): number[] {
  if (onExpiry === 'release') return [0, 0];
  return WINDOWS.map((window) =>
    sumOf(ledger, window, ({ leftAtExpiry, drawnLate }) => Math.max(0, leftAtExpiry - drawnLate)),
  );
}

/** What all calls that were sent cost at most. */
function paidOf({ ledger, clients }: State, window: number, { bound }: Setting): number {
  let sum = 0;
  for (const [at, { calls }] of clients.entries()) {
    for (const { state, hold, cost } of calls) {
      if (hold < 0 || ledger.holds[(at * ledger.holds.length) / 2 + hold]!.window !== window) continue;
      sum += state === 'open' || state === 'lost' ? bound : cost;
    }
  }
  return sum;
}

function lostOf({ ledger, clients }: State, window: number, { bound }: Setting): number {
  let sum = 0;
  for (const [at, { calls }] of clients.entries()) {
    for (const { state, hold } of calls) {
      if (state === 'lost' && ledger.holds[(at * ledger.holds.length) / 2 + hold]!.window === window) sum += bound;
    }
  }
  return sum;
}

function sumOf(ledger: Ledger, window: number, of: (hold: Ledger['holds'][number]) => number): number {
  let sum = 0;
  for (const hold of ledger.holds) if (hold.window === window) sum += of(hold);
  return sum;
}
