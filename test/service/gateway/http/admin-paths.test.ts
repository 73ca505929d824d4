// The gateway's port is meant for the Internet: nothing of the service may be found on it.

import { createRuntime, type Log } from 'fusewire/internal';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SURFACES } from '../../../../service/gateway/http/surfaces.js';
import { createServer } from '../../../../service/http/server.js';
import type { Api } from '../../../../service/http/types.js';
import type { Store } from '../../../../service/store/store.js';
import { openTestStore } from '../../../helpers/stores.js';
import { tempFolder } from '../../store-support.js';
import { type Front, KEY, openFront } from './front.js';

const ADMIN_TOKEN = 'a'.repeat(64);
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, isDebug: () => false };

describe('a path of the service on the port of the gateway', () => {
  const folder = tempFolder();
  let store: Store;
  let api: Api;
  let front: Front;
  let calls = 0;
  beforeAll(async () => {
    const runtime = createRuntime();
    store = await openTestStore({ file: `${folder.path}/admin.db`, runtime, log: quiet });
    const config = { credentialSecret: Buffer.alloc(32, 7), adminToken: ADMIN_TOKEN };
    api = await createServer({ store, runtime, log: quiet, config });
    await api.ready();
    front = await openFront({
      limits: { keyRatePerSecond: 0 },
      call: ({ response }) => {
        calls += 1;
        response.end();
      },
    });
  });
  afterAll(async () => {
    await front.close();
    await api.close();
    await store.close();
    folder.remove();
  });

  it('is 404 with any key, and with none', async () => {
    // Probes of the gateway's own, under the names that probes have everywhere; theirs say nothing of the service.
    const shared = new Set(SURFACES.map(({ path }) => path));
    const paths = api.routeFacts.map(({ method, url }) => ({
      method,
      path: url.replace(/:[A-Za-z]+/g, 'fw1').replace('*', 'x'),
    }));
    const asked = paths.filter(({ path }) => !shared.has(path));
    expect(asked.length).toBeGreaterThan(150);
    expect(
      paths.filter(({ path }) => shared.has(path)).every(({ path }) => /^\/(health|healthz|readyz)$/.test(path)),
    ).toBe(true);
    for (const headers of [{}, { 'x-api-key': KEY }, { 'fusewire-admin-token': ADMIN_TOKEN }]) {
      for (const { method, path } of asked) {
        const answer = await request(`${front.url}${path}`, { method: method as 'GET', headers });
        await answer.body.dump();
        expect(answer.statusCode, `${method} ${path}`).toBe(404);
      }
    }
    expect(calls).toBe(0);
  });
});
