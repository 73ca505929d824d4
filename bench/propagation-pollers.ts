// The pollers of bench/propagation.bench.ts, in a process of their own, each with a connection of its own. Tells when each
// of them had a revision first.
import { Pool } from 'undici';
import { built } from './built.js';

/** What the parent asks for, as JSON in the first argument. */
export interface PollerSettings {
  readonly urls: readonly string[];
  readonly key: string;
  readonly teamId: string;
  readonly pollers: number;
  /**
   * `waiting`: the first so many are the whole of the SDK's cache; a thousand of those are a thousand programs and not
   * one, so the others ask as it does and read nothing. `polling`, the comparator: a conditional read once a second.
   */
  readonly mode: 'waiting' | 'polling';
  readonly caches: number;
}

type Note = (poller: number, revision: number | undefined) => void;

/** When a revision was first seen, milliseconds since the epoch, by each poller. */
export type Seen = readonly (readonly (readonly [revision: number, atMs: number])[])[];

async function startCaches({ urls, key, teamId, caches: count }: PollerSettings, note: Note): Promise<void> {
  const { createRuntime } = await built<typeof import('../src/internal.js')>('internal.js');
  const file = new URL('../dist/esm/cache/enforcement-cache.js', import.meta.url).href;
  const { createEnforcementCache } = (await import(file)) as typeof import('../cache/enforcement-cache.js');
  const runtime = createRuntime({}, 'ERROR');
  const caches = Array.from({ length: count }, (_, n) => {
    const cache = createEnforcementCache({
      runtime,
      credentials: () => ({ apiKey: key, teamId }),
      baseUrl: urls[n % urls.length]!,
      pollIntervalMs: 30_000,
      // Called whenever rules are put in force.
      onBypass: () => note(n, cache.current()?.revision),
    });
    return cache;
  });
  for (let from = 0; from < count; from += 50) {
    await Promise.all(caches.slice(from, from + 50).map((cache) => cache.ready(30_000)));
  }
}

/** They ask as the cache does, and do not look at what they get. */
function startWaiting({ urls, key, teamId, pollers, caches }: PollerSettings): void {
  const wait = async (pool: Pool, etag: string): Promise<void> => {
    const path = `/v2/api/ai/enforcement-rules/${teamId}`;
    const answer = await pool.request({
      path: etag === '' ? path : `${path}?wait=30`,
      method: 'GET',
      headersTimeout: 40_000,
      headers: {
        'x-api-key': key,
        'fusewire-capabilities': 'feed-whole',
        'a-im': 'fusewire-feed',
        'accept-encoding': 'gzip',
        ...(etag === '' ? {} : { 'if-none-match': etag }),
      },
    });
    await answer.body.dump();
    setTimeout(() => void wait(pool, String(answer.headers['etag'])), 50);
  };
  for (let n = caches; n < pollers; n += 1) {
    const pool = new Pool(urls[n % urls.length]!, { connections: 1 });
    setTimeout(() => void wait(pool, ''), (1_000 * n) / pollers);
  }
}

async function startPolling({ urls, key, teamId, pollers }: PollerSettings, note: Note): Promise<void> {
  const poll = async (n: number, pool: Pool, etag: string): Promise<void> => {
    const answer = await pool.request({
      path: `/v2/api/ai/enforcement-rules/${teamId}`,
      method: 'GET',
      headers: { 'x-api-key': key, ...(etag === '' ? {} : { 'if-none-match': etag }) },
    });
    await answer.body.text();
    note(n, Number(answer.headers['fusewire-revision']));
    setTimeout(() => void poll(n, pool, String(answer.headers['etag'])), 1_000);
  };
  for (let n = 0; n < pollers; n += 1) {
    const pool = new Pool(urls[n % urls.length]!, { connections: 1 });
    // They are spread over the second.
    setTimeout(() => void poll(n, pool, ''), (1_000 * n) / pollers);
  }
}

async function main(settings: PollerSettings): Promise<void> {
  const seen: [number, number][][] = Array.from({ length: settings.pollers }, () => []);
  const note: Note = (poller, revision) => {
    const list = seen[poller]!;
    if (revision === undefined || revision <= (list.at(-1)?.[0] ?? 0)) return;
    list.push([revision, performance.timeOrigin + performance.now()]);
  };
  if (settings.mode === 'waiting') {
    startWaiting(settings);
    await startCaches(settings, note);
  } else await startPolling(settings, note);
  process.on('message', () => process.send?.({ seen } satisfies { seen: Seen }));
  process.send?.({ ready: true });
}

// What is under way holds no process: neither do the pollers.
setInterval(() => undefined, 60_000);
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
await main(JSON.parse(process.argv[2] ?? '{}') as PollerSettings);
