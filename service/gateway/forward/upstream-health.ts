/** Says once that an upstream fails, and once that it answers again; a log line for each call would say nothing more. */
import type { Log } from 'fusewire/internal';
import { failureReason, type UpstreamFailure } from './upstream-failure.js';

/** The upstreams whose last call had no whole answer. */
export class UpstreamHealth {
  readonly #log: Log;
  readonly #failing = new Map<string, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  failed(upstream: string, failure: UpstreamFailure | undefined, error: unknown): void {
    const calls = this.#failing.get(upstream) ?? 0;
    this.#failing.set(upstream, calls + 1);
    if (calls > 0) return;
    const what = failure?.outcome === 'unreachable' ? 'cannot be reached' : 'broke off an answer or gave none';
    this.#log.warn(`the upstream ${upstream} ${what}`, { reason: failureReason(error) });
  }

  answered(upstream: string): void {
    if (this.#failing.size === 0) return;
    const calls = this.#failing.get(upstream);
    if (calls === undefined) return;
    this.#failing.delete(upstream);
    this.#log.info(`the upstream ${upstream} answers again`, { failedCalls: calls });
  }
}
