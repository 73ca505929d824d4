/** The ledger's side of the protocol as a pure function; the real one is held against it, state by state. */
import {
  type Answer,
  copyLedger,
  type Hold,
  type Ledger,
  type LedgerInput,
  leftOf,
  type Operation,
  type Setting,
  TTL_TICKS,
} from './protocol.js';
import type { Rules } from './rules.js';

/** What came of an input. Nothing is changed in place. */
export interface LedgerStep {
  readonly ledger: Ledger;
  /** For operations. */
  readonly answer?: Answer;
}

/** One step of the ledger. */
export function ledgerStep(before: Ledger, input: LedgerInput, setting: Setting, rules: Rules): LedgerStep {
  const ledger = copyLedger(before);
  if (input.op === 'tick') {
    ledger.now += 1;
    return { ledger };
  }
  if (input.op === 'sweep') {
    sweep(ledger, setting, rules);
    return { ledger };
  }
  if (input.op === 'settle') {
    settle(ledger, input, setting, rules);
    return { ledger };
  }
  return { ledger, answer: operate(ledger, input, setting, rules) };
}

/** The window of a tick. */
export function windowAt(now: number, { turnsAt }: Setting): number {
  return now >= turnsAt ? 1 : 0;
}

function operate(ledger: Ledger, operation: Operation, setting: Setting, rules: Rules): Answer {
  const hold = ledger.holds[operation.hold]!;
  sweep(ledger, setting, rules);
  if (operation.op === 'take') return take(ledger, operation, hold, setting, rules);
  if (hold.state === 'none' || (operation.op === 'extend' && hold.state !== 'open')) return gone(hold);
  const isOld = rules.oldSequencesAreIgnored && operation.sequence <= hold.sequence;
  if (!isOld && operation.op === 'give-back' && hold.state === 'expired') {
    hold.sequence = operation.sequence;
    takeBack(ledger, hold, operation.amount);
    return answerOf(ledger, hold, setting, rules);
  }
  if (isOld || hold.state !== 'open') return answerOf(ledger, hold, setting, rules);
  hold.sequence = operation.sequence;
  if (operation.op === 'extend') {
    if (!fits(ledger, hold.window, operation.amount, setting, rules)) {
      recallOthers(ledger, operation.hold, hold.window, operation.amount, setting);
      return { ...answerOf(ledger, hold, setting, rules), outcome: 'refused' };
    }
    hold.amount = Math.max(hold.amount, hold.drawn) + operation.amount;
    ledger.held[hold.window]! += operation.amount;
  }
  if (operation.op === 'give-back') giveBack(ledger, hold, operation.amount, rules);
  hold.expiresAt = ledger.now + TTL_TICKS;
  if (operation.op === 'give-back' && leftOf(hold) === 0) hold.state = 'closed';
  return answerOf(ledger, hold, setting, rules);
}

function take(
  ledger: Ledger,
  { amount }: { readonly amount: number },
  hold: Hold,
  setting: Setting,
  rules: Rules,
): Answer {
  if (hold.state !== 'none' && rules.takesAreIdempotent) return answerOf(ledger, hold, setting, rules);
  const window = windowAt(ledger.now, setting);
  if (!fits(ledger, window, amount, setting, rules)) {
    recallOthers(ledger, ledger.holds.indexOf(hold), window, amount, setting);
    return { ...gone(hold), outcome: 'refused' };
  }
  ledger.held[window]! += amount;
  Object.assign(hold, { state: 'open', window, amount: hold.amount + amount, expiresAt: ledger.now + TTL_TICKS });
  return answerOf(ledger, hold, setting, rules);
}

function fits(ledger: Ledger, window: number, asked: number, { limit }: Setting, rules: Rules): boolean {
  const held = rules.heldCounts ? ledger.held[window]! : 0;
  return ledger.value[window]! + held + asked <= limit;
}

/** Where it would fit but for what others hold, they are told. */
function recallOthers(ledger: Ledger, by: number, window: number, asked: number, { limit, holdsEach }: Setting): void {
  if (ledger.value[window]! >= limit || ledger.value[window]! + asked > limit) return;
  const ownerOf = (at: number): number => Math.floor(at / holdsEach);
  for (const [at, hold] of ledger.holds.entries()) {
    if (ownerOf(at) !== ownerOf(by) && hold.state === 'open' && hold.window === window && leftOf(hold) > 0)
      hold.isRecalled = true;
  }
}

function giveBack(ledger: Ledger, hold: Hold, keep: number, rules: Rules): void {
  const left = leftOf(hold);
  const back = rules.givesBackWhatIsLeftOnly ? left - Math.min(left, keep) : hold.amount - keep;
  hold.amount -= back;
  ledger.held[hold.window]! -= back;
  hold.isRecalled = false;
}

/** Its owner lives: what it did not spend is charged no more. */
function takeBack(ledger: Ledger, hold: Hold, keep: number): void {
  const back = Math.max(0, hold.charge - keep);
  hold.charge -= back;
  hold.amount -= back;
  hold.leftAtExpiry -= back;
  ledger.value[hold.window]! -= back;
}

function settle(
  ledger: Ledger,
  { call, hold: at, cost }: { readonly call: number; readonly hold: number; readonly cost: number },
  setting: Setting,
  rules: Rules,
): void {
  if (ledger.recorded[call] === true && rules.eventsCountOnce) return;
  ledger.recorded[call] = true;
  const hold = ledger.holds[at]!;
  const window = hold.state === 'none' || !rules.eventsKeepTheirWindow ? windowAt(ledger.now, setting) : hold.window;
  const left = hold.state === 'open' ? leftOf(hold) : 0;
  if (rules.settlingLowersHeld) ledger.held[hold.window]! -= Math.min(cost, left);
  hold.drawn += cost;
  if (hold.state === 'expired') hold.drawnLate += cost;
  const superseded = rules.eventsSupersedeCharges ? Math.min(cost, hold.charge) : 0;
  hold.charge -= superseded;
  ledger.value[hold.window]! -= superseded;
  ledger.value[window]! += cost;
  if (rules.overrunsAreRecorded) ledger.overrun[window]! += overrunOf(ledger, window, cost - superseded, setting);
}

/** What of an amount that was just added lies above the limit. */
function overrunOf(ledger: Ledger, window: number, added: number, { limit }: Setting): number {
  return Math.max(0, Math.min(added, ledger.value[window]! - limit));
}

function sweep(ledger: Ledger, setting: Setting, rules: Rules): void {
  for (const hold of ledger.holds) {
    if (hold.state !== 'open' || hold.expiresAt > ledger.now) continue;
    const left = leftOf(hold);
    hold.state = left === 0 ? 'closed' : 'expired';
    hold.leftAtExpiry = left;
    ledger.held[hold.window]! -= left;
    if (setting.onExpiry === 'release') hold.amount -= left;
    if (setting.onExpiry === 'release' || !rules.expiryCharges) continue;
    hold.charge = left;
    ledger.value[hold.window]! += left;
    if (rules.overrunsAreRecorded) ledger.overrun[hold.window]! += overrunOf(ledger, hold.window, left, setting);
  }
}

function gone({ sequence, amount, drawn, state }: Hold): Answer {
  return { outcome: 'gone', state, sequence, amount, drawn, drawFor: 0, isRecalled: false };
}

/** A hold is drawn from for half of its life, counted from its last operation, and not beyond its window. */
function answerOf(ledger: Ledger, hold: Hold, setting: Setting, rules: Rules): Answer {
  const { state, sequence, amount, drawn, isRecalled } = hold;
  const last = hold.expiresAt - (rules.drawingEndsBeforeExpiry ? TTL_TICKS / 2 : 0);
  const end = hold.window === 0 && rules.drawingEndsWithTheWindow ? Math.min(last, setting.turnsAt) : last;
  const drawFor = state === 'open' ? Math.max(0, end - ledger.now) : 0;
  return { outcome: 'held', state, sequence, amount, drawn, drawFor, isRecalled };
}
