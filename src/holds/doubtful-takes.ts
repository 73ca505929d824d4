/**
 * Takes that were not granted, but of which an earlier request got no answer: it may still be on its way, and make a hold
 * that nobody draws from. Such ids are given back a few times, until no request can be under way any more.
 */
import type { Courier } from './courier.js';

/** After the refusal; a connection that lives longer than that has been cut by somebody. */
const DELAYS_MS = [1_000, 5_000, 30_000, 90_000];
const IDS_MAX = 10_000;

/** Ids with the times at which they are asked about. */
export class DoubtfulTakes {
  readonly #courier: Courier;
  readonly #ids = new Map<string, { sinceMs: number; step: number; isAsking: boolean }>();

  constructor(courier: Courier) {
    this.#courier = courier;
  }

  get size(): number {
    return this.#ids.size;
  }

  add(id: string, nowMs: number): void {
    if (this.#ids.size < IDS_MAX) this.#ids.set(id, { sinceMs: nowMs, step: 0, isAsking: false });
  }

  look(nowMs: number): void {
    for (const [id, doubt] of this.#ids) {
      if (!doubt.isAsking && nowMs - doubt.sinceMs >= DELAYS_MS[doubt.step]!) void this.giveBack(id);
    }
  }

  /** All of them, once, now. */
  async close(): Promise<void> {
    await Promise.all([...this.#ids.keys()].map((id) => this.giveBack(id)));
  }

  private async giveBack(id: string): Promise<void> {
    const doubt = this.#ids.get(id)!;
    doubt.isAsking = true;
    try {
      const { outcome } = await this.#courier.send({ op: 'give-back', id, sequence: doubt.step + 1, keep: {} });
      doubt.step += 1;
      if (outcome !== 'gone' || doubt.step >= DELAYS_MS.length) this.#ids.delete(id);
    } catch {
      // Asked again at the next look.
    } finally {
      doubt.isAsking = false;
    }
  }
}
