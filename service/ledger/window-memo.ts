/** Most events fall into the window of the one before: windows are dear to make, those of a time zone above all. */
import type { Window, WindowSpec } from './window.js';
import { windowOf } from './windows.js';

/** Windows kept of one specification: the current one, the last one for late events, and two to spare. */
const KEPT = 4;
/** Specifications that are remembered (I10). */
const SPECS_MAX = 10_000;

/** Remembers the last windows of each specification. Controls with the same one share them. */
export class WindowMemo {
  readonly #bySpec = new WeakMap<WindowSpec, Window[]>();
  readonly #byText = new Map<string, Window[]>();

  /** As {@link windowOf}. */
  of(spec: WindowSpec, atMs: number): Window {
    const kept = this.#keptOf(spec);
    for (const window of kept) if (atMs >= window.startMs && atMs < window.endMs) return window;
    const window = windowOf(spec, atMs);
    kept.unshift(window);
    if (kept.length > KEPT) kept.pop();
    return window;
  }

  #keptOf(spec: WindowSpec): Window[] {
    const known = this.#bySpec.get(spec);
    if (known !== undefined) return known;
    const text = `${spec.windowType} ${spec.windowDuration ?? ''} ${spec.timeZone ?? ''} ${spec.weekStart ?? ''}`;
    let kept = this.#byText.get(text);
    if (kept === undefined) {
      if (this.#byText.size >= SPECS_MAX) this.#byText.clear();
      kept = [];
      this.#byText.set(text, kept);
    }
    this.#bySpec.set(spec, kept);
    return kept;
  }
}
