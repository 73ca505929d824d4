/** `/health`: the process answers. `/ready`: it can do its work, that is, its store answers in time. */
import { z } from 'zod';
import { ApiError } from './api-error.js';
import type { Api, ServiceContext } from './types.js';

const STORE_LIMIT_MS = 2_000;

/** Registers both. Neither needs a key, and neither says more than a word. */
export function installHealth(api: Api, { store, runtime }: ServiceContext): void {
  const route = (summary: string) => ({
    config: { access: 'public' as const },
    schema: { summary, tags: ['service'], security: [], response: { 200: z.object({ status: z.string() }) } },
  });
  api.get('/health', route('Whether the process answers'), async () => ({ status: 'ok' }));
  api.get('/ready', route('Whether the store answers'), async () => {
    const outcome = await new Promise<'ok' | 'late' | 'failed'>((resolve) => {
      const timer = runtime.setTimer(() => resolve('late'), STORE_LIMIT_MS);
      store
        .listTeams()
        .then(
          () => resolve('ok'),
          () => resolve('failed'),
        )
        .finally(() => timer.cancel());
    });
    if (outcome === 'ok') return { status: 'ready' };
    throw new ApiError(503, 'unavailable', `the store ${outcome === 'late' ? 'does not answer' : 'failed'}`, {
      headers: { 'retry-after': '2' },
    });
  });
}
