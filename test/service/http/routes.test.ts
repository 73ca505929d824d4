import { fastify } from 'fastify';
import type { Log } from 'fusewire/internal';
import { createRuntime } from 'fusewire/internal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installAccess } from '../../../service/http/access.js';
import { createMetrics } from '../../../service/http/metrics.js';
import { createServer } from '../../../service/http/server.js';
import type { Api, RouteFacts, ServiceContext } from '../../../service/http/types.js';
import type { Store } from '../../../service/store/store.js';
import { openTestStore } from '../../helpers/stores.js';
import { tempFolder } from '../store-support.js';

/** Routes that everybody may use. Anything else needs a key, or the owner's machine. */
const PUBLIC = ['/health', '/healthz', '/openapi.json', '/ready', '/readyz'];
/** Spellings that clients arrive at by their own rules (contract 1.6); the one that is described stands beside. */
const HIDDEN_TWINS = [
  /^\/profitstream\/v2\/api\//,
  /^\/meter\/v2\/api\//,
  /^\/v2\/(ai\/(completions|images|audio|video)|tool\/events|events|batch|fusewire\/refusals)$/,
];

const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, isDebug: () => false };

describe('the routes of the service', () => {
  const folder = tempFolder();
  let store: Store;
  let api: Api;
  let routes: readonly RouteFacts[];
  let description: { paths: Record<string, Record<string, { responses?: object; summary?: string; tags?: string[] }>> };
  beforeAll(async () => {
    const runtime = createRuntime();
    store = await openTestStore({ file: `${folder.path}/routes.db`, runtime, log: quiet });
    api = await createServer({
      store,
      runtime,
      log: quiet,
      config: { credentialSecret: Buffer.alloc(32, 7), adminToken: 'a'.repeat(64) },
    });
    await api.ready();
    routes = api.routeFacts.filter(({ method }) => method !== 'HEAD');
    description = JSON.parse((await api.inject({ url: '/openapi.json' })).body);
  });
  afterAll(async () => {
    await api.close();
    await store.close();
    folder.remove();
  });

  const isWrongMethod = ({ isHidden, access }: RouteFacts) => isHidden && access === 'public';
  const openApiPath = (url: string) => url.replace(/:([A-Za-z]+)/g, '{$1}');

  it('each say who may use them, and only these are open to everybody', () => {
    expect(routes.length).toBeGreaterThan(50);
    const open = routes.filter((route) => route.access === 'public' && !isWrongMethod(route)).map(({ url }) => url);
    expect([...new Set([...open, '/openapi.json'])].sort()).toEqual(PUBLIC);
  });

  it('cannot be registered without a scope', () => {
    const bare = fastify() as unknown as Api;
    installAccess(bare, { runtime: createRuntime(), metrics: createMetrics() } as unknown as ServiceContext);
    expect(() => bare.get('/open', async () => 'x')).toThrow('GET /open does not say who may use it');
  });

  it('are all in the description, with a summary, a tag and their answers', () => {
    const missing: string[] = [];
    for (const route of routes) {
      if (route.isHidden) continue;
      const described = description.paths[openApiPath(route.url)]?.[route.method.toLowerCase()];
      const whole =
        described?.summary !== undefined &&
        (described.tags?.length ?? 0) > 0 &&
        Object.keys(described.responses ?? {}).length > 0;
      if (!whole) missing.push(`${route.method} ${route.url}`);
    }
    expect(missing).toEqual([]);
  });

  it('are what the description says, and nothing in it is missing', () => {
    const known = new Set(routes.map(({ method, url }) => `${method} ${openApiPath(url)}`));
    const described = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.filter((route) => !known.has(route))).toEqual([]);
    expect(described.length).toBeGreaterThan(25);
  });

  it('are hidden only where they are other spellings of a described one, or for this machine', () => {
    const undescribed = routes.filter(
      (route) =>
        route.isHidden &&
        !isWrongMethod(route) &&
        !['local', 'loopback'].includes(route.access) &&
        !HIDDEN_TWINS.some((twin) => twin.test(route.url)),
    );
    expect(undescribed.map(({ method, url }) => `${method} ${url}`)).toEqual([]);
  });

  it('answer under both path families alike', () => {
    const family = (prefix: string) =>
      routes
        .filter((route) => route.url.startsWith(prefix) && !isWrongMethod(route))
        .map(({ method, url, access }) => `${method} ${url.slice(prefix.length)} ${access}`)
        .sort();
    expect(family('/profitstream/v2/api')).toEqual(family('/v2/api'));
  });
});
