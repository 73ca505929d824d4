/**
 * A usage event that names its hold settles it: it counts where the hold was taken, and what it cost is drawn from the
 * hold in the same transaction. It is always accepted: above the hold, after its end, after the window turned (I7).
 */
import { type CompiledControl, groupOf } from '../../compile/compiled-control.js';
import { announce } from '../balances.js';
import type { LedgerContext } from '../context.js';
import type { CountedEvent, Placements } from '../counted-event.js';
import type { EventFacts } from '../event-facts.js';
import { headOf, sumAnew } from '../rolling-balances.js';
import { deltaOf } from '../unknown-price.js';
import { cellOf, moveHeld } from './cells.js';
import { reduceCharge } from './end-parts.js';
import { type HeldHold, type HeldPart, HoldBook, leftOf } from './hold-book.js';
import type { Settlement } from './overruns.js';

/** The holds that events name; `undefined` where none does. */
export async function loadNamedHolds(
  context: LedgerContext,
  teamId: string,
  events: readonly { readonly facts: Pick<EventFacts, 'holdId'> }[],
): Promise<HoldBook | undefined> {
  const ids = events.flatMap(({ facts: { holdId } }) => holdId ?? []);
  if (ids.length === 0) return undefined;
  const holds = new HoldBook(context, teamId);
  await holds.load(ids);
  return holds;
}

/** Where the controls with a part in the hold count the event, unless that is where they would count it anyway. */
export function placementsIn(
  context: LedgerContext,
  hold: HeldHold,
  event: CountedEvent,
  covering: readonly CompiledControl[],
): Placements | undefined {
  let placements: Record<string, number | readonly [number, string]> | undefined;
  for (const { control } of covering) {
    const part = partFor(hold, control.id);
    // The bucket of a ROLLING control is that of the event: what is held counts whichever bucket is current.
    if (part === undefined || control.windowType === 'ROLLING') continue;
    if (control.groupBy === 'SUBSCRIBER' && groupOf(control, event) !== part.groupKey) continue;
    if (part.windowStartMs < (control.countedFromMs ?? 0)) continue;
    const { startMs } = context.cache.windows.of(control, event.windowTimeMs);
    const isElsewhere = control.groupBy !== null && groupOf(control, event) !== part.groupKey;
    if (startMs === part.windowStartMs && !isElsewhere) continue;
    placements ??= {};
    placements[control.id] = isElsewhere ? [part.windowStartMs, part.groupKey] : part.windowStartMs;
  }
  return placements;
}

/** The part of a hold that an event is drawn from. */
export function partFor(hold: HeldHold, controlId: string): HeldPart | undefined {
  return hold.parts.find((part) => part.controlId === controlId && part.state !== 'withdrawn');
}

/** Draws an event from its hold, under one control that covers it. To be called before the event is counted. */
export async function drawEvent(
  context: LedgerContext,
  holds: HoldBook,
  hold: HeldHold,
  compiled: CompiledControl,
  event: CountedEvent,
): Promise<Settlement> {
  const { control } = compiled;
  const part = partFor(hold, control.id);
  if (part === undefined) return { hold, part, superseded: 0n };
  const group = control.groupBy === null ? '' : groupOf(control, event);
  if (group !== part.groupKey) return { hold, part: undefined, superseded: 0n };
  const cost = deltaOf(compiled, event).value;
  if (cost <= 0n) return { hold, part, superseded: 0n };
  const left = leftOf(part);
  part.drawn += cost;
  part.isDrawn = true;
  await moveHeld(context, cellOf(context, compiled, part), -(cost < left ? cost : left));
  if (part.state !== 'charged') return { hold, part, superseded: 0n };
  // The real event takes the place of what was charged for it.
  const superseded = cost < part.charged ? cost : part.charged;
  await reduceCharge(context, holds, compiled, hold, part, superseded, `event ${event.id}`);
  return { hold, part, superseded };
}

/** What the sum of a ROLLING control is once a charge in another bucket has shrunk and the event is counted. */
export async function tellRolling(
  context: LedgerContext,
  compiled: CompiledControl,
  { part, superseded }: Settlement,
): Promise<boolean> {
  if (part === undefined || superseded === 0n || compiled.control.windowType !== 'ROLLING') return false;
  const balance = await sumAnew(context, compiled.control, part.groupKey);
  return announce(context, compiled, headOf(), part.groupKey, balance, null);
}
