/**
 * Takes that were not granted, but of which another request may still be on its way, and make a hold that nobody draws from:
 * one that got no answer, or a repetition that a connection made. Such ids are given back until none can be under way.
 */
import type { Courier } from './courier.js';

/** After the refusal, where a request got no answer; one that lives longer than that has been cut by somebody. */
const LOST_MS = [1_000, 5_000, 30_000, 90_000];
/** Where all is known to be answered. */
const ANSWERED_MS = [3_000];
const IDS_MAX = 10_000;

interface Doubt {
  readonly sinceMs: number;
  readonly delaysMs: readonly number[];
  step: number;
  isAsking: boolean;
}

/** Ids with the times at which they are asked about. */
export class DoubtfulTakes {
  readonly #courier: Courier;
  readonly #ids = new Map<string, Doubt>();

  constructor(courier: Courier) {
    this.#courier = courier;
  }

  get size(): number {
    return this.#ids.size;
  }

  /** `isLost`: a request for it got no answer. */
  add(id: string, nowMs: number, isLost: boolean): void {
    if (this.#ids.size >= IDS_MAX) return;
    this.#ids.set(id, { sinceMs: nowMs, delaysMs: isLost ? LOST_MS : ANSWERED_MS, step: 0, isAsking: false });
  }

  look(nowMs: number): void {
    for (const [id, doubt] of this.#ids) {
      if (!doubt.isAsking && nowMs - doubt.sinceMs >= doubt.delaysMs[doubt.step]!) void this.#giveBack(id);
    }
  }

  /** All of them, once, now. */
  async close(): Promise<void> {
    await Promise.all([...this.#ids.keys()].map((id) => this.#giveBack(id)));
  }

  async #giveBack(id: string): Promise<void> {
    const doubt = this.#ids.get(id)!;
    doubt.isAsking = true;
    try {
      const { outcome } = await this.#courier.send({ op: 'give-back', id, sequence: doubt.step + 1, keep: {} });
      doubt.step += 1;
      if (outcome !== 'gone' || doubt.step >= doubt.delaysMs.length) this.#ids.delete(id);
    } catch {
      // Asked again at the next look.
    } finally {
      doubt.isAsking = false;
    }
  }
}
