/** The balances that holds are set against: one control, one group, one window. */
import type { CompiledControl } from '../../compile/compiled-control.js';
import type { BalanceKey } from '../balance-book.js';
import type { LedgerContext } from '../context.js';
import { headOf, rollingKeys, spanNow } from '../rolling-balances.js';
import type { Window } from '../windows.js';
import type { HeldPart } from './hold-book.js';

const NOTHING = { value: 0n, unknownCount: 0n };

/** A balance that decides. */
export interface Cell {
  readonly compiled: CompiledControl;
  readonly groupKey: string;
  /** Of a ROLLING control: the current bucket. */
  readonly window: Window;
}

/** How a cell stands. */
export interface CellStanding {
  readonly spend: bigint;
  readonly unknownCount: bigint;
  readonly held: bigint;
}

/** The cell of a part: a calendar part stays in the window that it was taken in. */
export function cellOf(
  context: LedgerContext,
  compiled: CompiledControl,
  part: Pick<HeldPart, 'groupKey' | 'windowStartMs'>,
): Cell {
  const { control } = compiled;
  const atMs = control.windowType === 'ROLLING' ? context.nowMs : part.windowStartMs;
  return { compiled, groupKey: part.groupKey, window: context.cache.windows.of(control, atMs) };
}

/** What has to be loaded to decide by a cell. */
export function cellKeys(context: LedgerContext, { compiled, groupKey, window }: Cell): BalanceKey[] {
  const { control } = compiled;
  if (control.windowType === 'ROLLING') return rollingKeys(context, control, window, groupKey);
  return [{ controlId: control.id, window, groupKey }];
}

/** How it stands now. */
export async function standingNow(context: LedgerContext, { compiled, groupKey, window }: Cell): Promise<CellStanding> {
  const { control } = compiled;
  const { balances } = context;
  if (control.windowType !== 'ROLLING') {
    const { value, unknownCount, held } = await balances.read(control.id, window, groupKey);
    return { spend: value, unknownCount, held };
  }
  const { fromMs, toMs } = spanNow(context, control);
  const { value, unknownCount } = await balances.sum({ controlId: control.id, groupKey, fromMs, toMs });
  const { held } = await balances.read(control.id, headOf(), groupKey);
  return { spend: value, unknownCount, held };
}

/** Sets aside in a cell, or gives back: negative. Of a ROLLING control it counts whichever bucket is current. */
export async function moveHeld(context: LedgerContext, cell: Cell, held: bigint): Promise<void> {
  if (held === 0n) return;
  const { control } = cell.compiled;
  const window = control.windowType === 'ROLLING' ? headOf() : cell.window;
  await context.balances.move(control.id, window, cell.groupKey, { ...NOTHING, held });
}

/** A name for maps. */
export function cellName({ compiled, groupKey, window }: Cell): string {
  return `${compiled.control.id}\n${window.startMs}\n${groupKey}`;
}
