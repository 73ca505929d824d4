/** Names and headers by which somebody could leave a budget: other spellings of a model, aliases, claims about who calls. */
import type { Agent } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OLLAMA_FEES, openWhole, type Payer, type Whole } from '../whole/whole.js';
import { allEvents, ask, inLedger, openAgent, posted } from './money-support.js';

describe('names and claims', () => {
  let whole: Whole;
  let agent: Agent;
  let payer: Payer;
  beforeEach(async () => {
    whole = await openWhole({ config: { aliases: { fast: { model: 'qwen3:8b', upstream: 'ollama' } } } });
    await whole.price({ model: 'llama3.2', provider: 'OLLAMA', ...OLLAMA_FEES });
    await whole.price({ model: 'qwen3:8b', provider: 'OLLAMA', ...OLLAMA_FEES });
    agent = openAgent();
    payer = await whole.payer();
  });
  afterEach(async () => {
    agent.destroy();
    await whole.close();
  });

  const chat = (model: unknown, headers: Record<string, string> = {}, fields: object = {}) =>
    ask(agent, whole.url, {
      path: '/api/chat',
      key: payer.key,
      headers,
      body: { model, messages: [{ role: 'user', content: 'say:3' }], stream: false, ...fields },
    });

  const OF_LLAMA = [
    ...['llama3.2', 'LLAMA3.2', 'Llama3.2:latest', 'llama3.2:LATEST', 'library/llama3.2', 'Library/LLaMA3.2:Latest'],
    ...['registry.ollama.ai/library/llama3.2', 'REGISTRY.ollama.ai/LIBRARY/Llama3.2:latest'],
  ];

  it('every spelling of a model draws on the same budget of that model', async () => {
    const filters = [{ dimension: 'MODEL', operator: 'IS', value: 'llama3.2' }] as const;
    await whole.control({ name: 'llama', hardLimit: '0.012', onUnknownPrice: 'refuse', filters: [...filters] });
    const passed: string[] = [];
    for (const name of OF_LLAMA) if ((await chat(name)).status === 200) passed.push(name);
    expect(passed).toEqual(OF_LLAMA.slice(0, 4));
    const events = await inLedger(whole, payer, 4);
    expect(new Set(events.map(({ body }) => body['model']))).toEqual(new Set(['llama3.2']));
  });

  it('no spelling opens a group of its own', async () => {
    await whole.control({ name: 'each', hardLimit: '0.012', onUnknownPrice: 'refuse', groupBy: 'MODEL' });
    const statuses: number[] = [];
    for (const name of OF_LLAMA) statuses.push((await chat(name)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 402, 402, 402, 402]);
    // An alias is the model that it stands for.
    expect((await chat('fast')).status).toBe(200);
    expect((await chat('qwen3:8b')).status).toBe(200);
    expect((await chat('QWEN3:8B')).status).toBe(200);
    expect((await chat('fast')).status).toBe(200);
    expect((await chat('qwen3:8b')).status).toBe(402);
    expect((await chat('fast')).status).toBe(402);
  });

  it('what is no name is refused before anything is sent', async () => {
    const names = [
      ...['llama3.2\u0000', ' llama3.2', 'llama3.2 ', 'llama3.2\n', '\u212alama', 'ⅼlama3.2', 'llama3.2\u200b', ''],
      ...['../llama3.2', 'llama3.2/', 'http://x/llama3.2', 'llama3.2?x=1', 'llama3.2%20', 'a'.repeat(257), 'GPT-4o'],
      ...['llama3.2@sha256:0', 'registry.ollama.ai//library/llama3.2', ['llama3.2'], { a: 1 }, 7, null, true],
    ];
    for (const name of names) expect((await chat(name)).status, JSON.stringify(name)).toBe(400);
    expect(posted(whole)).toBe(0);
  });

  it('a name twice, or in two letter cases, is refused in every place', async () => {
    const messages = '[{"role":"user","content":"hi"}]';
    const bodies = [
      `{"model":"llama3.2","messages":${messages},"model":"qwen3:8b"}`,
      `{"Model":"qwen3:8b","model":"llama3.2","messages":${messages}}`,
      `{"mod\\u0065l":"qwen3:8b","model":"llama3.2","messages":${messages}}`,
      `{"model":"llama3.2","messages":${messages},"MODEL":"qwen3:8b"}`,
      `{"model":"llama3.2","messages":${messages},"options":{"num_predict":1},"Options":{"num_predict":9999}}`,
      `[{"model":"llama3.2"}]`,
      `{"model":"llama3.2","messages":${messages}} {"model":"qwen3:8b"}`,
    ];
    for (const body of bodies) {
      const got = await ask(agent, whole.url, { path: '/api/chat', key: payer.key, body });
      expect(got.status, body).toBe(400);
    }
    expect(posted(whole)).toBe(0);
  });

  it('whose a call is cannot be claimed, what a key fixes cannot be changed, the rest can be said', async () => {
    const victim = await whole.payer({ budget: '1' });
    const fixed = await whole.makeKey(payer.id, { dimensions: { organizationName: 'Acme', agent: 'triage' } });
    const claims: Record<string, string> = {
      'x-revenium-subscriber-id': victim.id,
      'x-revenium-subscriber-email': victim.email,
      'X-Revenium-Subscriber': JSON.stringify({ id: victim.id }),
      'x-revenium-subscriber-credential-name': victim.keyId,
      'x-revenium-credential': 'gk_other',
      'x-revenium-organization-name': 'Other',
      'x-revenium-organization-id': 'Other',
      'x-revenium-organization': 'Other',
      'x-revenium-agent': 'cheap',
      'x-revenium-task-type': 'summary',
      'x-revenium-transaction-id': 'tx-of-mine',
      'x-revenium-total-cost': '0',
      'x-revenium-model': 'free-model',
      'x-revenium-provider': 'FREE',
      'x-revenium-cost-type': 'NONE',
      'x-revenium-bypass': '1',
      'idempotency-key': 'same',
      'fusewire-transaction-id': 'tx-of-mine',
    };
    const body = { model: 'llama3.2', messages: [{ role: 'user', content: 'hi' }], stream: false };
    const send = () => ask(agent, whole.url, { path: '/api/chat', key: fixed.key, body, headers: claims });
    expect((await send()).status).toBe(200);
    expect((await send()).status).toBe(200);
    const events = await inLedger(whole, payer, 2);
    for (const { body: event, amountNanoUsd } of events) {
      expect(event['subscriber']).toMatchObject({ id: payer.id, credential: { name: fixed.keyId } });
      expect(event).toMatchObject({ model: 'llama3.2', provider: 'OLLAMA', taskType: 'summary', agent: 'triage' });
      expect(event['organizationName'] ?? event['organizationId']).toBe('Acme');
      expect(event['transactionId']).not.toBe('tx-of-mine');
      expect(amountNanoUsd).toBe(3_000_000n);
    }
    expect(JSON.stringify(events.map((event) => event.body))).not.toContain('Other');
    expect(await allEvents(whole, victim)).toEqual([]);
    const { headers } = whole.standIn.seen.find(({ method }) => method === 'POST')!;
    expect(Object.keys(headers).filter((name) => /revenium|fusewire|idempotency/.test(name))).toEqual([]);
    expect(JSON.stringify(headers)).not.toContain(fixed.key);
  });
});
