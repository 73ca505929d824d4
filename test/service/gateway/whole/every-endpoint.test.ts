// Every endpoint, asked for by every official client and by curl: what the caller gets, and what the ledger says of it.
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { StoredEvent } from '../../../../service/store/store.js';
import { type SeenCall, UPSTREAM_KEYS, type UpstreamName } from '../support/stand-in-upstream.js';
import { CLIENTS, declarePrices, type Metered } from './endpoint-cases.js';
import { listeningFetch, OLLAMA_NANO_USD, openWhole, type Payer, type Whole } from './whole.js';

let whole: Whole;
beforeAll(async () => {
  // The clients warn of models that will end.
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  whole = await openWhole();
  await declarePrices(whole);
});
afterAll(async () => {
  await whole.close();
  vi.restoreAllMocks();
});

const NOTHING_SEEN = { body: {}, headers: {} } as SeenCall;

/** Lists are asked for by the gateway too, when it likes. */
function lastCall(): SeenCall {
  return whole.standIn.seen.findLast(({ method }) => method === 'POST') ?? NOTHING_SEEN;
}

/** Everything that a program gets to see of an answer. */
async function contentOf(answer: unknown): Promise<unknown> {
  if (typeof answer !== 'object' || answer === null || !(Symbol.asyncIterator in answer)) return answer;
  const chunks: unknown[] = [];
  for await (const chunk of answer as AsyncIterable<unknown>) chunks.push(chunk);
  return chunks;
}

function keyOf(name: UpstreamName): string {
  return name === 'ollama' ? 'none' : UPSTREAM_KEYS[name];
}

function expectEvent(event: StoredEvent, metered: Metered, payer: Payer): void {
  const { model, provider, operationType, tokens, amountNanoUsd, isStreamed = false } = metered;
  expect(event.body).toMatchObject({
    ...{ model, provider, operationType, isStreamed },
    ...{ inputTokenCount: tokens[0], outputTokenCount: tokens[1], stopReason: expect.not.stringMatching(/ERROR/) },
    subscriber: { id: payer.id, email: payer.email, credential: { name: payer.keyId } },
    middlewareSource: 'fusewire-gateway',
  });
  expect(event.amountNanoUsd).toBe(amountNanoUsd);
  expect(event.priceState).toBe(amountNanoUsd === 0n ? 'free' : 'known');
}

describe.each(CLIENTS)('$name', ({ upstream, make, cases }) => {
  let payer: Payer;
  let metered = 0;
  beforeAll(async () => {
    payer = await whole.payer({ budget: 100 });
  });

  it.each(cases)('$name', async ({ run, metered: expected }) => {
    const { standIn } = whole;
    const listening = listeningFetch();
    standIn.seen.length = 0;
    standIn.numberNext(700);
    // A model of Ollama has its OpenAI endpoint there.
    const isOllama = expected?.(NOTHING_SEEN).provider === 'OLLAMA';
    const owner = isOllama ? 'ollama' : upstream;
    const bare = await contentOf(await run(make({ url: standIn[owner], key: keyOf(owner), fetch })));
    const direct = lastCall();
    standIn.seen.length = 0;
    standIn.numberNext(700);
    const got = await contentOf(await run(make({ url: whole.url, key: payer.key, fetch: listening.fetch })));
    expect(got).toEqual(bare);
    const seen = lastCall();
    if (seen !== NOTHING_SEEN) expect([seen.upstream, seen.path]).toEqual([direct.upstream, direct.path]);
    // Nothing is dropped and nothing is added, but the one exception.
    const { stream_options: _, ...asked } = seen.body;
    const { stream_options: __, ...wanted } = direct.body;
    expect(asked).toEqual(wanted);
    expect(JSON.stringify(seen.headers)).not.toContain(payer.key);
    const id = listening.last().headers.get('fusewire-transaction-id');
    if (expected === undefined) expect(id).toBeNull();
    else {
      metered += 1;
      expectEvent(await whole.eventOf(id!), expected(seen), payer);
    }
  });

  it('leaves one event for each call that costs something, and none for the others', async () => {
    expect(metered).toBe(cases.filter((one) => one.metered !== undefined).length);
    await whole.settled(payer, metered);
  });
});

describe('a model of Ollama', () => {
  it('costs what it was asked for by, whatever name its answer bears', async () => {
    const payer = await whole.payer({ budget: '0.003' });
    const usage = { prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 };
    for (const path of ['/v1/chat/completions', '/api/chat']) {
      const done = { done: true, done_reason: 'stop', prompt_eval_count: 5, eval_count: 5 };
      const fault = { body: JSON.stringify({ model: 'something-free', choices: [], usage, ...done }) };
      whole.standIn.plan = ({ method }) => (method === 'POST' ? fault : undefined);
      const body = JSON.stringify({ model: 'llama3.2', messages: ASK, stream: false });
      const headers = { authorization: `Bearer ${payer.key}`, 'content-type': 'application/json' };
      const got = await fetch(`${whole.url}${path}`, { method: 'POST', headers, body });
      await got.text();
      // The second one has no money left: the first was not free.
      expect(got.status).toBe(path === '/api/chat' ? 402 : 200);
    }
    whole.standIn.plan = undefined;
    const [event] = await whole.settled(payer, 1);
    expect(event).toMatchObject({ amountNanoUsd: OLLAMA_NANO_USD, body: { model: 'llama3.2', totalTokenCount: 10 } });
  });
});

describe('lists of models', () => {
  it.each(CLIENTS.filter(({ upstream }) => upstream !== 'ollama'))('are read by $name', async ({ upstream, make }) => {
    const payer = await whole.payer({ budget: 0 });
    const client = make({ url: whole.url, key: payer.key, fetch }) as {
      models: { list(): AsyncIterable<{ id: string }>; retrieve(id: string): Promise<{ id: string }> };
    };
    const ids: string[] = [];
    for await (const { id } of client.models.list()) ids.push(id);
    const known = upstream === 'openai' ? ['gpt-4o-mini', 'llama3.2:latest'] : ['claude-sonnet-4-5'];
    expect(ids).toEqual(expect.arrayContaining(known));
    expect((await client.models.retrieve(known[0]!)).id).toBe(known[0]);
  });
});

const hasCurl = (() => {
  try {
    execFileSync('curl', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

interface CurlCase {
  readonly path: string;
  readonly upstream: UpstreamName;
  readonly json?: object;
  readonly form?: readonly string[];
  readonly metered?: Pick<Metered, 'model' | 'provider' | 'operationType' | 'isStreamed'>;
}

const ASK = [{ role: 'user', content: 'Wie groß ist 水?' }];
const openai = (model: string, operationType = 'CHAT', isStreamed = false) =>
  ({ model, provider: 'OPENAI', operationType, isStreamed }) as const;
const local = (operationType: string, isStreamed = false, model = 'llama3.2') =>
  ({ model, provider: 'OLLAMA', operationType, isStreamed }) as const;
const claude = (isStreamed = false) =>
  ({ model: 'claude-sonnet-4-5-answered', provider: 'ANTHROPIC', operationType: 'CHAT', isStreamed }) as const;

function curlCases(): readonly CurlCase[] {
  const mini = { model: 'gpt-4o-mini', messages: ASK };
  const llama = { model: 'llama3.2', messages: ASK };
  const sonnet = { model: 'claude-sonnet-4-5', max_tokens: 9, messages: ASK };
  const answered = 'gpt-4o-mini-2026-01-01';
  return [
    // Ollama streams unless it is told not to.
    { path: '/api/chat', upstream: 'ollama', json: llama, metered: local('CHAT', true) },
    { path: '/api/chat', upstream: 'ollama', json: { ...llama, stream: false }, metered: local('CHAT') },
    {
      path: '/api/generate',
      upstream: 'ollama',
      json: { model: 'llama3.2', prompt: 'Why?' },
      metered: local('GENERATE', true),
    },
    { path: '/api/embed', upstream: 'ollama', json: { model: 'llama3.2', input: 'one' }, metered: local('EMBED') },
    {
      path: '/api/embeddings',
      upstream: 'ollama',
      json: { model: 'llama3.2', prompt: 'one' },
      metered: local('EMBED'),
    },
    { path: '/api/tags', upstream: 'ollama' },
    { path: '/api/ps', upstream: 'ollama' },
    { path: '/api/version', upstream: 'ollama' },
    { path: '/api/show', upstream: 'ollama', json: { name: 'llama3.2' } },
    { path: '/v1/chat/completions', upstream: 'ollama', json: llama, metered: local('CHAT') },
    { path: '/v1/chat/completions', upstream: 'openai', json: mini, metered: openai(answered) },
    {
      path: '/v1/chat/completions',
      upstream: 'openai',
      json: { ...mini, stream: true },
      metered: openai(answered, 'CHAT', true),
    },
    {
      path: '/v1/responses',
      upstream: 'openai',
      json: { model: 'gpt-4o-mini', input: 'Hi' },
      metered: openai(answered),
    },
    {
      path: '/v1/embeddings',
      upstream: 'openai',
      json: { model: 'text-embedding-3-small', input: 'Hi' },
      metered: openai('text-embedding-3-small', 'EMBED'),
    },
    {
      path: '/v1/audio/speech',
      upstream: 'openai',
      json: { model: 'tts-1', input: 'Hi', voice: 'alloy' },
      metered: openai('tts-1', 'AUDIO'),
    },
    {
      path: '/v1/audio/transcriptions',
      upstream: 'openai',
      form: ['model=gpt-4o-mini-transcribe', 'file=@FILE;type=audio/mpeg'],
      metered: openai('gpt-4o-mini-transcribe', 'AUDIO'),
    },
    {
      path: '/v1/images/edits',
      upstream: 'openai',
      form: ['image=@FILE;type=image/png', 'prompt=a hat', 'model=gpt-image-1'],
      metered: openai('gpt-image-1', 'IMAGE'),
    },
    { path: '/v1/messages', upstream: 'anthropic', json: sonnet, metered: claude() },
    { path: '/v1/messages', upstream: 'anthropic', json: { ...sonnet, stream: true }, metered: claude(true) },
    { path: '/v1/messages/count_tokens', upstream: 'anthropic', json: { model: 'claude-sonnet-4-5', messages: ASK } },
  ];
}

describe.skipIf(!hasCurl)(`curl${hasCurl ? '' : ' (skipped: it is not installed here)'}`, () => {
  const run = promisify(execFile);
  let folder: string;
  let payer: Payer;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fusewire-curl-'));
    writeFileSync(join(folder, 'file.bin'), Buffer.from([0xff, 0xfb, 0x90, 0x00, 0x0d, 0x0a, 0x2d, 0x2d]));
    payer = await whole.payer({ budget: 100 });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The bytes of the body, and the head of the answer. */
  async function curl(url: string, key: string, { path, json, form }: CurlCase) {
    const headFile = join(folder, 'head');
    const data = json === undefined ? [] : ['-H', 'content-type: application/json', '-d', JSON.stringify(json)];
    const forms = (form ?? []).flatMap((part) => ['-F', part.replace('FILE', join(folder, 'file.bin'))]);
    const args = [
      '-sS',
      '-N',
      '-D',
      headFile,
      '-H',
      `authorization: Bearer ${key}`,
      ...data,
      ...forms,
      `${url}${path}`,
    ];
    const { stdout } = await run('curl', args, { encoding: 'buffer', maxBuffer: 1e7 });
    const head = readFileSync(headFile, 'utf8');
    return { body: stdout, status: /^HTTP\/1.1 (\d+)/.exec(head)![1], head };
  }

  it('gets the same bytes of every endpoint, and each is metered', async () => {
    let count = 0;
    for (const one of curlCases()) {
      const { path, upstream, metered } = one;
      whole.standIn.numberNext(31);
      const bare = await curl(whole.standIn[upstream], keyOf(upstream), one);
      whole.standIn.numberNext(31);
      const got = await curl(whole.url, payer.key, one);
      expect([path, got.status, got.body.toString('latin1')]).toEqual([
        path,
        bare.status,
        bare.body.toString('latin1'),
      ]);
      expect(got.status).toBe('200');
      const id = /^fusewire-transaction-id: (\S+)/im.exec(got.head)?.[1];
      if (metered === undefined) {
        expect(id, path).toBeUndefined();
        continue;
      }
      count += 1;
      const event = await whole.eventOf(id!);
      expect(event.body, path).toMatchObject({ ...metered, subscriber: { id: payer.id } });
      expect(event.amountNanoUsd, path).toBeGreaterThan(0n);
    }
    await whole.settled(payer, count);
  });

  it('reads the lists of models, and what is served without a key', async () => {
    const list = JSON.parse(
      (await curl(whole.url, payer.key, { path: '/api/models', upstream: 'ollama' })).body.toString(),
    );
    expect(list.models).toContainEqual(expect.objectContaining({ name: 'llama3.2:latest', pricing_configured: true }));
    const { stdout } = await run('curl', ['-sS', `${whole.url}/health`]);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'healthy', service: 'gateway' });
  });
});
