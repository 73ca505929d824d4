/** What the tests of repricing share: waiting for it, and what events cost. */
import { expect, vi } from 'vitest';
import type { Store } from '../../service/store/store.js';

/** Resolves when no event of the team waits to be priced again. */
export async function repriced(store: Store, teamId: string): Promise<void> {
  await vi.waitFor(async () => expect(await store.openReprices()).not.toContain(teamId), {
    timeout: 20_000,
    interval: 5,
  });
}

/** Transaction id to price state and nano-dollars. */
export async function pricesOf(store: Store, teamId: string): Promise<Record<string, readonly [string, bigint]>> {
  const { items } = await store.findEvents(teamId, { page: 0, size: 10_000 });
  return Object.fromEntries(items.map((item) => [item.transactionId, [item.priceState, item.amountNanoUsd]]));
}
