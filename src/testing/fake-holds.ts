/** Holds as the fake service gives them: the operations, in memory, with the answers of the real one. */
import { meterOf } from '../holds/amounts.js';
import type {
  HoldCall,
  HoldNeed,
  HoldOperation,
  HoldOutcome,
  HoldPart,
  HoldRefusal,
  HoldState,
} from '../holds/hold-types.js';
import { isRecord } from '../wire/is-record.js';
import type { FakeAnswer } from './fake-feed.js';
import { type FakeHardControl, FakeHoldBook, type KeptHold, type KeptPart, leftOf } from './fake-hold-book.js';

const OPERATIONS_MAX = 200;
const TTL_SECONDS = 120;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const OPS: ReadonlySet<unknown> = new Set(['take', 'extend', 'give-back', 'renew']);
/** Less than so many calls left: holds are tight. */
const TIGHT_CALLS = 8n;

type Extend = HoldOperation & { op: 'extend' };
type Take = HoldOperation & { op: 'take' };

/** Takes, extends, gives back and renews. `now` is the clock of the service; `bypassed`: nothing is held then. */
export class FakeHolds {
  readonly book = new FakeHoldBook();
  version = 1;
  readonly #now: () => number;
  readonly #isBypassed: () => boolean;

  constructor(now: () => number, isBypassed: () => boolean) {
    this.#now = now;
    this.#isBypassed = isBypassed;
  }

  /** Answers a request with several operations. */
  answer(body: string): FakeAnswer {
    const value = parse(body);
    const operations = isRecord(value) ? value['operations'] : undefined;
    if (!Array.isArray(operations) || operations.length === 0) {
      return { status: 400, body: { message: 'operations is not a list', error: 'validation_failed' } };
    }
    if (operations.length > OPERATIONS_MAX) {
      return { status: 400, body: { operations: 'must have at most 200 operations', error: 'validation_failed' } };
    }
    const wrong = operations.findIndex((operation) => !isOperation(operation));
    if (wrong >= 0) {
      return { status: 400, body: { [`operations.${wrong}.id`]: 'is no operation', error: 'validation_failed' } };
    }
    return { status: 200, body: { outcomes: operations.map((operation) => this.operate(operation as HoldOperation)) } };
  }

  operate(operation: HoldOperation): HoldOutcome {
    this.#sweep();
    const version = String(this.version);
    if (operation.op === 'take') return this.#take({ ...operation, id: operation.id.toLowerCase() });
    const hold = this.book.holds.get(operation.id.toLowerCase());
    if (hold === undefined) return { outcome: 'gone', version };
    if (operation.op === 'extend' && hold.state !== 'open') return { outcome: 'gone', version };
    if (operation.sequence <= hold.sequence || hold.state !== 'open') return this.#held(hold);
    hold.sequence = operation.sequence;
    if (operation.op === 'extend') return this.#extend(hold, operation);
    if (operation.op === 'give-back') {
      for (const part of hold.parts) {
        const keep = BigInt(operation.keep[part.control.controlId] ?? '0');
        if (leftOf(part) > keep) part.amount = part.drawn + keep;
      }
      hold.isRecalled = false;
      if (hold.parts.every((part) => leftOf(part) === 0n)) hold.state = 'closed';
    }
    hold.expiresAtMs = this.#now() + hold.ttlMs;
    return this.#held(hold);
  }

  /** Asks owners for what they do not need. */
  recall(): void {
    for (const hold of this.book.holds.values()) if (hold.state === 'open') hold.isRecalled = true;
  }

  /** Ends all open holds, as if nobody had renewed them. */
  expireAll(): void {
    for (const hold of this.book.holds.values()) this.book.expire(hold);
  }

  /** Every hold as it stands. */
  list(): readonly HoldState[] {
    this.#sweep();
    return [...this.book.holds.values()].map((hold) => this.#state(hold));
  }

  #take({ id, owner, call, need, calls, ttlSeconds = TTL_SECONDS }: Take): HoldOutcome {
    const known = this.book.holds.get(id);
    if (known !== undefined && known.owner !== owner) return { outcome: 'gone', version: String(this.version) };
    if (known !== undefined) return this.#held(known);
    const concerned = this.book.concerned(call);
    if (concerned.length === 0 || this.#isBypassed()) return { outcome: 'free', version: String(this.version) };
    const parts: KeptPart[] = concerned.map((one) => ({ ...one, amount: 0n, drawn: 0n, charged: 0n }));
    const [ttlMs, expiresAtMs] = [ttlSeconds * 1_000, this.#now() + ttlSeconds * 1_000];
    const hold: KeptHold = {
      ...{ id, owner, call, ttlMs, parts, state: 'open', sequence: 0, expiresAtMs },
      ...{ isRecalled: false, isTight: false },
    };
    const refusal = this.#add(hold, call, need, calls, new Map());
    if (refusal !== undefined) return { outcome: 'refused', refusal, ...this.#common() };
    this.book.holds.set(id, hold);
    return { ...this.#held(hold), ...this.#common() };
  }

  #extend(hold: KeptHold, { call, need, calls, missing }: Extend): HoldOutcome {
    const asked = new Map(Object.entries(missing).map(([controlId, amount]) => [controlId, BigInt(amount)]));
    if (this.#isBypassed()) return { outcome: 'free', version: String(this.version) };
    const refusal = this.#add(hold, call, need, calls, asked);
    hold.expiresAtMs = this.#now() + hold.ttlMs;
    if (refusal === undefined) return { ...this.#held(hold), ...this.#common() };
    return { outcome: 'refused', refusal, hold: this.#state(hold), ...this.#common() };
  }

  /** Adds to every part, or to none: `missing`, or a call where nothing is missing, and as many calls more as fit. */
  #add(hold: KeptHold, call: HoldCall, need: HoldNeed, calls: number, missing: ReadonlyMap<string, bigint>) {
    const sums: { readonly part: KeptPart; readonly least: bigint; readonly each: bigint; readonly room: bigint }[] =
      [];
    for (const part of hold.parts) {
      const { control, group } = part;
      const meter = meterOf(partFields(control), this.book.rates, call.operationType);
      const each = meter.amount(need);
      const least = missing.size === 0 ? each : (missing.get(control.controlId) ?? 0n);
      const room = this.book.roomOf(control, group);
      if (each === 'unknown' || least === 'unknown') return this.#refusal(part, 'UNKNOWN_PRICE', 0n, room);
      if (least > room) return this.#refusal(part, 'BUDGET_EXCEEDED', least, room);
      sums.push({ part, least, each, room });
    }
    // A slice is at most half of what is left, so that others find something.
    const more = sums.map(({ least, each, room }) => (each === 0n ? calls : Number((room - least) / (2n * each))));
    const extra = Math.max(0, Math.min(calls - 1, ...more));
    for (const { part, least, each } of sums) part.amount += least + each * BigInt(extra);
    hold.isTight = sums.some(({ each, room }) => room < each * TIGHT_CALLS);
    return undefined;
  }

  #refusal({ control, group }: KeptPart, code: HoldRefusal['code'], asked: bigint, room: bigint): HoldRefusal {
    const held = this.book.heldOf(control, group);
    const {
      controlId,
      ruleId = 1,
      name = controlId,
      metric = 'TOTAL_COST',
      limit,
      raised = '0',
      windowEndMs,
    } = control;
    const spend = this.book.spendOf(control, group);
    const resetsAt = windowEndMs === undefined ? null : new Date(windowEndMs).toISOString();
    const isHeldByOthers = code === 'BUDGET_EXCEEDED' && asked <= room + held;
    if (isHeldByOthers) this.recall();
    return {
      ...{ code, controlId, ruleId, name, metric, group, limit, raised, resetsAt, isHeldByOthers },
      message: `${name}: ${spend} + ${held} + ${asked} <= ${limit} + ${raised} does not hold`,
      periodType: windowEndMs === undefined ? 'LIFETIME' : 'DAILY',
      ...{ spend: String(spend), held: String(held), asked: String(asked) },
      remaining: String(room > 0n ? room : 0n),
      retryAfterMs: isHeldByOthers ? 250 : null,
      reactions: { clampOutput: false, downgradeTo: null, throttleMs: null, ...control.reactions },
    };
  }

  #common() {
    return { rates: this.book.rates, version: String(this.version) };
  }

  #held(hold: KeptHold): HoldOutcome {
    return { outcome: 'held', hold: this.#state(hold), version: String(this.version) };
  }

  #state(hold: KeptHold): HoldState {
    const { id, owner, state, sequence, isRecalled, isTight, expiresAtMs, ttlMs } = hold;
    const nowMs = this.#now();
    const ends = hold.parts.map(({ control }) => control.windowEndMs ?? Number.POSITIVE_INFINITY);
    const drawUntilMs = Math.min(expiresAtMs - ttlMs / 2, ...ends);
    const drawForMs = state === 'open' ? Math.max(0, drawUntilMs - nowMs) : 0;
    return { id, owner, state, sequence, drawForMs, isRecalled, isTight, parts: hold.parts.map(partOf) };
  }

  #sweep(): void {
    const nowMs = this.#now();
    for (const hold of this.book.holds.values()) if (hold.expiresAtMs <= nowMs) this.book.expire(hold);
  }
}

function partFields({ metric = 'TOTAL_COST', part = {} }: FakeHardControl) {
  const { estimate = 'worst-case', whenExhausted = 'cut', assumedOutputTokens = 4_096, outputLimit = 'inject' } = part;
  const assumed = part.assumedPrice === undefined ? {} : { assumedPrice: part.assumedPrice };
  return { metric, estimate, whenExhausted, assumedOutputTokens, outputLimit, ...assumed } as const;
}

function partOf({ control, group, amount, drawn }: KeptPart): HoldPart {
  const { controlId, ruleId = 1, name = controlId, windowEndMs = null } = control;
  const sums = { amount: String(amount), drawn: String(drawn) };
  return { controlId, ruleId, name, group, windowStartMs: 0, windowEndMs, ...sums, ...partFields(control) };
}

function isOperation(value: unknown): boolean {
  if (!isRecord(value) || !OPS.has(value['op']) || !UUID.test(String(value['id']))) return false;
  if (value['op'] === 'take')
    return isRecord(value['call']) && isRecord(value['need']) && typeof value['owner'] === 'string';
  return Number.isSafeInteger(value['sequence']) && Number(value['sequence']) > 0;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
