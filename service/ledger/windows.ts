/** The windows of cost controls. Pure: a specification and an instant in, a window out. */
import type { WindowType } from 'fusewire/internal';
import { calendarWindow } from './calendar-windows.js';
import { bucketAt } from './rolling-window.js';
import { NEVER_MS, type Window, type WindowSpec } from './window.js';

export type { Window, WindowSpec } from './window.js';
export { NEVER_MS, windowTimeOf } from './window.js';

const LIFETIME: Window = { type: 'LIFETIME', startMs: 0, endMs: NEVER_MS, key: 'LIFETIME' };

/**
 * The window under whose balance an event of the instant `atMs` is counted; for ROLLING that is one bucket of it. The
 * windows of a specification tile the time line. A bare type means UTC and weeks from Monday.
 */
export function windowOf(spec: WindowSpec | Exclude<WindowType, 'ROLLING'>, atMs: number): Window {
  if (typeof spec === 'string') return windowOf({ windowType: spec }, atMs);
  switch (spec.windowType) {
    case 'LIFETIME':
      return LIFETIME;
    case 'ROLLING':
      return bucketAt(spec.windowDuration ?? '', atMs);
    default:
      return calendarWindow(spec.windowType, spec.timeZone ?? 'UTC', spec.weekStart ?? 'MONDAY', atMs);
  }
}
