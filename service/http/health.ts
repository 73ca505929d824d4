/**
 * `/healthz`: the process answers. `/readyz`: it can do its work, that is, its store takes a write in time. `/health` and
 * `/ready` are the same under the names that older probes use.
 */
import { z } from 'zod';
import { ApiError } from './api-error.js';
import type { Api, ServiceContext } from './types.js';

const STORE_LIMIT_MS = 2_000;
/** A probe is a commit: probes of many come to one in this time. */
const PROBE_AGE_MAX_MS = 1_000;

type Outcome = 'ok' | 'late' | 'failed';

/** Registers them. None needs a key, and none says more than a word. */
export function installHealth(api: Api, context: ServiceContext): void {
  const look = createProbe(context);
  const route = (summary: string) => ({
    config: { access: 'public' as const },
    schema: { summary, tags: ['service'], security: [], response: { 200: z.object({ status: z.string() }) } },
  });
  for (const path of ['/healthz', '/health']) {
    api.get(path, route('Whether the process answers'), async () => ({ status: 'ok' }));
  }
  for (const path of ['/readyz', '/ready']) {
    api.get(path, route('Whether the store takes a write'), async () => {
      const outcome = await look();
      if (outcome === 'ok') return { status: 'ready' };
      throw new ApiError(503, 'unavailable', `the store ${outcome === 'late' ? 'does not answer' : 'failed'}`, {
        headers: { 'retry-after': '2' },
      });
    });
  }
}

/** One look at the store at a time, whose outcome holds for a second where it was good. */
function createProbe({ store, runtime }: ServiceContext): () => Promise<Outcome> {
  let underWay: Promise<Outcome> | undefined;
  let goodUntil = Number.NEGATIVE_INFINITY;
  const look = async (): Promise<Outcome> => {
    const outcome = await new Promise<Outcome>((resolve) => {
      const timer = runtime.setTimer(() => resolve('late'), STORE_LIMIT_MS);
      store
        .probeWrite()
        .then(
          () => resolve('ok'),
          () => resolve('failed'),
        )
        .finally(() => timer.cancel());
    });
    if (outcome === 'ok') goodUntil = runtime.monotonicNow() + PROBE_AGE_MAX_MS;
    return outcome;
  };
  return () => {
    if (runtime.monotonicNow() < goodUntil) return Promise.resolve('ok');
    underWay ??= look().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}
