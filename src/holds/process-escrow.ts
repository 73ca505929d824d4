/** What all scopes and tickets of one process share: operations on holds, their upkeep, and the events that are awaited. */
import type { Log } from '../log.js';
import { BoundNotice } from '../metering/bound-notice.js';
import type { Runtime, Timer } from '../runtime.js';
import { AwaitedEvents } from './awaited-events.js';
import { Courier } from './courier.js';
import { DoubtfulTakes } from './doubtful-takes.js';
import { plainNeed } from './hold-ask.js';
import type { HoldCall, HoldDesk, HoldOperation, HoldRefusal } from './hold-types.js';
import type { HoldAsk, HoldTicket } from './holder-types.js';
import { Operator, type Performed } from './operator.js';
import { type Amounts, type Consumption, Purse } from './purse.js';
import { PurseKeeper } from './purse-keeper.js';
import type { Escrow } from './scope.js';
import { Ticket, type TicketOffice } from './ticket.js';

/** What an escrow is made of. */
export interface EscrowParts {
  readonly desk: HoldDesk;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly owner: string;
  readonly ttlSeconds: number;
  readonly timeoutMs: number;
  readonly isFailOpen: boolean;
}

const LOOK_MS = 100;
/** Extensions for one stream that are tried while others take what was brought. */
const GROWTHS_MAX = 4;

type Take = HoldOperation & { readonly op: 'take' };

/** Looks after its holds by a timer as long as there are any; the timer does not keep the process alive. */
export class ProcessEscrow implements Escrow, TicketOffice {
  readonly events = new AwaitedEvents();
  readonly #runtime: Runtime;
  readonly #parts: EscrowParts;
  readonly #courier: Courier;
  readonly #operator: Operator;
  readonly #keeper: PurseKeeper;
  readonly #doubts: DoubtfulTakes;
  /** A take whose outcome is not known is asked again as it was. */
  readonly #takes = new WeakMap<Purse, Take>();
  readonly #silence: BoundNotice;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(parts: EscrowParts) {
    const { desk, runtime, log } = parts;
    this.#parts = parts;
    this.#runtime = runtime;
    this.#courier = new Courier(desk, runtime, parts.timeoutMs);
    this.#doubts = new DoubtfulTakes(this.#courier);
    this.#operator = new Operator(this.#courier, runtime, (id, isLost) => this.#doubts.add(id, this.now(), isLost));
    this.#keeper = new PurseKeeper(this.#operator, parts.ttlSeconds * 1_000);
    this.#silence = new BoundNotice(log, 'no answer to what was asked of holds', 'holds are answered again');
  }

  get holds(): number {
    return this.#keeper.size;
  }

  get callsUnderWay(): number {
    return this.#keeper.callsUnderWay;
  }

  get roundTrips(): number {
    return this.#courier.roundTrips;
  }

  now(): number {
    return this.#runtime.monotonicNow();
  }

  obstacle(): string | undefined {
    return this.#isClosed ? 'the holder is closed' : this.#operator.obstacle;
  }

  version(): string | undefined {
    return this.#operator.version;
  }

  open(call: HoldCall): Purse {
    const purse = new Purse(this.#runtime.newId(), call);
    purse.usedAtMs = this.now();
    this.#keeper.add(purse);
    this.#lookLater();
    return purse;
  }

  ticket(purse: Purse, ask: HoldAsk, amounts: Amounts): HoldTicket {
    return new Ticket(this, purse, ask, amounts);
  }

  take(purse: Purse, { call, need: asked }: HoldAsk, calls: number): Promise<Performed> {
    const { owner, ttlSeconds } = this.#parts;
    const need = plainNeed(asked);
    const operation = this.#takes.get(purse) ?? { op: 'take', id: purse.id, owner, call, need, calls, ttlSeconds };
    this.#takes.set(purse, operation);
    return this.#noted(this.#operator.perform(purse, operation));
  }

  extend(
    purse: Purse,
    { call, need: asked }: HoldAsk,
    missing: Readonly<Record<string, bigint>>,
    calls: number,
  ): Promise<Performed> {
    purse.sequence += 1;
    const need = plainNeed(asked);
    const texts = Object.fromEntries(Object.entries(missing).map(([id, amount]) => [id, String(amount)]));
    const { id, sequence } = purse;
    return this.#noted(
      this.#operator.perform(purse, { op: 'extend', id, sequence, call, need, missing: texts, calls }),
    );
  }

  renew(purse: Purse): Promise<Performed> {
    return this.#noted(this.#keeper.renew(purse));
  }

  retire(purse: Purse): void {
    if (purse.state === 'open') purse.state = 'leaving';
    this.#keeper.look(this.now(), (one) => this.#askAgain(one), [purse]);
    this.#lookLater();
  }

  async reclaim(purse: Purse | undefined, refusal: HoldRefusal): Promise<boolean> {
    const others = [...this.#keeper.all()].filter(
      (one) => one !== purse && one.operation === undefined && one.hasSpareOf(refusal.controlId, refusal.group),
    );
    await Promise.all(others.map((one) => this.#keeper.giveBack(one)));
    return others.length > 0;
  }

  await(eventKey: string, consumption: Consumption): void {
    this.events.add(eventKey, consumption, this.now());
    this.#lookLater();
  }

  async extendFor(purse: Purse, ask: HoldAsk, amounts: Amounts): Promise<'asked' | 'let'> {
    for (let growth = 0; growth < GROWTHS_MAX; growth += 1) {
      while (purse.operation !== undefined) await purse.operation;
      if (purse.state === 'ended') return 'asked';
      const missing = purse.missing(amounts);
      const lacks = Object.values(missing).some((amount) => amount > 0n);
      if (!lacks && purse.frozenBy === undefined) return 'asked';
      if (this.obstacle() !== undefined) return this.#parts.isFailOpen ? 'let' : 'asked';
      const performed = await (purse.frozenBy === undefined ? this.extend(purse, ask, missing, 1) : this.renew(purse));
      if (performed.kind === 'failed') return this.#parts.isFailOpen ? 'let' : 'asked';
      if (performed.kind !== 'held') return 'asked';
    }
    return 'asked';
  }

  /** Holds say with their next states whether they are of the present version. */
  askAnew(): void {
    for (const purse of this.#keeper.all()) purse.sentAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Gives back what is not needed; what is under way, or not in the ledger, stays until its event or its expiry. */
  async close(timeoutMs: number): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#leave([...this.#keeper.all()], timeoutMs);
  }

  /** The same, and goes on: calls that come later take holds of their own. `true`: all of it was answered in time. */
  async giveBack(timeoutMs: number): Promise<boolean> {
    const purses = [...this.#keeper.all()].filter((one) => one.state === 'asking' || one.hasSpare || one.isDone);
    return purses.length + this.#doubts.size === 0 || (await this.#leave(purses, timeoutMs));
  }

  #leave(purses: readonly Purse[], timeoutMs: number): Promise<boolean> {
    const isTooLate = { value: false };
    return new Promise((resolve) => {
      const timer = this.#runtime.setTimer(() => {
        isTooLate.value = true;
        resolve(false);
      }, timeoutMs);
      const all = [this.#doubts.close(), ...purses.map((purse) => this.#closePurse(purse, isTooLate))];
      void Promise.all(all).finally(() => {
        timer.cancel();
        resolve(!isTooLate.value);
      });
    });
  }

  async #closePurse(purse: Purse, isTooLate: { readonly value: boolean }): Promise<void> {
    while (!isTooLate.value && purse.state !== 'ended') {
      if (purse.operation !== undefined) await purse.operation;
      else if (purse.state === 'asking') await this.#askAgain(purse);
      else {
        purse.state = 'leaving';
        await this.#keeper.giveBack(purse);
        if (purse.frozenBy === undefined) return;
      }
      if (this.#operator.obstacle !== undefined) await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#runtime.setTimer(resolve, LOOK_MS));
  }

  #askAgain(purse: Purse): Promise<Performed> {
    return this.#noted(this.#operator.perform(purse, this.#takes.get(purse)!));
  }

  async #noted(performing: Promise<Performed>): Promise<Performed> {
    const performed = await performing;
    if (performed.kind === 'failed') this.#silence.reached({ reason: performed.reason });
    else this.#silence.over();
    return performed;
  }

  #lookLater(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#timer = this.#runtime.setTimer(() => {
      this.#timer = undefined;
      const nowMs = this.now();
      this.events.look(nowMs);
      this.#keeper.look(nowMs, (purse) => void this.#askAgain(purse));
      if (this.#operator.obstacle === undefined) this.#doubts.look(nowMs);
      if (this.#keeper.size > 0 || this.#doubts.size > 0) this.#lookLater();
    }, LOOK_MS);
  }
}
