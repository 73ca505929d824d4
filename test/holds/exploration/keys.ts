/** States as short strings, and what is the same but for which process is the first. */
import type { Client, Hold, Ledger, LedgerInput, Operation } from './protocol.js';

const HOLD_STATES = ['none', 'open', 'closed', 'expired'];
const CALL_STATES = ['idle', 'open', 'released', 'outbox', 'known', 'counted', 'lost'];
const OUTCOMES = ['held', 'refused', 'gone'];
const OPERATIONS = ['take', 'extend', 'give-back', 'renew', 'settle', 'sweep', 'tick'];
/** Numbers become characters above this; they are small, and never below -32. */
const BASE = 40;

/** The key of the ledger's side. */
export function ledgerKeyOf(ledger: Ledger): string {
  const numbers = [ledger.now, ...ledger.value, ...ledger.held, ...ledger.overrun];
  for (const hold of ledger.holds) numbersOf(hold, numbers);
  for (const isIn of ledger.recorded) numbers.push(Number(isIn));
  return text(numbers);
}

/** The ledger with the processes the other way round. */
export function mirrorOf(ledger: Ledger): Ledger {
  const { holds, recorded } = ledger;
  const callsEach = recorded.length / 2;
  const holdsEach = holds.length / 2;
  return {
    ...ledger,
    holds: [...holds.slice(holdsEach), ...holds.slice(0, holdsEach)],
    recorded: [...recorded.slice(callsEach), ...recorded.slice(0, callsEach)],
  };
}

/** The key of what is put into the ledger. */
export function inputKeyOf(input: LedgerInput): string {
  const numbers = [OPERATIONS.indexOf(input.op)];
  if (input.op === 'settle') numbers.push(input.call, input.hold, input.cost);
  else if (input.op !== 'sweep' && input.op !== 'tick') asked(input, numbers);
  return text(numbers);
}

/** The key of a process, the same for both. */
export function clientKeyOf(client: Client): string {
  const { calls, isAlive, hold, taken, sequence, amount, drawn, drawUntil, repeats, renewals, answer } = client;
  const numbers = [Number(isAlive), hold, taken, sequence, amount, drawn, drawUntil, repeats, renewals];
  for (const operation of [client.pending, client.stale]) {
    if (operation === undefined) numbers.push(-1);
    else asked(operation, numbers).push(operation.sentAt);
  }
  if (answer === undefined) numbers.push(-1);
  else {
    numbers.push(OUTCOMES.indexOf(answer.outcome), HOLD_STATES.indexOf(answer.state), answer.sequence);
    numbers.push(answer.amount, answer.drawn, answer.drawFor, Number(answer.isRecalled));
  }
  for (const call of calls) {
    numbers.push(CALL_STATES.indexOf(call.state), call.hold, call.cost, Number(call.isBefore));
  }
  return text(numbers);
}

/** The key of its calls. */
export function callsKeyOf({ calls }: Client): string {
  return text(calls.flatMap((call) => [CALL_STATES.indexOf(call.state), call.hold, call.cost]));
}

function asked(operation: Operation, numbers: number[]): number[] {
  const sequence = operation.op === 'take' ? 0 : operation.sequence;
  const amount = operation.op === 'renew' ? 0 : operation.amount;
  numbers.push(OPERATIONS.indexOf(operation.op), operation.hold, sequence, amount);
  return numbers;
}

function numbersOf(hold: Hold, numbers: number[]): void {
  numbers.push(HOLD_STATES.indexOf(hold.state), hold.window, hold.amount, hold.drawn, hold.sequence, hold.expiresAt);
  numbers.push(hold.charge, Number(hold.isRecalled), hold.leftAtExpiry, hold.drawnLate);
}

function text(numbers: readonly number[]): string {
  return String.fromCharCode(...numbers.map((number) => number + BASE));
}
