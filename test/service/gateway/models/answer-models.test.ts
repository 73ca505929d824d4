import Anthropic from '@anthropic-ai/sdk';
import { createRuntime } from 'fusewire/internal';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type GatewayConfig, readGatewayConfig } from '../../../../service/gateway/gateway-config.js';
import { createAnswerModels, MISSING_HEADER } from '../../../../service/gateway/models/answer-models.js';
import type { GatewayKey } from '../../../../service/gateway/types.js';
import type { PriceOverride, Store } from '../../../../service/store/store.js';
import { override } from '../../pricing-support.js';
import { type Front, foundKey, KEY, openFront } from '../http/front.js';
import { type StandInUpstream, startStandInUpstream, UPSTREAM_KEYS } from '../support/stand-in-upstream.js';

let upstream: StandInUpstream;
let front: Front | undefined;
beforeAll(async () => {
  upstream = await startStandInUpstream();
});
afterEach(async () => {
  await front?.close();
  front = undefined;
  upstream.reset();
});
afterAll(() => upstream.close());

interface World {
  readonly env?: Record<string, string>;
  readonly config?: Partial<GatewayConfig>;
  readonly prices?: () => readonly PriceOverride[];
  readonly key?: Partial<GatewayKey>;
}

/** A store that tells prices only where they are others than known, as the real one does. */
function storeOf(prices: () => readonly PriceOverride[]) {
  const reads: boolean[] = [];
  const store: Pick<Store, 'gatewayStanding'> = {
    async gatewayStanding(_, { known }) {
      const overrides = prices();
      const isKnown = known?.pricesVersion === overrides.length;
      reads.push(!isKnown);
      const versions = { controlsVersion: 0, pricesVersion: overrides.length, directoryVersion: 0 };
      const told = isKnown ? {} : { prices: { overrides, pins: [] } };
      return { ...versions, ...told, revision: 1, nowMs: 0, people: [], cells: [] };
    },
  };
  return { store, reads };
}

async function open({ env = {}, config = {}, prices = () => [], key = {} }: World = {}) {
  const base = {
    OLLAMA_BASE_URL: upstream.ollama,
    OPENAI_BASE_URL: `${upstream.openai}/v1`,
    OPENAI_API_KEY: UPSTREAM_KEYS.openai,
    ANTHROPIC_BASE_URL: upstream.anthropic,
    ANTHROPIC_API_KEY: UPSTREAM_KEYS.anthropic,
  };
  const read = { ...readGatewayConfig({ ...base, ...env }, '/'), ...config };
  const { store, reads } = storeOf(prices);
  const clock = { ms: 1_000_000 };
  const runtime = { ...createRuntime(), monotonicNow: () => clock.ms };
  const models = createAnswerModels({ config: read, store, runtime });
  front = await openFront({
    findKey: () => foundKey(key),
    call: (exchange) => models(exchange, exchange.surface!, exchange.caller!),
  });
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${front!.url}${path}`, { headers: { authorization: `Bearer ${KEY}`, ...headers } });
  return { get, reads, clock, url: front.url };
}

const PRICED = [override({ model: 'qwen3:8b', provider: 'OLLAMA', kind: 'free' })];

describe('lists of models', () => {
  it('are read by the client of OpenAI: models of Ollama, and those of OpenAI that have a price', async () => {
    const { url } = await open({ prices: () => PRICED });
    const client = new OpenAI({ apiKey: KEY, baseURL: `${url}/v1` });
    const listed = new Map<string, OpenAI.Model>();
    for await (const model of client.models.list()) listed.set(model.id, model);
    expect([...listed.keys()]).toEqual(expect.arrayContaining(['llama3.2:latest', 'qwen3:8b', 'gpt-4o-mini']));
    expect([...listed.keys()].some((id) => id.startsWith('claude-'))).toBe(false);
    expect(listed.get('gpt-4o-mini')).toMatchObject({ object: 'model', owned_by: 'openai', pricing_configured: true });
    expect(listed.get('qwen3:8b')).toMatchObject({ owned_by: 'ollama', pricing_configured: true });
    expect(listed.get('llama3.2:latest')).toMatchObject({
      pricing_configured: false,
      description: 'llama, 3.2B, Q4_K_M',
    });
    await expect(client.models.retrieve('llama3.2')).resolves.toMatchObject({ id: 'llama3.2:latest' });
    await expect(client.models.retrieve('nothing-of-the-kind')).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });

  it('are read by the client of Anthropic in its own form', async () => {
    const { url } = await open();
    const client = new Anthropic({ apiKey: KEY, baseURL: url });
    const ids: string[] = [];
    for await (const model of client.models.list()) {
      expect(model).toMatchObject({ type: 'model', display_name: expect.any(String) });
      expect(Number.isNaN(Date.parse(model.created_at))).toBe(false);
      ids.push(model.id);
    }
    expect(ids.length).toBeGreaterThan(0);
    expect(ids.every((id) => id.startsWith('claude-'))).toBe(true);
    await expect(client.models.retrieve(ids[0]!)).resolves.toMatchObject({ id: ids[0] });
  });

  it.each([1e15, Number.MAX_SAFE_INTEGER, -1, 1.5])('are read where a server dates a model %d', async (created) => {
    const body = JSON.stringify({ data: [{ id: 'claude-sonnet-4-5', created }] });
    upstream.plan = ({ path }) => (path.startsWith('/v1/models') ? { status: 200, body } : undefined);
    const { url } = await open();
    const client = new Anthropic({ apiKey: KEY, baseURL: url, maxRetries: 0 });
    const { data } = await client.models.list();
    expect(data).toMatchObject([{ id: 'claude-sonnet-4-5', created_at: '1970-01-01T00:00:00.000Z' }]);
  });

  it('of /api/models hold everything, in the form of the seed', async () => {
    const { get } = await open({ prices: () => PRICED });
    const { models } = (await (await get('/api/models')).json()) as { models: { id: string }[] };
    const found = models.find(({ id }) => id === 'qwen3:8b');
    expect(found).toEqual({
      id: 'qwen3:8b',
      name: 'qwen3:8b',
      pricing_configured: true,
      description: 'llama, 3.2B, Q4_K_M',
      context_window: null,
    });
    const owners = ['claude-', 'gpt-', 'qwen3'].map((begin) => models.some(({ id }) => id.startsWith(begin)));
    expect(owners).toEqual([true, true, true]);
  });

  it('hold only what the key may ask for', async () => {
    const { get } = await open({ key: { models: ['qwen3:8b', 'llama3.2'] } });
    const { data } = (await (await get('/v1/models')).json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toEqual(['llama3.2:latest', 'qwen3:8b']);
  });

  it('leave out what cannot be listed, and say so', async () => {
    const { get } = await open({ env: { OLLAMA_BASE_URL: 'http://127.0.0.1:9' } });
    const answer = await get('/api/models');
    expect(answer.status).toBe(200);
    expect(answer.headers.get(MISSING_HEADER)).toBe('ollama');
    const { models } = (await answer.json()) as { models: { id: string }[] };
    expect(models.some(({ id }) => id.startsWith('gpt-'))).toBe(true);
    expect(models.some(({ id }) => id.includes(':'))).toBe(false);
  });

  it.each([[{ status: 500 }], [{ body: 'no JSON' }], [{ body: '{"models":7}' }]] as const)(
    'survive an upstream that answers with %j',
    async (fault) => {
      const { get } = await open({ env: { OPENAI_API_KEY: '', ANTHROPIC_API_KEY: '' } });
      upstream.plan = () => fault as never;
      const answer = await get('/api/models');
      expect(await answer.json()).toEqual({ models: [] });
      expect(answer.headers.get(MISSING_HEADER)).toBe('ollama');
    },
  );

  it('show aliases and configured names, and what a pattern leads to', async () => {
    const env = { OPENAI_API_KEY: '', ANTHROPIC_API_KEY: '' };
    const ollama = readGatewayConfig({ OLLAMA_BASE_URL: upstream.ollama }, '/').upstreams[0]!;
    const routes = {
      aliases: new Map([['house', { upstream: ollama, model: 'qwen3:8b' }]]),
      exact: new Map([['named', { upstream: ollama, model: 'named' }]]),
      patterns: [{ before: 'local/', after: '', upstream: ollama, rename: '*' }],
    };
    const { get } = await open({
      env,
      config: { routes, upstreams: [ollama], defaultModelsVisible: false },
      prices: () => PRICED,
    });
    const { models } = (await (await get('/api/models')).json()) as {
      models: { id: string; pricing_configured: boolean }[];
    };
    expect(models.map(({ id, pricing_configured }) => [id, pricing_configured])).toEqual([
      ['house', true],
      ['named', false],
      ['local/llama3.2:latest', false],
      ['local/qwen3:8b', true],
      ['local/nomic-embed-text:latest', false],
    ]);
  });

  it('ask Ollama once a second and the others once in minutes, however many callers there are', async () => {
    const { get, clock, reads } = await open();
    const asked = (name: string) => upstream.seen.filter((call) => call.upstream === name).length;
    await Promise.all(Array.from({ length: 20 }, () => get('/api/models').then((answer) => answer.text())));
    expect([asked('ollama'), asked('openai'), asked('anthropic')]).toEqual([1, 1, 1]);
    clock.ms += 1_500;
    await (await get('/api/models')).text();
    expect([asked('ollama'), asked('openai'), asked('anthropic')]).toEqual([2, 1, 1]);
    clock.ms += 300_000;
    await (await get('/api/models')).text();
    expect([asked('ollama'), asked('openai'), asked('anthropic')]).toEqual([3, 2, 2]);
    expect(reads).toEqual([true, false, false]);
  });

  it('send our keys to their providers, and the caller\u2019s to nobody', async () => {
    const { get } = await open();
    await (await get('/api/models')).text();
    for (const { headers } of upstream.seen) expect(JSON.stringify(headers)).not.toContain(KEY);
    expect(upstream.seen.find((call) => call.upstream === 'anthropic')!.headers['x-api-key']).toBe(
      UPSTREAM_KEYS.anthropic,
    );
  });

  it('know a new price within a second', async () => {
    const prices: PriceOverride[] = [];
    const { get, clock } = await open({ prices: () => prices });
    const isPriced = async () => {
      const { models } = (await (await get('/api/models')).json()) as {
        models: { id: string; pricing_configured: boolean }[];
      };
      return models.find(({ id }) => id === 'qwen3:8b')!.pricing_configured;
    };
    expect(await isPriced()).toBe(false);
    prices.push(...PRICED);
    clock.ms += 1_000;
    expect(await isPriced()).toBe(true);
  });
});
