/**
 * The holds that one operation works with: read once, changed in memory, written once. Whoever uses it holds the team, so
 * nobody else changes them meanwhile.
 */
import { bigintOf, bigintOrNull, flagOf, numberOf, type SqlParams, type SqlRow, textOf } from '../../store/sql.js';
import type { LedgerContext } from '../context.js';

/** What a part is: open, or why it holds nothing any more. `charged`: what was left counts as spent. */
export type PartState = 'open' | 'closed' | 'charged' | 'released' | 'withdrawn';

/** One control of a hold. */
export interface HeldPart {
  readonly controlId: string;
  /** '' where the control has no groups. */
  groupKey: string;
  windowStartMs: number;
  windowEndMs: number;
  amount: bigint;
  drawn: bigint;
  charged: bigint;
  chargeVersion: number;
  overrun: bigint;
  state: PartState;
  isChanged: boolean;
  /** `drawn` or `overrun` did, and nothing else if not {@link isChanged}. */
  isDrawn: boolean;
}

/** A hold with its parts. */
export interface HeldHold {
  readonly id: string;
  readonly owner: string;
  state: 'open' | 'closed' | 'expired';
  sequence: number;
  readonly ttlMs: number;
  readonly takenAtMs: number;
  expiresAtMs: number;
  endedAtMs: number | null;
  isRecalled: boolean;
  /** JSON. */
  readonly call: string;
  readonly parts: HeldPart[];
  isChanged: boolean;
}

/** What is left of a part; nothing of one that is not open. */
export function leftOf({ state, amount, drawn }: Pick<HeldPart, 'state' | 'amount' | 'drawn'>): bigint {
  return state === 'open' && amount > drawn ? amount - drawn : 0n;
}

/** Holds of one team. */
export class HoldBook {
  readonly #context: LedgerContext;
  readonly #teamId: string;
  readonly #holds = new Map<string, HeldHold>();
  readonly #charges: SqlParams[] = [];

  constructor(context: LedgerContext, teamId: string) {
    this.#context = context;
    this.#teamId = teamId;
  }

  /** Reads holds in two round trips; those that are not there are not here either. */
  async load(ids: Iterable<string>): Promise<void> {
    const asked = [...new Set(ids)].filter((id) => !this.#holds.has(id));
    if (asked.length === 0) return;
    const sets = asked.map((id) => ({ teamId: this.#teamId, id }));
    for (const row of await this.#context.sql.many('load-holds', sets)) {
      const hold = holdOf(row);
      this.#holds.set(hold.id, hold);
    }
    const there = sets.filter(({ id }) => this.#holds.has(id));
    for (const row of await this.#context.sql.many('load-hold-parts', there)) {
      this.#holds.get(textOf(row, 'hold_id'))?.parts.push(partOf(row));
    }
  }

  get(id: string): HeldHold | undefined {
    return this.#holds.get(id);
  }

  add(hold: HeldHold): void {
    this.#holds.set(hold.id, hold);
  }

  values(): IterableIterator<HeldHold> {
    return this.#holds.values();
  }

  /** What a part counts as from now on: an entry, never an edit (I6). */
  charge(hold: HeldHold, part: HeldPart, amount: bigint, reason: string): void {
    part.charged = amount;
    part.chargeVersion += 1;
    part.isChanged = true;
    this.#charges.push({
      teamId: this.#teamId,
      holdId: hold.id,
      controlId: part.controlId,
      version: part.chargeVersion,
      amount,
      reason,
      createdAtMs: this.#context.nowMs,
    });
  }

  /** Two groups of a control became one. */
  rename(controlId: string, from: string, into: string): void {
    for (const { parts } of this.#holds.values()) {
      for (const part of parts) {
        if (part.controlId === controlId && part.groupKey === from) part.groupKey = into;
      }
    }
  }

  /** Writes what changed. */
  async keep(): Promise<void> {
    const { sql } = this.#context;
    const holds: SqlParams[] = [];
    const parts: SqlParams[] = [];
    const drawn: SqlParams[] = [];
    for (const hold of this.#holds.values()) {
      if (hold.isChanged) holds.push(holdParams(this.#teamId, hold));
      hold.isChanged = false;
      for (const part of hold.parts) {
        if (part.isChanged) parts.push(partParams(this.#teamId, hold.id, part));
        else if (part.isDrawn) drawn.push(drawnParams(this.#teamId, hold.id, part));
        part.isChanged = false;
        part.isDrawn = false;
      }
    }
    await sql.many('put-hold', holds);
    await sql.many('put-hold-part', parts);
    await sql.many('draw-hold-part', drawn);
    await sql.many('insert-hold-charge', this.#charges.splice(0));
  }
}

/** Reads a hold, without its parts. */
export function holdOf(row: SqlRow): HeldHold {
  const endedAtMs = bigintOrNull(row, 'ended_at_ms');
  return {
    id: textOf(row, 'id'),
    owner: textOf(row, 'owner'),
    state: textOf(row, 'state') as HeldHold['state'],
    sequence: numberOf(row, 'sequence'),
    ttlMs: numberOf(row, 'ttl_ms'),
    takenAtMs: numberOf(row, 'taken_at_ms'),
    expiresAtMs: numberOf(row, 'expires_at_ms'),
    endedAtMs: endedAtMs === null ? null : Number(endedAtMs),
    isRecalled: flagOf(row, 'recalled'),
    call: textOf(row, 'call'),
    parts: [],
    isChanged: false,
  };
}

/** Reads a part. */
export function partOf(row: SqlRow): HeldPart {
  return {
    controlId: textOf(row, 'control_id'),
    groupKey: textOf(row, 'group_key'),
    windowStartMs: numberOf(row, 'window_start_ms'),
    windowEndMs: numberOf(row, 'window_end_ms'),
    amount: bigintOf(row, 'amount'),
    drawn: bigintOf(row, 'drawn'),
    charged: bigintOf(row, 'charged'),
    chargeVersion: numberOf(row, 'charge_version'),
    overrun: bigintOf(row, 'overrun'),
    state: textOf(row, 'state') as PartState,
    isChanged: false,
    isDrawn: false,
  };
}

// One literal each: there are thousands of them a second.
function holdParams(teamId: string, hold: HeldHold): SqlParams {
  return {
    teamId,
    id: hold.id,
    owner: hold.owner,
    state: hold.state,
    sequence: hold.sequence,
    ttlMs: hold.ttlMs,
    takenAtMs: hold.takenAtMs,
    expiresAtMs: hold.expiresAtMs,
    endedAtMs: hold.endedAtMs,
    recalled: hold.isRecalled,
    call: hold.call,
  };
}

function partParams(teamId: string, holdId: string, part: HeldPart): SqlParams {
  const { state, charged } = part;
  return {
    teamId,
    holdId,
    controlId: part.controlId,
    groupKey: part.groupKey,
    windowStartMs: part.windowStartMs,
    windowEndMs: part.windowEndMs,
    amount: part.amount,
    drawn: part.drawn,
    charged,
    chargeVersion: part.chargeVersion,
    overrun: part.overrun,
    state,
    live: state === 'open' || (state === 'charged' && charged > 0n),
  };
}

function drawnParams(teamId: string, holdId: string, { controlId, drawn, overrun }: HeldPart): SqlParams {
  return { teamId, holdId, controlId, drawn, overrun };
}
