/** A control that refuses, with its balances and its windows as this process knows them. */
import { type CompiledControl, digitsOf, groupOf } from '../../compile/compiled-control.js';
import type { CountedEvent } from '../../ledger/counted-event.js';
import { bucketLeavesAt, spanOf } from '../../ledger/rolling-window.js';
import { NEVER_MS, REQUEST_AHEAD_MAX_MS, type Window } from '../../ledger/window.js';
import type { WindowMemo } from '../../ledger/window-memo.js';
import { Cell } from './cell.js';

/** The starts that count at an instant, both included; of a calendar window one. */
export interface TimeSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What counts at an instant. */
export interface CountingWindow extends TimeSpan {
  /** The window, or the current bucket: where a call of this instant is counted. */
  readonly startMs: number;
  readonly endMs: number;
  /** When the budget is whole again; `null`: never, or, of a ROLLING one, bit by bit. */
  readonly resetsAt: string | null;
}

/** The group of a control without groups. */
const WHOLE = '';

/** One enabled control that is not in shadow mode. */
export class ControlBook {
  readonly compiled: CompiledControl;
  readonly digits: number;
  /** What it says of callers that leave; absent where it says nothing. */
  readonly onClientLeave: 'abort' | 'drain' | undefined;
  /** Calls are admitted against holds; what is known here is for showing (I7). */
  readonly isHard: boolean;
  readonly cells = new Map<string, Cell>();
  readonly #windows: WindowMemo;
  #only: Cell | undefined;
  #now: CountingWindow | undefined;
  /** A ROLLING span moves within a bucket too: an event may be ahead of the clock. */
  #validUntilMs = 0;
  #validFromMs = 0;

  constructor(compiled: CompiledControl, windows: WindowMemo) {
    this.compiled = compiled;
    this.digits = digitsOf(compiled.control.metricType);
    const said = compiled.control.onClientLeave;
    this.onClientLeave = said === 'abort' || said === 'drain' ? said : undefined;
    this.isHard = compiled.control.enforcement === 'HARD';
    this.#windows = windows;
  }

  /** The balance that an event or a call draws on; `undefined`: it belongs to no group of this control. */
  cellOf(event: CountedEvent): Cell | undefined {
    const { control } = this.compiled;
    if (control.groupBy === null) {
      this.#only ??= this.cell(WHOLE);
      return this.#only;
    }
    const group = groupOf(control, event);
    return group === undefined || group === WHOLE ? undefined : this.cell(group);
  }

  /** The balance of a group. */
  cell(groupKey: string): Cell {
    let cell = this.cells.get(groupKey);
    if (cell === undefined) {
      cell = new Cell(this, groupKey);
      this.cells.set(groupKey, cell);
    }
    return cell;
  }

  /** Forgets a balance of which nothing is known here. */
  forget(cell: Cell): void {
    this.cells.delete(cell.groupKey);
    if (this.#only === cell) this.#only = undefined;
  }

  /** Takes over what is known of the balances of the same control, which counts the same. */
  takeOver(before: ControlBook): void {
    for (const cell of before.cells.values()) {
      cell.book = this;
      this.cells.set(cell.groupKey, cell);
    }
  }

  /** What counts now. */
  windowAt(nowMs: number): CountingWindow {
    if (this.#now === undefined || nowMs < this.#validFromMs || nowMs >= this.#validUntilMs) this.#turn(nowMs);
    return this.#now!;
  }

  /** Where an event is counted; `undefined`: the control does not count windows of that time. */
  startOf(windowTimeMs: number): number | undefined {
    const { control } = this.compiled;
    const { startMs } = this.#windows.of(control, windowTimeMs);
    return startMs < (control.countedFromMs ?? 0) ? undefined : startMs;
  }

  /** When a ROLLING budget that is used up has room again, as far as it is known. */
  fallsBelow(cell: Cell, below: bigint, nowMs: number): string | null {
    const bucket = this.#windows.of(this.compiled.control, nowMs);
    const span = spanOf(bucket, nowMs);
    const atMs = cell.fallsBelow(below, span, (startMs) => bucketLeavesAt(span, startMs));
    return atMs === undefined ? null : new Date(atMs).toISOString();
  }

  #turn(nowMs: number): void {
    const { control } = this.compiled;
    const window: Window = this.#windows.of(control, nowMs);
    const { startMs, endMs } = window;
    if (control.windowType !== 'ROLLING') {
      const resetsAt = endMs >= NEVER_MS ? null : new Date(endMs).toISOString();
      this.#now = { fromMs: startMs, toMs: startMs, startMs, endMs, resetsAt };
      this.#validFromMs = startMs;
      this.#validUntilMs = endMs;
      return;
    }
    const { fromMs, toMs, bucketMs } = spanOf(window, nowMs);
    this.#now = { fromMs, toMs, startMs, endMs, resetsAt: null };
    this.#validFromMs = nowMs;
    // The newest bucket that counts is that of a clock which is ahead by what is believed.
    this.#validUntilMs = Math.min(endMs, toMs + bucketMs - REQUEST_AHEAD_MAX_MS);
  }
}
