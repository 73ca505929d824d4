/** Pollers that wait, on a server: counted, and let go when it closes. */
import type { Api, ServiceContext } from '../http/types.js';
import { FeedWaiters } from './feed-waiters.js';

/** Makes the waiting room of a server. */
export function installFeedWaiters(api: Api, { store, runtime, metrics }: ServiceContext): FeedWaiters {
  const waiters = new FeedWaiters(runtime, store.feeds);
  metrics.gauge('fusewire_feed_waiters', 'Pollers that wait for a feed to change', () => waiters.counters().waiting);
  metrics.gauge(
    'fusewire_feed_waiters_turned_away',
    'Pollers that were answered at once because too many waited',
    () => waiters.counters().turnedAway,
  );
  metrics.gauge('fusewire_feed_omitted', 'Rules and groups that are left out of bodies of 1 MiB', () =>
    store.feeds.omitted(),
  );
  // Before the server waits for what is under way: these have nothing to do but to be told.
  api.addHook('preClose', async () => waiters.close());
  return waiters;
}
