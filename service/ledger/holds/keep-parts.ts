/** Open holds and charges of a control whose balances begin anew, or that decides by holds no more. */
import type { CompiledControl } from '../../compile/compiled-control.js';
import { bigintOf, bigintOrNull, numberOf, textOf } from '../../store/sql.js';
import type { CostControl } from '../../store/store.js';
import { announce, TOTAL } from '../balances.js';
import type { LedgerContext } from '../context.js';
import { HEAD_START_MS, headOf, sumAnew } from '../rolling-balances.js';
import { leftOf, type PartState } from './hold-book.js';

/** A part that is in a balance. */
export interface LivePart {
  readonly holdId: string;
  readonly groupKey: string;
  /** Of what was charged. */
  readonly windowStartMs: number;
  /** Where what is held of it stands. */
  readonly heldStartMs: number;
  readonly state: PartState;
  readonly left: bigint;
  readonly charged: bigint;
  /** What its latest entry says that it was charged. */
  readonly entry: bigint;
}

const NOTHING = { value: 0n, unknownCount: 0n };

/** The open and the charged parts of a control. */
export async function selectLiveParts(
  context: LedgerContext,
  { id: controlId, windowType }: Pick<CostControl, 'id' | 'windowType'>,
): Promise<readonly LivePart[]> {
  return (await context.sql.query('select-live-hold-parts', { controlId })).map((row) => {
    const state = textOf(row, 'state') as PartState;
    const windowStartMs = numberOf(row, 'window_start_ms');
    return {
      holdId: textOf(row, 'hold_id'),
      groupKey: textOf(row, 'group_key'),
      windowStartMs,
      heldStartMs: windowType === 'ROLLING' ? HEAD_START_MS : windowStartMs,
      state,
      left: leftOf({ state, amount: bigintOf(row, 'amount'), drawn: bigintOf(row, 'drawn') }),
      charged: bigintOf(row, 'charged'),
      entry: state === 'charged' ? (bigintOrNull(row, 'entry') ?? 0n) : 0n,
    };
  });
}

/**
 * The control, as it was, holds nothing any more: it is gone, counts something else, or decides otherwise. `charges`: it is
 * not charged for anything either, because its balances are to begin anew.
 */
export async function withdrawParts(context: LedgerContext, control: CostControl, charges: boolean): Promise<void> {
  const parts = await selectLiveParts(context, control);
  if (parts.length === 0) return;
  for (const { groupKey, heldStartMs, left } of parts) await moveHeldAt(context, control, heldStartMs, groupKey, -left);
  await context.sql.query('withdraw-hold-parts', { controlId: control.id, charges });
}

/** Puts open parts and charges into balances that begin anew. */
export async function placeParts(context: LedgerContext, compiled: CompiledControl, tells: boolean): Promise<void> {
  const { control } = compiled;
  const rolling = control.windowType === 'ROLLING';
  for (const { groupKey, heldStartMs, windowStartMs, left, entry } of await partsByPerson(context, control)) {
    await moveHeldAt(context, control, heldStartMs, groupKey, left);
    if (entry === 0n || windowStartMs < (control.countedFromMs ?? 0)) continue;
    const window = context.cache.windows.of(control, windowStartMs);
    for (const group of groupKey === TOTAL ? [TOTAL] : [TOTAL, groupKey]) {
      const moved = await context.balances.move(control.id, window, group, { ...NOTHING, value: entry });
      const balance = rolling ? await sumAnew(context, control, group) : moved;
      if (!tells || group !== groupKey) continue;
      await announce(context, compiled, rolling ? headOf() : window, group, balance, null);
    }
  }
}

/** Live parts; one of an address whose id was learned while the control counted nothing is that id's from now on. */
async function partsByPerson(context: LedgerContext, control: CostControl): Promise<readonly LivePart[]> {
  const parts = await selectLiveParts(context, control);
  const { id: controlId, teamId, groupBy } = control;
  const addresses = groupBy === 'SUBSCRIBER' ? new Set(parts.map(({ groupKey }) => groupKey)) : new Set<string>();
  const sets = [...addresses].filter((group) => group.includes('@')).map((emailKey) => ({ teamId, emailKey }));
  if (sets.length === 0) return parts;
  const groups = new Map<string, string>();
  for (const row of await context.sql.many('load-aliases', sets)) {
    const [groupKey, into] = [textOf(row, 'email_key'), textOf(row, 'subscriber_id')];
    if (groupKey === into) continue;
    groups.set(groupKey, into);
    await context.sql.query('rename-hold-parts', { controlId, groupKey, into });
  }
  return parts.map((part) => ({ ...part, groupKey: groups.get(part.groupKey) ?? part.groupKey }));
}

/** What open holds set aside, put into balances that were made anew. */
export async function placeHeld(context: LedgerContext, control: CostControl): Promise<void> {
  for (const { groupKey, heldStartMs, left } of await selectLiveParts(context, control)) {
    await moveHeldAt(context, control, heldStartMs, groupKey, left);
  }
}

async function moveHeldAt(
  context: LedgerContext,
  control: CostControl,
  startMs: number,
  groupKey: string,
  held: bigint,
): Promise<void> {
  if (held === 0n) return;
  const window = startMs === HEAD_START_MS ? headOf() : context.cache.windows.of(control, startMs);
  await context.balances.move(control.id, window, groupKey, { ...NOTHING, held });
}
