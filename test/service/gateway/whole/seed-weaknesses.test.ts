// What is known to go wrong in gateways of this kind, in the order in which it was noted down, tried against the whole.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { type InProcessRun, runInProcess } from '../../cli/in-process.js';
import { declarePrices } from './endpoint-cases.js';
import { nanoUsd, openWhole, type Payer, type Whole } from './whole.js';

const project = (path: string) => new URL(`../../../../${path}`, import.meta.url);
const readProject = (path: string) => readFileSync(project(path), 'utf8');

let folder: string;
let dataDir: string;
let whole: Whole;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fusewire-weak-'));
  dataDir = join(folder, 'data');
  whole = await openWhole({ service: { dataDir } });
  await declarePrices(whole);
});
afterEach(() => whole.standIn.reset());
afterAll(async () => {
  await whole.close();
  rmSync(folder, { recursive: true, force: true });
});

const MESSAGES = [{ role: 'user', content: 'say:3' }];
const LOCAL = { model: 'llama3.2', messages: MESSAGES, stream: false };
const MINI = { model: 'gpt-4o-mini', messages: MESSAGES };
const CLAUDE = { model: 'claude-sonnet-4-5', max_tokens: 9, messages: MESSAGES };

async function ask(key: string, path: string, body: object | string) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await fetch(`${whole.url}${path}`, { method: 'POST', headers, body: text });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

const chat = (payer: Pick<Payer, 'key'>, body: object | string = LOCAL) => ask(payer.key, '/api/chat', body);
const posts = () => whole.standIn.seen.filter(({ method }) => method === 'POST');
const fusewire = (...args: string[]): Promise<InProcessRun> => {
  const { url, keys } = whole.service;
  const env = { REVENIUM_METERING_BASE_URL: url, REVENIUM_WRITE_API_KEY: keys.write };
  return runInProcess(args, { workingDir: folder, env });
};
const amounts = async (payer: Payer, count: number) =>
  (await whole.settled(payer, count)).map(({ amountNanoUsd }) => amountNanoUsd);

describe('what is known to go wrong, and does not', () => {
  it('1. parallel calls do not all pass on the same money', async () => {
    const payer = await whole.payer({ budget: '0.03' });
    whole.standIn.plan = ({ method }) => (method === 'POST' ? 'hold-head' : undefined);
    const asked = Array.from({ length: 60 }, () => chat(payer));
    await vi.waitFor(() => expect(posts().length).toBe(10), 15_000);
    whole.standIn.releaseAll();
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    expect(statuses.filter((status) => status === 402)).toHaveLength(50);
    expect(posts()).toHaveLength(10);
  });

  it('2. the call that would cross the line does not run', async () => {
    const payer = await whole.payer({ budget: '0.0059' });
    expect([(await chat(payer)).status, (await chat(payer)).status]).toEqual([200, 402]);
    expect(posts()).toHaveLength(1);
  });

  it('3. a model of a provider is metered by whichever path, or not served at it', async () => {
    const payer = await whole.payer({ budget: 1 });
    const wrong = await chat(payer, { ...LOCAL, model: 'gpt-4o-mini' });
    expect([wrong.status, JSON.parse(wrong.text).fusewire.code]).toEqual([400, 'wrong_endpoint_for_model']);
    expect(posts()).toEqual([]);
    expect((await ask(payer.key, '/v1/chat/completions', MINI)).status).toBe(200);
    expect(await amounts(payer, 1)).toEqual([nanoUsd([2, 0.15], [3, 0.6])]);
  });

  it('4. a budget of 0 lets nothing pass, and no budget is no limit', async () => {
    const [nothing, unlimited] = [await whole.payer({ budget: 0 }), await whole.payer()];
    expect([(await chat(nothing)).status, (await chat(unlimited)).status]).toEqual([402, 200]);
  });

  it('5. what nobody knows the price of is unknown, and never priced like the cheapest', async () => {
    const [careful, careless] = [await whole.payer({ budget: 100 }), await whole.payer()];
    const body = { ...MINI, model: 'gpt-99-new' };
    const refused = await ask(careful.key, '/v1/chat/completions', body);
    expect([refused.status, JSON.parse(refused.text).error.code]).toEqual([402, 'UNKNOWN_PRICE']);
    expect((await ask(careless.key, '/v1/chat/completions', body)).status).toBe(200);
    const [event] = await whole.settled(careless, 1);
    expect(event).toMatchObject({ priceState: 'unknown', rateSource: 'none' });
  });

  it('6. prices know caches, and can be changed without a new release', async () => {
    const payer = await whole.payer({ budget: 1 });
    const cached = { ...MINI, messages: [{ role: 'user', content: 'cached:4 and some more words' }] };
    await ask(payer.key, '/v1/chat/completions', cached);
    expect(await amounts(payer, 1)).toEqual([nanoUsd([3, 0.15], [4, 0.075], [9, 0.6])]);
    const embed = { model: 'text-embedding-3-small', input: 'abcd' };
    await ask(payer.key, '/v1/embeddings', embed);
    await whole.price({ model: 'text-embedding-3-small', provider: 'OPENAI', inputPerMillion: '7' });
    await vi.waitFor(async () => {
      const { headers } = await ask(payer.key, '/v1/embeddings', embed);
      const event = await whole.eventOf(headers.get('fusewire-transaction-id')!);
      expect(event.amountNanoUsd).toBe(nanoUsd([1, 7]));
    }, 15_000);
  });

  it('7. a local model costs its tokens where they have a price', async () => {
    await whole.price({ model: 'qwen3:8b', provider: 'OLLAMA', inputPerMillion: '1', outputPerMillion: '2' });
    const payer = await whole.payer({ budget: 1 });
    for (const content of ['say:1', 'say:40, and more words than that']) {
      await chat(payer, { ...LOCAL, model: 'qwen3:8b', messages: [{ role: 'user', content }] });
    }
    expect(await amounts(payer, 2)).toEqual([nanoUsd([2, 1], [1, 2]), nanoUsd([8, 1], [40, 2])]);
  });

  it('8. a call that failed costs nothing', async () => {
    const payer = await whole.payer({ budget: '0.003' });
    whole.standIn.plan = ({ method }) => (method === 'POST' ? { status: 500 } : undefined);
    expect((await chat(payer)).status).toBe(500);
    whole.standIn.plan = undefined;
    expect((await chat(payer, { ...LOCAL, model: 'missing' })).status).toBe(404);
    expect((await chat(payer)).status).toBe(200);
    expect(await amounts(payer, 3)).toEqual([0n, 0n, 3_000_000n]);
  });

  it('9. each call of a tool loop is metered by itself', async () => {
    const payer = await whole.payer({ budget: 1 });
    const client = new OpenAI({ baseURL: `${whole.url}/v1`, apiKey: payer.key });
    const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: {} } }];
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'What is the weather?' }];
    const first = await client.chat.completions.create({ model: 'gpt-4o-mini', messages, tools });
    const { message } = first.choices[0]!;
    messages.push(message, { role: 'tool', tool_call_id: message.tool_calls![0]!.id, content: 'Rain.' });
    const second = await client.chat.completions.create({ model: 'gpt-4o-mini', messages, tools });
    expect([first, second].map(({ choices }) => choices[0]!.finish_reason)).toEqual(['tool_calls', 'stop']);
    expect((await amounts(payer, 2)).every((amount) => amount > 0n)).toBe(true);
  });

  it('10. streams are streams, on every path', async () => {
    const payer = await whole.payer({ budget: 1 });
    const streams = [
      ['/v1/chat/completions', { ...MINI, stream: true }, 'text/event-stream', 'data: [DONE]'],
      ['/v1/messages', { ...CLAUDE, stream: true }, 'text/event-stream', 'event: message_stop'],
      ['/api/generate', { model: 'llama3.2', prompt: 'Why?', stream: true }, 'application/x-ndjson', '"done":true'],
    ] as const;
    for (const [path, body, type, end] of streams) {
      const { headers, text } = await ask(payer.key, path, body);
      expect([headers.get('content-type')?.split(';')[0], text.includes(end)]).toEqual([type, true]);
      expect(text.trim().split('\n').length).toBeGreaterThan(3);
    }
  });

  it('11. no field of a request is dropped', async () => {
    const payer = await whole.payer({ budget: 1 });
    const more = {
      seed: 7,
      top_p: 0.5,
      logit_bias: { '1': 2 },
      response_format: { type: 'json_object' },
      x_new: [null],
    };
    const text = JSON.stringify({ ...more, ...MINI, tools: [{ type: 'function', function: { name: 'f' } }] });
    await ask(payer.key, '/v1/chat/completions', text);
    expect(posts()[0]!.bytes.toString()).toBe(text);
    const claude = JSON.stringify({ ...CLAUDE, system: 'Be brief.', top_k: 3, thinking: { type: 'disabled' } });
    await ask(payer.key, '/v1/messages', claude);
    expect(posts()[1]!.bytes.toString()).toBe(claude);
  });

  it('12. the status of an upstream stays, and no text of an exception gets out', async () => {
    const payer = await whole.payer({ budget: 1 });
    for (const status of [400, 404, 429, 500, 529]) {
      whole.standIn.plan = ({ method }) => (method === 'POST' ? { status, body: `{"is":${status}}` } : undefined);
      const got = await chat(payer);
      expect([got.status, got.text]).toEqual([status, `{"is":${status}}`]);
    }
    whole.standIn.plan = ({ method }) => (method === 'POST' ? 'nothing' : undefined);
    const broken = await chat(payer);
    expect(broken.status).toBe(502);
    expect(broken.text).not.toMatch(/127\.0\.0\.1|ECONN|socket|undici|UND_ERR|\bat \S+:\d+|stack/i);
  });

  it('13. Retry-After stays, and every call is told about its budget', async () => {
    const payer = await whole.payer({ budget: 1 });
    const fault = { status: 429, headers: { 'retry-after': '17' } };
    whole.standIn.plan = ({ method }) => (method === 'POST' ? fault : undefined);
    const { headers } = await chat(payer);
    expect(headers.get('retry-after')).toBe('17');
    for (const name of ['limit', 'spend', 'remaining', 'reset'])
      expect(headers.has(`fusewire-budget-${name}`)).toBe(true);
  });

  it('14. a decision reads a balance, not the events; reports go through an index and as a stream', async () => {
    const balances = readProject('service/store/sql/select-balances.sql');
    expect(balances).toContain('FROM balance');
    expect(balances).not.toContain('usage_event');
    const payer = await whole.payer({ budget: 1 });
    await Promise.all(Array.from({ length: 40 }, () => chat(payer)));
    await whole.settled(payer, 40);
    const { headers } = await chat(payer);
    expect(headers.get('fusewire-budget-spend')).toBe('0.12');
    await whole.settled(payer, 41);
    const exported = await fusewire('usage', 'export', payer.email, '--format', 'csv');
    expect(exported.out.trim().split('\n')).toHaveLength(42);
    const report = await fusewire('usage', 'report', payer.email, '--json');
    expect(JSON.parse(report.out).totals).toMatchObject({ requests: 41, costUsd: '0.123' });
  });

  it('15. money is exact, to a billionth of a dollar', async () => {
    await whole.price({ model: 'dime', provider: 'OLLAMA', perRequest: '0.1' });
    await whole.price({ model: 'mite', provider: 'OLLAMA', perRequest: '0.000000001' });
    // 0.1 + 0.1 + 0.1 is more than 0.3 where money is a float.
    const payer = await whole.payer({ budget: '0.300000001' });
    const bodies = ['dime', 'dime', 'dime', 'mite', 'mite'].map((model) => ({ ...LOCAL, model }));
    const statuses: number[] = [];
    for (const body of bodies) statuses.push((await chat(payer, body)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 402]);
    expect((await amounts(payer, 4)).reduce((sum, amount) => sum + amount, 0n)).toBe(300_000_001n);
  });

  it('16. keys are kept as hashes alone, and only an operator takes one away', async () => {
    const payer = await whole.payer();
    expect((await chat(payer)).status).toBe(200);
    for (const name of readdirSync(dataDir, { recursive: true, encoding: 'utf8' })) {
      const file = join(dataDir, name);
      if (statSync(file).isFile()) expect(readFileSync(file).includes(payer.key.slice(3)), name).toBe(false);
    }
    const path = `/v2/api/gateway-keys/${payer.keyId}`;
    const tries = [`${whole.service.url}${path}`, `${whole.url}${path}`].map((url) =>
      fetch(url, { method: 'DELETE', headers: { 'x-api-key': payer.key } }),
    );
    expect((await Promise.all(tries)).map(({ status }) => status)).toEqual([401, 404]);
    expect((await chat(payer)).status).toBe(200);
  });

  it('17. the last day of a report is in it', async () => {
    const payer = await whole.payer();
    await chat(payer);
    await whole.settled(payer, 1);
    const today = new Date().toISOString().slice(0, 10);
    const args = ['usage', 'report', payer.email, '--start-date', today, '--end-date', today, '--json'];
    expect(JSON.parse((await fusewire(...args)).out).totals).toMatchObject({ requests: 1 });
  });

  it('18. deleting a customer ends its keys and keeps its bills', async () => {
    const payer = await whole.payer();
    await chat(payer);
    await whole.settled(payer, 1);
    expect((await fusewire('customers', 'delete', payer.email, '--yes')).code).toBe(0);
    await vi.waitFor(async () => expect((await chat(payer)).status).toBe(401), 15_000);
    const report = await fusewire('usage', 'report', payer.id, '--json');
    expect(JSON.parse(report.out).totals).toMatchObject({ requests: 1, costUsd: '0.003' });
  });

  it('19. the command line says by its exit code whether it worked', async () => {
    const payer = await whole.payer({ budget: '0.003' });
    expect((await fusewire('budget', 'check', payer.email)).code).toBe(0);
    await chat(payer);
    await whole.settled(payer, 1);
    expect((await fusewire('budget', 'check', payer.email)).code).toBe(3);
    expect((await fusewire('customers', 'create', 'Twice', payer.email)).code).toBe(1);
    expect((await fusewire('keys', 'revoke', 'gk_nobody')).code).toBe(1);
    expect((await fusewire('customers', 'create')).code).toBe(2);
  });

  it('20. a key is never in an address, and no command takes a password', async () => {
    const payer = await whole.payer();
    const got = await fetch(`${whole.url}/v1/models?api_key=${payer.key}&key=${payer.key}`);
    expect([got.status, (await got.text()).includes(payer.key)]).toEqual([401, false]);
    for (const command of ['customers', 'keys', 'generate-key']) {
      expect((await fusewire(command, '--help')).out).not.toMatch(/password|gmail|smtp/i);
    }
  });

  it('21. what is shipped passes the keys of both providers on', async () => {
    const compose = parse(readProject('docker-compose.yml'), { merge: true });
    const { environment } = compose.services.fusewire;
    expect(environment).toMatchObject({ OPENAI_API_KEY: expect.any(String), ANTHROPIC_API_KEY: expect.any(String) });
    const payer = await whole.payer({ budget: 1 });
    expect((await ask(payer.key, '/v1/messages', CLAUDE)).status).toBe(200);
  });

  it('22. the guide names profiles that exist, and a tunnel keeps the rules that it has', async () => {
    const compose = parse(readProject('docker-compose.yml'), { merge: true });
    const services = Object.values(compose.services) as { profiles?: string[] }[];
    const profiles = new Set(services.flatMap((service) => service.profiles ?? []));
    const named = [...readProject('docs/deploying.md').matchAll(/--profile (\S+)/g)].map(([, name]) => name!);
    expect(named.length).toBeGreaterThan(0);
    for (const name of named) expect(profiles).toContain(name);
    const file = join(folder, 'config.yml');
    const rule = '  - hostname: other.example.com\n    service: http://127.0.0.1:3000\n';
    writeFileSync(file, `tunnel: box\ningress:\n${rule}  - service: http_status:404\n`);
    const { code } = await fusewire('tunnel', 'init', '--hostname', 'llm.example.com', '--dir', folder);
    expect(code).toBe(0);
    const hosts = parse(readFileSync(file, 'utf8')).ingress.map(({ hostname }: { hostname?: string }) => hostname);
    expect(hosts).toEqual(expect.arrayContaining(['other.example.com', 'llm.example.com', undefined]));
    const names = readdirSync(project('.'), { encoding: 'utf8' });
    expect(names.filter((name) => /credentials\.json$|^cloudflare$/.test(name))).toEqual([]);
  });

  it('23. what is kept is its owner’s alone, and the image does not run as root', () => {
    for (const name of ['.', 'fusewire.db']) expect(statSync(join(dataDir, name)).mode & 0o077, name).toBe(0);
    const stages = readProject('Dockerfile').split(/^FROM /m);
    expect(/^USER (\S+)/m.exec(stages.at(-1)!)?.[1]).toMatch(/^[1-9]\d*(:[1-9]\d*)?$/);
  });

  it('24. health is what was looked at', async () => {
    const health = async (path: string) => {
      const answer = await fetch(`${whole.url}${path}`);
      return { status: answer.status, text: await answer.text() };
    };
    await vi.waitFor(async () => expect((await health('/health/ollama')).status).toBe(200), 15_000);
    whole.standIn.plan = ({ path }) => (path === '/api/version' ? { status: 500 } : undefined);
    await vi.waitFor(async () => expect((await health('/health/ollama')).status).toBe(503), 15_000);
    expect((await health('/health')).text).not.toContain('"status":"healthy"');
    whole.standIn.plan = undefined;
    await vi.waitFor(async () => expect((await health('/health')).text).toContain('"status":"healthy"'), 15_000);
  });

  it('25. who changed what, and every call, passed or refused, is on record', async () => {
    const payer = await whole.payer({ budget: '0.003' });
    await chat(payer);
    await chat(payer);
    const [event] = await whole.settled(payer, 1);
    expect(event!.body).toMatchObject({ subscriber: { id: payer.id, credential: { name: payer.keyId } } });
    const audit = (await whole.api('/v2/api/fusewire/audit?size=100')).json._embedded.objectList;
    const ofPayer = audit.filter((row: { subjectId: string }) => [payer.id, payer.keyId].includes(row.subjectId));
    expect(ofPayer.length).toBeGreaterThanOrEqual(2);
    for (const row of ofPayer) expect(row.actor.id).toBeTruthy();
    await vi.waitFor(async () => {
      const { items } = await whole.store.listEnforcementEvents(whole.teamId, { page: 0, size: 1_000 });
      expect(JSON.stringify(items)).toContain(payer.id);
    }, 15_000);
  });
});
