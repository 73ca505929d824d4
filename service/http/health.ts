/**
 * `/healthz`: the process answers. `/readyz`: it can do its work, that is, its store takes a write in time. `/health` and
 * `/ready` are the same under the names that older probes use.
 */
import { z } from 'zod';
import { ApiError } from './api-error.js';
import { createProbe } from './probe.js';
import type { Api, ServiceContext } from './types.js';

const STORE_LIMIT_MS = 2_000;
/** A probe is a commit: probes of many come to one in this time. */
const PROBE_AGE_MAX_MS = 1_000;

/** Registers them. None needs a key, and none says more than a word. */
export function installHealth(api: Api, context: ServiceContext): void {
  const { store, runtime } = context;
  // One look at a time; only a good outcome holds.
  const bounds = { limitMs: STORE_LIMIT_MS, holdsMs: PROBE_AGE_MAX_MS, failureHoldsMs: 0 };
  const look = createProbe(() => store.probeWrite(), runtime, bounds);
  const route = (summary: string) => ({
    config: { access: 'public' as const },
    schema: { summary, tags: ['service'], security: [], response: { 200: z.object({ status: z.string() }) } },
  });
  for (const path of ['/healthz', '/health']) {
    api.get(path, route('Whether the process answers'), async () => ({ status: 'ok' }));
  }
  for (const path of ['/readyz', '/ready']) {
    api.get(path, route('Whether the store takes a write'), async () => {
      const { outcome } = await look();
      if (outcome === 'ok') return { status: 'ready' };
      throw new ApiError(503, 'unavailable', `the store ${outcome === 'late' ? 'does not answer' : 'failed'}`, {
        headers: { 'retry-after': '2' },
      });
    });
  }
}
