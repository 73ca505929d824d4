/** What the tests of usage share: events of a customer in bulk. */
import type { Store } from '../../../service/store/store.js';
import { event } from '../store-support.js';

/** An event of a customer. `fields` go over its body. */
export function usageOf(customerId: string, atMs: number, fields: Record<string, unknown> = {}) {
  const { key, ...others } = fields as { key?: string };
  const credential = key === undefined ? {} : { credential: { name: key } };
  return event(atMs, { subscriber: { id: customerId, email: 'ann@example.com', ...credential }, ...others });
}

/** Records events, a thousand at a time. */
export async function recordMany(store: Store, teamId: string, events: ReturnType<typeof usageOf>[]): Promise<void> {
  for (let i = 0; i < events.length; i += 1_000) await store.recordEvents(teamId, events.slice(i, i + 1_000));
}
