// The gateway's port is meant for the Internet: nothing of the service may be found on it.
import { createServer as createHttpServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRuntime, type Log } from 'fusewire/internal';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mintKeys } from '../../../../service/admin/first-start.js';
import { newGatewayKey } from '../../../../service/admin/gateway-keys.js';
import { type OpenGateway, openGateway } from '../../../../service/gateway/gateway.js';
import { readGatewayConfig } from '../../../../service/gateway/gateway-config.js';
import { SURFACES } from '../../../../service/gateway/http/surfaces.js';
import { createMetrics } from '../../../../service/http/metrics.js';
import { createServer } from '../../../../service/http/server.js';
import type { Api } from '../../../../service/http/types.js';
import { createCredentialProtector } from '../../../../service/ingest/protect-credential.js';
import type { Store } from '../../../../service/store/store.js';
import { openTestStore } from '../../../helpers/stores.js';
import { tempFolder } from '../../store-support.js';

const ADMIN_TOKEN = 'a'.repeat(64);
const SECRET = Buffer.alloc(32, 7);
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, isDebug: () => false };

describe('a path of the service on the port of the gateway', () => {
  const folder = tempFolder();
  const agent = new Agent({ connections: 16 });
  const seen: string[] = [];
  let store: Store;
  let api: Api;
  let upstream: Server;
  let gateway: OpenGateway;
  let keys: readonly Record<string, string>[];
  beforeAll(async () => {
    const runtime = createRuntime({ log: quiet });
    store = await openTestStore({ file: `${folder.path}/admin.db`, runtime, log: quiet });
    api = await createServer({
      store,
      runtime,
      log: quiet,
      config: { credentialSecret: SECRET, adminToken: ADMIN_TOKEN },
    });
    await api.ready();
    upstream = createHttpServer((asked, answer) => {
      seen.push(`${asked.method} ${asked.url}`);
      answer.end('{"version":"0"}');
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const env = { OLLAMA_BASE_URL: address, OPENAI_BASE_URL: `${address}/v1`, OPENAI_API_KEY: 'sk-x' };
    const config = readGatewayConfig(env, folder.path);
    gateway = await openGateway({
      config: { ...config, port: 0, limits: { ...config.limits, keyRatePerSecond: 0 } },
      store,
      runtime,
      log: quiet,
      dataDir: folder.path,
      protectCredential: createCredentialProtector(SECRET),
      metrics: createMetrics(),
    });
    // At its start the gateway itself asks which models there are.
    seen.length = 0;
    const team = await store.createTeam('first');
    const customer = await store.createCustomer(team.id, { name: 'One', email: 'one@example.com' });
    const { key, secret } = newGatewayKey();
    await store.createGatewayKey(team.id, customer.id, {}, secret);
    const write = (await mintKeys(store, team.id, 'test')).write;
    keys = [{}, { 'x-api-key': key }, { 'x-api-key': write }, { 'fusewire-admin-token': ADMIN_TOKEN }];
  });
  afterAll(async () => {
    await agent.close();
    await gateway.close();
    await api.close();
    await store.close();
    upstream.closeAllConnections();
    upstream.close();
    folder.remove();
  });

  const ask = async (method: string, path: string, headers: Record<string, string>) => {
    const url = `http://127.0.0.1:${gateway.port}${path}`;
    const answer = await request(url, { method: method as 'GET', headers, dispatcher: agent });
    await answer.body.dump();
    return answer.statusCode;
  };

  it('is 404 with any key, and with none, and goes to no upstream', async () => {
    // Probes of the gateway's own, under the names that probes have everywhere; they say nothing of the service.
    const shared = new Set(SURFACES.map(({ path }) => path));
    const all = api.routeFacts.map(({ method, url }) => ({
      method,
      path: url.replace(/:[A-Za-z]+/g, 'fw1').replace('*', 'x'),
    }));
    expect([...new Set(all.map(({ path }) => path).filter((path) => shared.has(path)))].sort()).toEqual([
      '/health',
      '/healthz',
      '/readyz',
    ]);
    const asked = all.filter(({ path }) => !shared.has(path));
    expect(asked.length).toBeGreaterThan(150);
    for (const headers of keys) {
      const answers = await Promise.all(
        asked.map(async ({ method, path }) => ({ method, path, status: await ask(method, path, headers) })),
      );
      expect(answers.filter(({ status }) => status !== 404)).toEqual([]);
    }
    expect(seen).toEqual([]);
  });

  it('is the only thing that is refused with a key that works', async () => {
    expect(await ask('GET', '/api/version', keys[1]!)).toBe(200);
    expect(seen).toEqual(['GET /api/version']);
    expect(await ask('GET', '/api/version', keys[2]!)).toBe(401);
  });
});
