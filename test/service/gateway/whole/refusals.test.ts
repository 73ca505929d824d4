// What refused callers get, by every official client and curl, and which budgets refuse them.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createFusewire } from '../../../../src/index.js';
import { VERSIONS } from '../../../helpers/anthropic-clients.js';
import { MAJORS } from '../../../helpers/openai-clients.js';
import { CLIENTS, declarePrices } from './endpoint-cases.js';
import { listeningFetch, openWhole, type Payer, type Whole } from './whole.js';

let whole: Whole;
beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  whole = await openWhole();
  await declarePrices(whole);
});
afterEach(() => whole.standIn.reset());
afterAll(async () => {
  await whole.close();
  vi.restoreAllMocks();
});

const MESSAGES = [{ role: 'user', content: 'say:3' }];
/** Costs exactly 0.003 dollars. */
const LOCAL = JSON.stringify({ model: 'llama3.2', messages: MESSAGES, stream: false });

/** A local chat, by whoever has the key. */
async function chat(key: string, headers: Record<string, string> = {}, body = LOCAL, path = '/api/chat') {
  const all = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers };
  const answer = await fetch(`${whole.url}${path}`, { method: 'POST', headers: all, body });
  return { status: answer.status, headers: answer.headers, json: JSON.parse(await answer.text()) };
}

/** A customer whose budget is spent to the last nano-dollar. */
async function spentPayer(): Promise<Payer> {
  const payer = await whole.payer({ budget: '0.003' });
  expect((await chat(payer.key)).status).toBe(200);
  await whole.settled(payer, 1);
  return payer;
}

const sent = () => whole.standIn.seen.filter(({ method }) => method === 'POST').length;

interface Shown extends Error {
  readonly status?: number;
  readonly status_code?: number;
  readonly code?: string;
  readonly headers?: Headers;
  readonly error?: Record<string, unknown>;
}

/** Paths that have no price to be refused by: free ones, and those that answer before anybody decides. */
const DECIDED = CLIENTS.map((client) => ({
  ...client,
  cases: client.cases.filter((one) => one.metered !== undefined),
}));

describe.each(DECIDED)('$name', ({ make, cases, upstream }) => {
  it('shows the refusal of every call, and never tries again', async () => {
    const payer = await spentPayer();
    whole.standIn.reset();
    for (const { name, run } of cases) {
      // What is declared free costs nothing, but a budget that is used up is.
      const listening = listeningFetch();
      const client = make({ url: whole.url, key: payer.key, fetch: listening.fetch }) as { maxRetries?: number };
      if (client.maxRetries !== undefined) client.maxRetries = 2;
      const failure = (await Promise.resolve(run(client)).then(
        () => undefined,
        (error: unknown) => error,
      )) as Shown;
      expect(failure, name).toBeInstanceOf(Error);
      expect(failure.status ?? failure.status_code, name).toBe(402);
      expect(listening.heads, name).toHaveLength(1);
      const { headers } = listening.last();
      expect(failure.message, name).toMatch(/budget .* is used up: \$0\.003 spent of \$0\.003/i);
      expect(headers.get('x-should-retry')).toBe('false');
      expect(headers.get('retry-after')).toBeNull();
      expect(headers.get('fusewire-budget-limit')).toBe('0.003');
      expect(headers.get('fusewire-budget-spend')).toBe('0.003');
      expect(headers.get('fusewire-budget-remaining')).toBe('0');
      expect(headers.get('fusewire-budget-reset')).toMatch(/^20\d\d-\d\d-01T00:00:00.000Z$/);
      expect(headers.get('fusewire-budget-warning')).toMatch(/^100% used/);
      expect(headers.get('fusewire-transaction-id')).toBeNull();
      if (upstream === 'openai') expect(failure.error).toMatchObject({ type: 'insufficient_quota', limit: '0.003' });
      if (upstream === 'anthropic') {
        expect(failure.error).toMatchObject({ error: { type: 'billing_error', spend: '0.003', remaining: '0' } });
      }
    }
    expect(sent()).toBe(0);
    await whole.settled(payer, 1);
  });
});

describe('curl', () => {
  it('gets the three dialects with their machine fields', async () => {
    const payer = await spentPayer();
    const run = promisify(execFile);
    const found = await run('curl', ['--version']).catch(() => undefined);
    if (found === undefined) return;
    const ask = async (path: string, model: string) => {
      const body = JSON.stringify({ model, max_tokens: 5, messages: MESSAGES });
      const args = [
        '-sS',
        '-w',
        '\n%{http_code}',
        '-H',
        `x-api-key: ${payer.key}`,
        '-H',
        'content-type: application/json',
      ];
      const { stdout } = await run('curl', [...args, '-d', body, `${whole.url}${path}`]);
      const [json = '', status] = stdout.split('\n');
      expect(status).toBe('402');
      return JSON.parse(json);
    };
    const code = expect.stringMatching(/^(BUDGET_EXCEEDED|RULE_TRIPPED)$/);
    const rule = { id: expect.any(String), rule_id: expect.any(Number), name: expect.stringContaining(payer.id) };
    const figures = { metric: 'TOTAL_COST', limit: '0.003', spend: '0.003', remaining: '0', rule };
    const scope = { kind: 'customer', value: payer.id };
    const openai = await ask('/v1/chat/completions', 'gpt-4o-mini');
    expect(openai.error).toMatchObject({ ...figures, scope, code, type: 'insufficient_quota', param: null });
    const claude = await ask('/v1/messages', 'claude-sonnet-4-5');
    expect(claude).toMatchObject({ type: 'error', error: { ...figures, scope, code, type: 'billing_error' } });
    const ollama = await ask('/api/chat', 'llama3.2');
    expect(ollama).toMatchObject({ error: expect.any(String), fusewire: { ...figures, scope, code } });
  });
});

describe('budget headers', () => {
  it('are on every answer that concerns a call: passed on, refused, failed, and the warning from its threshold on', async () => {
    const payer = await whole.payer({ budget: '0.015' });
    const seen: unknown[] = [];
    for (let call = 0; call < 6; call += 1) {
      if (call === 1) whole.standIn.plan = ({ method }) => (method === 'POST' ? { status: 500 } : undefined);
      const { status, headers } = await chat(payer.key);
      whole.standIn.plan = undefined;
      seen.push([status, headers.get('fusewire-budget-spend'), headers.get('fusewire-budget-remaining')]);
      expect(headers.get('fusewire-budget-limit')).toBe('0.015');
      // 80 % of a customer's budget.
      expect(headers.has('fusewire-budget-warning')).toBe(call >= 5);
    }
    expect(seen).toEqual([
      [200, '0', '0.012'],
      [500, '0.003', '0.009'],
      [200, '0.003', '0.009'],
      [200, '0.006', '0.006'],
      [200, '0.009', '0.003'],
      [200, '0.012', '0'],
    ]);
    const last = await chat(payer.key);
    expect([last.status, last.headers.get('fusewire-budget-warning')]).toEqual([402, expect.stringContaining('100%')]);
    const unknown = await chat(payer.key, {}, '{"model":"gpt 4"}');
    expect(unknown.status).toBe(400);
  });
});

describe('budgets', () => {
  /** How many of `count` calls pass, one after the other. */
  async function passed(count: number, ask: () => Promise<{ status: number }>): Promise<number> {
    let passes = 0;
    for (let call = 0; call < count; call += 1) if ((await ask()).status === 200) passes += 1;
    return passes;
  }

  /** A control is known within a moment. What the upstream does not answer costs nothing. */
  async function known(controlId: string, ask: () => Promise<{ headers: Headers }>): Promise<void> {
    whole.standIn.plan = ({ method }) => (method === 'POST' ? { status: 500 } : undefined);
    await vi.waitFor(async () => expect((await ask()).headers.get('fusewire-budget-control')).toBe(controlId), 15_000);
    whole.standIn.plan = undefined;
  }

  it('per customer: all keys together, others not at all', async () => {
    const [payer, other] = [await whole.payer({ budget: '0.0089' }), await whole.payer({ budget: '0.003' })];
    const second = await whole.makeKey(payer.id);
    expect(await passed(2, () => chat(payer.key))).toBe(2);
    expect(await passed(2, () => chat(second.key))).toBe(0);
    expect(await passed(1, () => chat(other.key))).toBe(1);
  });

  it('per key, model and tokens, each by a cost control', async () => {
    const payer = await whole.payer();
    const second = await whole.makeKey(payer.id);
    const filters = [{ dimension: 'CREDENTIAL' as const, operator: 'IS' as const, value: second.keyId }];
    const perKey = await whole.control({ name: 'per key', hardLimit: '0.008', filters, windowType: 'MONTHLY' });
    await known(perKey.id, () => chat(second.key));
    expect(await passed(3, () => chat(second.key))).toBe(2);
    expect(await passed(3, () => chat(payer.key))).toBe(3);

    const nomic = JSON.stringify({ model: 'nomic-embed-text', input: 'one' });
    const embed = () => chat(payer.key, {}, nomic, '/api/embed');
    const onlyOurs = { dimension: 'SUBSCRIBER' as const, operator: 'IS' as const, value: payer.id };
    const model = { dimension: 'MODEL' as const, operator: 'IS' as const, value: 'nomic-embed-text' };
    const perModel = await whole.control({ name: 'per model', hardLimit: '0.0061', filters: [onlyOurs, model] });
    await known(perModel.id, embed);
    expect(await passed(3, embed)).toBe(2);
    expect(await passed(1, () => chat(payer.key))).toBe(1);

    // Two in and three out, said beforehand.
    const limited = JSON.stringify({ ...JSON.parse(LOCAL), options: { num_predict: 3 } });
    const talker = await whole.payer();
    const ofTalker = { ...onlyOurs, value: talker.id };
    const perToken = await whole.control({
      ...{ name: 'tokens', metricType: 'OUTPUT_TOKEN_COUNT', hardLimit: '9', filters: [ofTalker] },
    });
    const ask = () => chat(talker.key, {}, limited);
    await known(perToken.id, ask);
    expect(await passed(4, ask)).toBe(3);
    const refused = await ask();
    expect(refused.json.fusewire).toMatchObject({ metric: 'OUTPUT_TOKEN_COUNT', limit: '9', spend: '9' });
  });

  it('of each group by itself, by a header that the caller adds', async () => {
    const payer = await whole.payer();
    const filters = [{ dimension: 'SUBSCRIBER' as const, operator: 'IS' as const, value: payer.id }];
    const grouped = await whole.control({ name: 'by agent', groupBy: 'AGENT', hardLimit: '0.006', filters });
    const as = (agent: string) => () => chat(payer.key, { 'x-revenium-agent': agent });
    await known(grouped.id, as('warm-up'));
    expect(await passed(3, as('scout'))).toBe(2);
    expect(await passed(3, as('writer'))).toBe(2);
    const refused = await as('scout')();
    expect(refused.json.fusewire).toMatchObject({ group: 'scout', limit: '0.006', spend: '0.006' });
  });

  it('in shadow mode refuse nothing, and so does a bypass', async () => {
    const payer = await whole.payer();
    const filters = [{ dimension: 'SUBSCRIBER' as const, operator: 'IS' as const, value: payer.id }];
    await whole.control({ name: 'shadow', hardLimit: '0', shadowMode: true, filters });
    expect(await passed(3, () => chat(payer.key))).toBe(3);
    const spent = await whole.payer({ budget: '0' });
    expect((await chat(spent.key)).status).toBe(402);
    const until = new Date(Date.now() + 60_000).toISOString();
    await whole.made('/v2/api/fusewire/bypass', { until, reason: 'an incident' }, 'PUT');
    await vi.waitFor(async () => expect((await chat(spent.key)).status).toBe(200), 15_000);
    await whole.api('/v2/api/fusewire/bypass', undefined, 'DELETE');
    await vi.waitFor(async () => expect((await chat(spent.key)).status).toBe(402), 15_000);
    // What passed under the bypass was metered all the same.
    const events = await whole.events(spent);
    expect(events.length).toBeGreaterThan(0);
  });
});

describe('x-revenium-* headers', () => {
  it('add dimensions, and change neither who pays nor what the key fixes', async () => {
    const dimensions = { organizationName: 'Acme', agent: 'fixed' };
    const payer = await whole.payer({ key: { dimensions } });
    const { headers } = await chat(payer.key, {
      ...{ 'x-revenium-agent': 'mine', 'x-revenium-organization-name': 'Evil', 'x-revenium-task-type': 'triage' },
      ...{ 'x-revenium-trace-id': 'trace-7', 'x-revenium-subscriber-id': 'cus_other' },
      ...{ 'x-revenium-subscriber-email': 'other@example.com', 'x-revenium-subscriber-credential-name': 'gk_other' },
      ...{ 'x-revenium-total-cost': '0', 'x-revenium-input-token-cost': '0' },
    });
    const event = await whole.eventOf(headers.get('fusewire-transaction-id')!);
    expect(event.body).toMatchObject({
      ...{ organizationName: 'Acme', agent: 'fixed', taskType: 'triage', traceId: 'trace-7' },
      subscriber: { id: payer.id, email: payer.email, credential: { name: payer.keyId } },
    });
    // Nobody brings its own price.
    expect(event.amountNanoUsd).toBe(3_000_000n);
  });
});

describe('keys', () => {
  const status = async (headers: Record<string, string>) => {
    const all = { 'content-type': 'application/json', ...headers };
    const answer = await fetch(`${whole.url}/v1/chat/completions`, { method: 'POST', headers: all, body: LOCAL });
    return [answer.status, ((await answer.json()) as { error: { code: string } }).error.code];
  };

  it('that do not work are told apart', async () => {
    const payer = await whole.payer();
    const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
    expect(await status({})).toEqual([401, 'missing_api_key']);
    expect(await status({ authorization: 'Basic eDp5' })).toEqual([401, 'malformed_api_key']);
    expect(await status(bearer('sk-openai'))).toEqual([401, 'malformed_api_key']);
    expect(await status(bearer(`sk_${'x'.repeat(43)}`))).toEqual([401, 'unknown_api_key']);
    expect(await status({ ...bearer(payer.key), 'x-api-key': `sk_${'y'.repeat(43)}` })).toEqual([
      401,
      'ambiguous_api_key',
    ]);
    expect(sent()).toBe(0);
    const { key } = await whole.makeKey(payer.id, { expires: new Date(Date.now() + 400).toISOString() });
    await vi.waitFor(async () => expect(await status(bearer(key))).toEqual([401, 'expired_api_key']), 15_000);
    const revoked = await whole.makeKey(payer.id);
    expect((await chat(revoked.key)).status).toBe(200);
    await whole.api(`/v2/api/gateway-keys/${revoked.keyId}`, undefined, 'DELETE');
    // Where it was done, it holds at once.
    expect(await status(bearer(revoked.key))).toEqual([401, 'revoked_api_key']);
    await whole.made(`/v2/api/customers/${payer.id}`, { active: false }, 'PATCH');
    expect(await status(bearer(payer.key))).toEqual([401, 'inactive_customer']);
  });
});

describe('a client that is guarded itself', () => {
  let fusewire: ReturnType<typeof createFusewire>;
  beforeAll(() => {
    const { url, keys } = whole.service;
    const service = { apiKey: keys.metering, teamId: whole.teamId, meteringBaseUrl: url };
    fusewire = createFusewire({ ...service, circuitBreakerEnabled: false, logLevel: 'CRITICAL' });
  });
  afterAll(() => fusewire.close());

  it.each(MAJORS)('openai $major is metered once, by the gateway', async ({ OpenAI }) => {
    const payer = await whole.payer();
    const client = fusewire.guard(new OpenAI({ baseURL: `${whole.url}/v1`, apiKey: payer.key }));
    await client.chat.completions.create({ model: 'llama3.2', messages: MESSAGES as never });
    const stream = await client.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: MESSAGES as never,
      stream: true,
    });
    for await (const _ of stream);
    await expectOnce(payer);
  });

  it.each(VERSIONS)('@anthropic-ai/sdk $version is metered once, by the gateway', async ({ Anthropic }) => {
    const payer = await whole.payer();
    const client = fusewire.guard(new Anthropic({ baseURL: whole.url, apiKey: payer.key }));
    const ask = { model: 'claude-sonnet-4-5', max_tokens: 9, messages: MESSAGES as never };
    await client.messages.create(ask);
    for await (const _ of await client.messages.create({ ...ask, stream: true }));
    await expectOnce(payer);
  });

  async function expectOnce(payer: Payer): Promise<void> {
    const total = async () => (await whole.store.findEvents(whole.teamId, { page: 0, size: 1 })).totalElements;
    await whole.settled(payer, 2);
    const before = await total();
    // Whatever the SDK would send on its own is in the ledger by now.
    await fusewire.flush();
    expect(await total()).toBe(before);
  }
});
