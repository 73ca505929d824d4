/**
 * The process's side of the protocol: the most liberal holder that is right. It may do at any moment whatever a real one
 * might find wise; what it must never do is left out.
 */
import { type Answer, type Client, copyClient, type Operation, type Setting } from './protocol.js';
import type { Rules } from './rules.js';

/** Something that a process can do now: its name, and the process after it. */
export interface Move {
  readonly name: string;
  readonly client: Client;
}

/** What a call that has not been counted yet takes of the hold, as the process sees it. */
function takenBy(client: Client, hold: number, { need }: Setting, rules: Rules): number {
  let sum = 0;
  for (const call of client.calls) {
    if (call.hold !== hold) continue;
    if (call.state === 'open' && rules.callsUnderWayAreKept) sum += need;
    if (call.state === 'outbox' && rules.eventsUnderWayAreKept) sum += call.cost;
    if (call.state === 'known' && rules.acknowledgedCountsUntilSeen) sum += call.cost;
  }
  return sum;
}

/** What can still be drawn. */
export function roomOf(client: Client, setting: Setting, rules: Rules): number {
  const { hold, amount, drawn } = client;
  // Reserved is reserved, whatever a give-back keeps.
  const open = client.calls.filter((call) => call.hold === hold && call.state === 'open').length;
  const taken = takenBy(client, hold, setting, { ...rules, callsUnderWayAreKept: true });
  return hold < 0 ? 0 : amount - drawn - Math.max(taken, open * setting.need);
}

/** All moves of a process that need nobody else. */
export function clientMoves(client: Client, now: number, setting: Setting, rules: Rules): Move[] {
  const moves: Move[] = [];
  const move = (name: string, change: (next: Client) => void): void => {
    const next = copyClient(client);
    change(next);
    moves.push({ name, client: next });
  };
  for (const [i, call] of client.calls.entries()) {
    if (call.state !== 'open') continue;
    for (const cost of setting.costs) {
      move(`meter ${i} at ${cost}`, (next) => void Object.assign(next.calls[i]!, { state: 'outbox', cost }));
    }
    move(`release ${i}`, (next) => void Object.assign(next.calls[i]!, { state: 'released', hold: -1 }));
  }
  const idle = client.calls.findIndex(({ state }) => state === 'idle');
  const room = roomOf(client, setting, rules);
  const mayDraw = client.hold >= 0 && (now < client.drawUntil || !rules.drawingEndsAtAll);
  if (idle >= 0 && mayDraw && room >= setting.need) {
    move(`draw ${idle}`, (next) => void Object.assign(next.calls[idle]!, { state: 'open', hold: client.hold }));
  }
  if (client.pending === undefined) asking(client, now, { idle, room, mayDraw }, setting, rules, move);
  else if (client.repeats < setting.repeats) {
    // Its answer stays out: it is sent again, and the first copy may come yet.
    move('repeat', (next) => {
      if (next.answer === undefined) next.stale = next.pending;
      next.answer = undefined;
      next.pending = { ...next.pending!, sentAt: now };
      next.repeats += 1;
      markAcknowledged(next);
    });
  }
  return moves;
}

function asking(
  client: Client,
  now: number,
  { idle, room, mayDraw }: { readonly idle: number; readonly room: number; readonly mayDraw: boolean },
  setting: Setting,
  rules: Rules,
  move: (name: string, change: (next: Client) => void) => void,
): void {
  const send = (next: Client, operation: Operation): void => {
    next.pending = operation;
    markAcknowledged(next);
  };
  if (client.hold < 0) {
    if (idle < 0 || client.taken >= setting.holdsEach) return;
    const hold = client.taken;
    move('take', (next) => {
      next.taken += 1;
      send(next, { op: 'take', hold, amount: setting.need, sentAt: now });
    });
    return;
  }
  const sequence = client.sequence + 1;
  const { hold } = client;
  if (sequence > setting.operations) return;
  if (idle >= 0 && mayDraw && room < setting.need) {
    const amount = setting.need - Math.max(0, room);
    move('extend', (next) => send(next, { op: 'extend', hold, sequence, amount, sentAt: now }));
  }
  const keep = takenBy(client, hold, setting, rules);
  if (client.amount - client.drawn > keep) {
    move('give back', (next) => {
      send(next, { op: 'give-back', hold, sequence, amount: keep, sentAt: now });
      if (rules.givingBackIsFeltAtOnce) next.amount = Math.min(next.amount, next.drawn + keep);
    });
  }
  if (client.renewals < setting.renewals) {
    move('renew', (next) => {
      next.renewals += 1;
      send(next, { op: 'renew', hold, sequence, sentAt: now });
    });
  }
}

/** What was acknowledged by now is in the state that this operation will be answered with. */
function markAcknowledged(client: Client): void {
  for (const call of client.calls) call.isBefore = call.state === 'known';
}

/** The answer to what was asked has come. */
export function answered(before: Client, answer: Answer, now: number, rules: Rules): Client {
  const client = copyClient(before);
  const operation = client.pending!;
  client.pending = undefined;
  client.answer = undefined;
  for (const call of client.calls) {
    if (call.isBefore) Object.assign(call, { state: 'counted', isBefore: false });
  }
  const isOpen = answer.outcome !== 'gone' && answer.state === 'open';
  if (!isOpen) {
    Object.assign(client, { hold: -1, sequence: 0, amount: 0, drawn: 0, drawUntil: 0 });
    return forgetOld(client);
  }
  client.hold = operation.hold;
  client.sequence = operation.op === 'take' ? 0 : operation.sequence;
  client.amount = answer.amount;
  client.drawn = answer.drawn;
  client.drawUntil = (rules.timeRunsFromSending ? operation.sentAt : now) + answer.drawFor;
  return forgetOld(client);
}

/** Time has gone on: what is over is over, whenever it was. */
export function later(client: Client, now: number): Client {
  return client.drawUntil > now || client.drawUntil === 0 ? client : { ...client, drawUntil: 0 };
}

/** What was of a hold that is not drawn from any more makes no difference to anybody. */
function forgetOld(client: Client): Client {
  for (const call of client.calls) {
    if (call.state === 'known' && call.hold !== client.hold) Object.assign(call, { state: 'counted', isBefore: false });
  }
  return client;
}

/** kill -9: calls under way are paid for and never metered; what was metered is on disk. */
export function killed(before: Client): Client {
  const client = copyClient(before);
  for (const call of client.calls) if (call.state === 'open') call.state = 'lost';
  Object.assign(client, { isAlive: false, hold: -1, sequence: 0, amount: 0, drawn: 0, drawUntil: 0 });
  Object.assign(client, { taken: 0, renewals: 0, repeats: 0 });
  // What is on its way to the ledger arrives or not; nobody waits for its answer.
  if (client.answer === undefined && client.pending !== undefined) client.stale = client.pending;
  return forgetOld(Object.assign(client, { pending: undefined, answer: undefined }));
}
