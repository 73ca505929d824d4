/**
 * What holders ask of the ledger: take, extend, give back, renew. States are absolute and operations are counted, so what is
 * duplicated, late, reordered or lost changes nothing twice.
 */
import type { HoldCall, HoldNeed, HoldOperation, HoldOutcome, RateBound } from 'fusewire/internal';
import type { TeamScope } from '../../compile/team-scope.js';
import type { PriceBook } from '../../pricing/price-book.js';
import { rateBoundEnd } from '../../pricing/rate-bound.js';
import type { BalanceKey } from '../balance-book.js';
import { selectBypass } from '../bypass.js';
import { type LedgerContext, readTeamState, type TeamState } from '../context.js';
import { type FillCursors, NO_FILLS, readFills } from '../fill-cursors.js';
import { expireRaises } from '../raises.js';
import { readPriceBook, readTeamScope } from '../team-copies.js';
import { NEVER_MS } from '../window.js';
import { admit, availableOf, type CellAsk, isTightAt } from './admit.js';
import { type Cell, cellKeys, cellName, cellOf, moveHeld, standingNow } from './cells.js';
import { takeBackCharge } from './end-parts.js';
import { expireDue, keysOf } from './expire-holds.js';
import { type HeldHold, type HeldPart, HoldBook, leftOf } from './hold-book.js';
import { type Concern, type HoldKind, readKinds } from './hold-kinds.js';
import { stateOf } from './hold-terms.js';

type Take = Extract<HoldOperation, { op: 'take' }>;
type Extend = Extract<HoldOperation, { op: 'extend' }>;
type GiveBack = Extract<HoldOperation, { op: 'give-back' }>;

const TTL_SECONDS = { min: 10, max: 3_600, default: 120 } as const;
const CALLS_MAX = 1_000_000;
const AMOUNT = /^\d{1,40}$/;

/**
 * Does the operations in their order, in one transaction. What cannot be done is the outcome of its operation alone. What
 * has expired ends before anybody looks at what is left. @throws StoreError `UNKNOWN_TEAM`
 */
export async function operateHolds(
  context: LedgerContext,
  teamId: string,
  operations: readonly HoldOperation[],
): Promise<readonly HoldOutcome[]> {
  await expireRaises(context, teamId);
  const state = await readTeamState(context, teamId);
  const scope = await readTeamScope(context, teamId, state.controlsVersion);
  const book = await readPriceBook(context, teamId, state.pricesVersion);
  const fills = state.filling ? await readFills(context, teamId) : NO_FILLS;
  await expireDue(context, teamId, scope);
  const asking = operations.filter((one) => one.op === 'take' || one.op === 'extend');
  const source = { teamId, state, scope, book };
  const read = await readKinds(
    context,
    source,
    asking.map(({ call }) => call),
  );
  const kinds = new Map(asking.map((one, i) => [one as HoldOperation, read[i]!]));
  const holds = new HoldBook(context, teamId);
  await holds.load(operations.map(({ id }) => id));
  await context.balances.load(keysFor(context, scope, holds, read));
  // While it is on, calls pass: nothing is held for them.
  const isBypassed = asking.length > 0 && (await selectBypass(context, teamId)) !== undefined;
  const desk = new OperationDesk(context, { teamId, state, scope, book, fills, holds, isBypassed });
  const outcomes: HoldOutcome[] = [];
  for (const operation of operations) outcomes.push(await desk.operate(operation, kinds.get(operation)));
  await holds.keep();
  await desk.recall();
  return outcomes;
}

function keysFor(
  context: LedgerContext,
  scope: TeamScope,
  holds: HoldBook,
  kinds: readonly HoldKind[],
): readonly BalanceKey[] {
  const keys: BalanceKey[] = [...keysOf(context, scope, holds)];
  for (const { concerns } of new Set(kinds)) for (const { cell } of concerns) keys.push(...cellKeys(context, cell));
  return keys;
}

interface DeskParts {
  readonly teamId: string;
  readonly state: TeamState;
  readonly scope: TeamScope;
  readonly book: PriceBook;
  readonly fills: FillCursors;
  readonly holds: HoldBook;
  readonly isBypassed: boolean;
}

/** One batch. */
class OperationDesk {
  readonly #context: LedgerContext;
  readonly #parts: DeskParts;
  readonly #version: string;
  /** Cells that somebody could not take from because of what others hold. */
  readonly #short = new Map<string, { readonly cell: Cell; readonly owner: string }>();
  /** Until when the prices of calls that are alike hold: most of a batch are. */
  readonly #priced = new Map<string, number>();

  constructor(context: LedgerContext, parts: DeskParts) {
    this.#context = context;
    this.#parts = parts;
    const { controlsVersion, pricesVersion, directoryVersion } = parts.state;
    this.#version = `${controlsVersion}.${pricesVersion}.${directoryVersion}`;
  }

  operate(operation: HoldOperation, kind: HoldKind | undefined): Promise<HoldOutcome> {
    if (operation.op === 'take') return this.#take(operation, kind!);
    const hold = this.#parts.holds.get(operation.id);
    if (hold === undefined) return Promise.resolve({ outcome: 'gone', version: this.#version });
    if (operation.op === 'extend') return this.#extend(operation, kind!, hold);
    const isLate = operation.op === 'give-back' && hold.state === 'expired';
    if (operation.sequence <= hold.sequence || (hold.state !== 'open' && !isLate)) return this.#held(hold);
    hold.sequence = operation.sequence;
    hold.isChanged = true;
    if (isLate) return this.#giveBackLate(operation, hold);
    if (operation.op === 'give-back') return this.#giveBack(operation, hold);
    this.#renew(hold);
    return this.#held(hold);
  }

  /** Tells the others. To be called when what changed is written. */
  async recall(): Promise<void> {
    const { teamId } = this.#parts;
    for (const { cell, owner } of this.#short.values()) {
      const { compiled, groupKey, window } = cell;
      const isRolling = compiled.control.windowType === 'ROLLING';
      const windowStartMs = isRolling ? null : window.startMs;
      const params = { teamId, owner, controlId: compiled.control.id, groupKey, windowStartMs };
      await this.#context.sql.query('recall-holds', params);
    }
  }

  async #take(operation: Take, kind: HoldKind): Promise<HoldOutcome> {
    const { id, owner, need } = operation;
    const { holds } = this.#parts;
    const known = holds.get(id);
    if (known !== undefined) {
      if (known.owner !== owner) return { outcome: 'gone', version: this.#version };
      return this.#held(known, kind.ratesOf(need));
    }
    if (kind.concerns.length === 0 || this.#parts.isBypassed) return { outcome: 'free', version: this.#version };
    const rates = kind.ratesOf(need);
    const calls = callsOf(operation.calls);
    const asks = kind.concerns.map((concern) => firstAsk(concern, need, calls));
    const admission = await this.#admit(asks);
    if (!admission.isAdmitted) return this.#refused(admission, owner, rates);
    const hold = this.#newHold(operation, kind.callText);
    for (const [i, { cell }] of asks.entries()) hold.parts.push(newPart(cell, admission.grants[i]!));
    holds.add(hold);
    return this.#held(hold, rates, admission.isTight);
  }

  #newHold({ id, owner, ttlSeconds = TTL_SECONDS.default }: Take, call: string): HeldHold {
    const { nowMs } = this.#context;
    const ttlMs = Math.round(1_000 * Math.min(TTL_SECONDS.max, Math.max(TTL_SECONDS.min, ttlSeconds)));
    return {
      id,
      owner,
      state: 'open',
      sequence: 0,
      ttlMs,
      takenAtMs: nowMs,
      expiresAtMs: nowMs + ttlMs,
      endedAtMs: null,
      isRecalled: false,
      call,
      parts: [],
      isChanged: true,
    };
  }

  /** A call that is under way is extended in the windows of its hold; a control that is new since gets a part now. */
  async #extend(operation: Extend, kind: HoldKind, hold: HeldHold): Promise<HoldOutcome> {
    const { need, sequence } = operation;
    if (hold.state !== 'open') return { outcome: 'gone', version: this.#version };
    if (this.#parts.isBypassed) return { outcome: 'free', version: this.#version };
    const rates = kind.ratesOf(need);
    if (sequence <= hold.sequence) return this.#held(hold, rates);
    // A late copy of what was refused must not be granted to nobody.
    hold.sequence = sequence;
    hold.isChanged = true;
    const calls = callsOf(operation.calls);
    const asks: CellAsk[] = [];
    const asking: (HeldPart | undefined)[] = [];
    for (const part of openParts(hold)) {
      const compiled = this.#parts.scope.byId.get(part.controlId);
      if (compiled === undefined) continue;
      const cell = cellOf(this.#context, compiled, part);
      const concern = kind.concerns.find((one) => one.cell.compiled === compiled);
      const one = concern?.amount(need) ?? 0n;
      const each = one === 'unknown' ? 0n : one;
      asks.push({ cell, least: amountIn(operation.missing, part.controlId) ?? 0n, each, calls, isUnderWay: true });
      asking.push(part);
    }
    for (const concern of kind.concerns) {
      if (hold.parts.some(({ controlId }) => controlId === concern.cell.compiled.control.id)) continue;
      asks.push(firstAsk(concern, need, calls));
      asking.push(undefined);
    }
    const admission = await this.#admit(inOrder(asks));
    if (!admission.isAdmitted) return this.#refused(admission, hold.owner, rates, hold);
    for (const [i, ask] of inOrder(asks).entries()) {
      const grant = admission.grants[i]!;
      const part = asking[asks.indexOf(ask)];
      if (part === undefined) hold.parts.push(newPart(ask.cell, grant));
      else grow(part, grant);
    }
    this.#renew(hold);
    return this.#held(hold, rates, admission.isTight);
  }

  async #giveBack({ keep }: GiveBack, hold: HeldHold): Promise<HoldOutcome> {
    for (const part of openParts(hold)) {
      const compiled = this.#parts.scope.byId.get(part.controlId);
      if (compiled === undefined) continue;
      const left = leftOf(part);
      const kept = keptIn(keep, part.controlId, left);
      const back = kept < left ? left - kept : 0n;
      if (back === 0n) continue;
      await moveHeld(this.#context, cellOf(this.#context, compiled, part), -back);
      part.amount -= back;
      part.isChanged = true;
    }
    hold.isRecalled = false;
    this.#renew(hold);
    if (openParts(hold).every((part) => leftOf(part) === 0n)) close(hold, this.#context.nowMs);
    return this.#held(hold);
  }

  /** Its owner lives, and could not renew it in time: what it did not spend is charged no more. */
  async #giveBackLate({ keep }: GiveBack, hold: HeldHold): Promise<HoldOutcome> {
    const { holds, scope } = this.#parts;
    for (const part of hold.parts) {
      const compiled = part.state === 'charged' ? scope.byId.get(part.controlId) : undefined;
      if (compiled === undefined) continue;
      const kept = keptIn(keep, part.controlId, part.charged);
      if (kept < part.charged) await takeBackCharge(this.#context, holds, compiled, hold, part, part.charged - kept);
    }
    return this.#held(hold);
  }

  #renew(hold: HeldHold): void {
    hold.expiresAtMs = this.#context.nowMs + hold.ttlMs;
    hold.isChanged = true;
  }

  #admit(asks: readonly CellAsk[]) {
    return admit(this.#context, asks, (controlId) => this.#parts.fills.has(controlId));
  }

  async #held(hold: HeldHold, rates?: RateBound, isTight?: boolean): Promise<HoldOutcome> {
    const { scope } = this.#parts;
    const tight = isTight ?? (await this.#isTight(hold));
    const state = stateOf(hold, scope, this.#context.nowMs, tight, this.#pricedUntil(hold));
    return { outcome: 'held', hold: state, ...(rates === undefined ? {} : { rates }), version: this.#version };
  }

  /** Calls that begin later cost something else than their owner was told when it took the hold. */
  #pricedUntil({ state, call, takenAtMs }: HeldHold): number {
    if (state !== 'open') return Number.POSITIVE_INFINITY;
    const name = `${takenAtMs}\n${call}`;
    let untilMs = this.#priced.get(name);
    if (untilMs === undefined) {
      untilMs = rateBoundEnd(this.#parts.book, JSON.parse(call) as HoldCall, takenAtMs);
      this.#priced.set(name, untilMs);
    }
    return untilMs;
  }

  async #isTight(hold: HeldHold): Promise<boolean> {
    for (const part of openParts(hold)) {
      const compiled = this.#parts.scope.byId.get(part.controlId);
      if (compiled === undefined) continue;
      const standing = await standingNow(this.#context, cellOf(this.#context, compiled, part));
      if (isTightAt(compiled, availableOf(compiled, standing))) return true;
    }
    return false;
  }

  async #refused(
    { refusal, short }: Extract<Awaited<ReturnType<typeof admit>>, { isAdmitted: false }>,
    owner: string,
    rates: RateBound,
    hold?: HeldHold,
  ): Promise<HoldOutcome> {
    for (const cell of short) this.#short.set(`${cellName(cell)}\n${owner}`, { cell, owner });
    const state =
      hold === undefined
        ? undefined
        : stateOf(hold, this.#parts.scope, this.#context.nowMs, true, this.#pricedUntil(hold));
    const shown = state === undefined ? {} : { hold: state };
    return { outcome: 'refused', refusal, ...shown, rates, version: this.#version };
  }
}

function firstAsk(concern: Concern, need: HoldNeed, calls: bigint): CellAsk {
  const least = concern.amount(need);
  const each = least === 'unknown' ? 0n : least;
  return { cell: concern.cell, least, each, calls, isUnderWay: false };
}

/** The first control that refuses is the one with the lowest rule id. */
function inOrder(asks: readonly CellAsk[]): readonly CellAsk[] {
  return [...asks].sort((a, b) => a.cell.compiled.control.ruleId - b.cell.compiled.control.ruleId);
}

function newPart({ compiled, groupKey, window }: Cell, amount: bigint): HeldPart {
  const { control } = compiled;
  return {
    controlId: control.id,
    groupKey,
    windowStartMs: window.startMs,
    windowEndMs: control.windowType === 'ROLLING' ? NEVER_MS : window.endMs,
    amount,
    drawn: 0n,
    charged: 0n,
    chargeVersion: 0,
    overrun: 0n,
    state: 'open',
    isChanged: true,
    isDrawn: false,
  };
}

/** What was drawn above the amount stays drawn: the grant is left as a whole. */
function grow(part: HeldPart, grant: bigint): void {
  if (grant === 0n) return;
  part.amount = (part.drawn > part.amount ? part.drawn : part.amount) + grant;
  part.isChanged = true;
}

function close(hold: HeldHold, nowMs: number): void {
  hold.state = 'closed';
  hold.endedAtMs = nowMs;
  hold.isChanged = true;
  for (const part of openParts(hold)) {
    part.state = 'closed';
    part.isChanged = true;
  }
}

function openParts({ parts }: HeldHold): readonly HeldPart[] {
  return parts.filter(({ state }) => state === 'open');
}

function callsOf(calls: number): bigint {
  return BigInt(Math.min(CALLS_MAX, Math.max(1, Math.floor(calls) || 1)));
}

/** What cannot be read is kept: it is not known to be free. */
function keptIn(keep: GiveBack['keep'], controlId: string, left: bigint): bigint {
  return keep[controlId] === undefined ? 0n : (amountIn(keep, controlId) ?? left);
}

function amountIn(amounts: Readonly<Record<string, string>>, controlId: string): bigint | undefined {
  const text = Object.hasOwn(amounts, controlId) ? amounts[controlId] : undefined;
  return text === undefined || !AMOUNT.test(text) ? undefined : BigInt(text);
}
