/** One run of a tool, from its call to its one event. */
import type { Runtime } from '../runtime.js';
import { errorMessageOf } from './tool-event.js';

/** How a run ended. */
export interface ToolOutcome {
  readonly success: boolean;
  readonly durationMs: number;
  readonly startedAtMs: number;
  /** After a success: what the tool returned, awaited; of a generator, its return value. */
  readonly result?: unknown;
  readonly errorMessage?: string;
}

/**
 * States: running → ended; the first end counts. Only the time in which the tool itself was at work is its duration: for
 * a generator, without the time that its consumer takes between two steps.
 */
export class ToolRun {
  readonly #runtime: Pick<Runtime, 'now' | 'monotonicNow'>;
  readonly #ended: (outcome: ToolOutcome) => void;
  readonly #startedAtMs: number;
  #busySince: number;
  #busyMs = 0;
  /** Steps under way; several where an async generator is asked ahead. */
  #steps = 0;
  #isOver = false;

  /** `ended` is called once, and must not throw. */
  constructor(runtime: Pick<Runtime, 'now' | 'monotonicNow'>, ended: (outcome: ToolOutcome) => void) {
    this.#runtime = runtime;
    this.#ended = ended;
    this.#startedAtMs = runtime.now();
    this.#busySince = runtime.monotonicNow();
  }

  /** The tool is at work. */
  enter(): void {
    if (this.#steps === 0) this.#busySince = this.#runtime.monotonicNow();
    this.#steps += 1;
  }

  /** It rests. */
  leave(): void {
    this.#steps -= 1;
    if (this.#steps === 0) this.#busyMs += this.#runtime.monotonicNow() - this.#busySince;
  }

  succeeded(result: unknown): void {
    this.#end({ success: true, result });
  }

  failed(error: unknown): void {
    this.#end({ success: false, errorMessage: errorMessageOf(error) });
  }

  #end(end: Pick<ToolOutcome, 'success' | 'result' | 'errorMessage'>): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const stepMs = this.#steps > 0 ? this.#runtime.monotonicNow() - this.#busySince : 0;
    this.#ended({ ...end, durationMs: this.#busyMs + stepMs, startedAtMs: this.#startedAtMs });
  }
}
