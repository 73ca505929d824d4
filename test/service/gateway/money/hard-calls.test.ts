/** Calls under hard budgets that end in every way there is: each gives back what it held, and none passes beside a hold. */
import type { Agent } from 'node:http';
import { request } from 'node:http';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SERVICE_ACTOR } from '../../../../service/ledger/audit.js';
import { until } from '../../../helpers/until.js';
import { OLLAMA_FEES, OLLAMA_NANO_USD, openWhole, type Payer, type Whole } from '../whole/whole.js';
import { changeHard, heldIn, makeHard, shownBy, untilNothingHeld } from './hard-support.js';
import { type Asked, ask, inLedger, openAgent, posted, spentBy, statuses } from './money-support.js';

const MESSAGES = [{ role: 'user' as const, content: 'say:5 Hello' }];

describe('calls under a hard budget', () => {
  let whole: Whole;
  let agent: Agent;
  let payer: Payer;

  beforeEach(async () => {
    whole = await openWhole({ config: { aliases: { cheap: { model: 'qwen3:8b', upstream: 'ollama' } } } });
    await whole.price({ model: 'llama3.2', provider: 'OLLAMA', ...OLLAMA_FEES });
    await whole.price({ model: 'qwen3:8b', provider: 'OLLAMA', perRequest: '0.0001' });
    agent = openAgent();
    payer = await whole.payer();
  });
  afterEach(async () => {
    agent.destroy();
    expect((await whole.store.verifyBalances()).wrong).toEqual([]);
    await whole.close();
  });

  const send = (fields: Partial<Asked> & { readonly model?: string; readonly stream?: boolean } = {}) => {
    const { model = 'llama3.2', stream = false, ...asked } = fields;
    const body = { model, messages: MESSAGES, stream };
    return ask(agent, whole.url, { path: '/api/chat', key: payer.key, body, ...asked });
  };
  const openai = (options: object = {}) =>
    new OpenAI({ baseURL: `${whole.url}/v1`, apiKey: payer.key, maxRetries: 0, ...options });
  const kinds = async () => {
    const { items } = await whole.store.listEnforcementEvents(whole.teamId, { page: 0, size: 200 });
    return items.map(({ kind }) => kind as string);
  };
  /** Sends and leaves: once the upstream works on it, or before anything is decided. */
  const leave = async (when: 'at-once' | 'under-way') => {
    const before = posted(whole);
    const headers = { authorization: `Bearer ${payer.key}`, 'content-type': 'application/json' };
    const sent = request(`${whole.url}/api/chat`, { method: 'POST', headers });
    sent.on('error', () => undefined);
    sent.end(JSON.stringify({ model: 'llama3.2', messages: MESSAGES, stream: true }));
    if (when === 'under-way') await until(() => posted(whole) > before, 'the call under way');
    else await new Promise((go) => setTimeout(go, Math.random() * 4));
    sent.destroy();
  };

  it('whoever leaves leaves nothing behind, before and after the admission', async () => {
    await makeHard(whole, payer, { hardLimit: '0.3' });
    whole.standIn.plan = () => 'hold';
    await Promise.all(Array.from({ length: 20 }, () => leave('at-once')));
    for (let i = 0; i < 5; i += 1) await leave('under-way');
    await untilNothingHeld(whole);
    const sent = posted(whole);
    const events = await inLedger(whole, payer, sent);
    for (const event of events) expect(event.body['holdId']).toBeTypeOf('string');
    // What was sent is charged by its fee, and all the rest is there for those who stay.
    whole.standIn.plan = undefined;
    whole.standIn.releaseAll();
    const passed = statuses(await Promise.all(Array.from({ length: 110 }, () => send())));
    expect(passed).toEqual({ 200: 100 - sent, 402: 10 + sent });
  }, 60_000);

  it.each([429, 500, 400])('an upstream that answers %d costs nothing and holds nothing', async (status) => {
    await makeHard(whole, payer, { hardLimit: '0.003' });
    whole.standIn.plan = () => ({ status });
    for (let i = 0; i < 5; i += 1) expect((await send()).status).toBe(status);
    await untilNothingHeld(whole);
    expect(await spentBy(whole, payer)).toBe(0n);
    whole.standIn.plan = undefined;
    expect((await send()).status).toBe(200);
    expect((await send()).status).toBe(402);
  });

  it('an upstream that cannot be reached, breaks off or says nothing leaves nothing held', async () => {
    await makeHard(whole, payer, { hardLimit: '1' });
    whole.standIn.faults.push('nothing', 'half-chunk', 'empty', 'garbage', 'ends-early', { cutAt: 10 });
    for (let i = 0; i < 6; i += 1) await send({ stream: i % 2 === 0 }).catch(() => undefined);
    await untilNothingHeld(whole);
  });

  it('downgrades to an alias, and refuses where the key may not ask for the substitute', async () => {
    await makeHard(whole, payer, { hardLimit: '0.004', downgradeTo: 'cheap' });
    expect((await send()).headers['fusewire-model']).toBeUndefined();
    const downgraded = await send();
    expect(downgraded.status).toBe(200);
    expect(downgraded.headers).toMatchObject({ 'fusewire-model': 'cheap', 'fusewire-downgraded-from': 'llama3.2' });
    expect(JSON.parse(downgraded.text).model).toBe('qwen3:8b');
    const { key } = await whole.makeKey(payer.id, { models: ['llama3.2'] });
    expect((await send({ key })).status).toBe(402);
    // The alias itself, asked for by its name, is the model that it stands for.
    expect((await send({ model: 'cheap' })).status).toBe(200);
    await inLedger(whole, payer, 3);
    expect(await spentBy(whole, payer)).toBe(OLLAMA_NANO_USD + 200_000n);
    await until(async () => (await kinds()).includes('refusal'), 'the refusal told');
    // A call that went on as another one is no refusal.
    expect((await kinds()).sort()).toEqual(['downgraded', 'refusal']);
  });

  it('throttles with 429 and Retry-After: the official client waits and passes', async () => {
    await makeHard(whole, payer, { hardLimit: '0.004', throttleMs: 5_000 });
    whole.standIn.plan = () => 'hold-head';
    const asked = { model: 'gpt-4o-mini', max_tokens: 4_096, messages: MESSAGES };
    const first = openai().chat.completions.create(asked);
    await until(async () => (await heldIn(whole)) > 0n, 'more than half of the budget held');
    const second = openai({ maxRetries: 8 }).chat.completions.create(asked);
    await until(async () => (await kinds()).includes('throttled'), 'the second told to come back');
    expect(posted(whole)).toBe(1);
    whole.standIn.plan = undefined;
    whole.standIn.releaseAll();
    expect((await first).usage?.completion_tokens).toBe(5);
    expect((await second).usage?.completion_tokens).toBe(5);
    await inLedger(whole, payer, 2);
    await untilNothingHeld(whole);
    expect(await kinds()).not.toContain('refusal');
  }, 30_000);

  it('a bypass lets calls pass without a hold', async () => {
    await makeHard(whole, payer, { hardLimit: '0.003' });
    expect((await send()).status).toBe(200);
    expect((await send()).status).toBe(402);
    await whole.store.setBypass(whole.teamId, { untilMs: Date.now() + 60_000, reason: 'incident' }, SERVICE_ACTOR);
    await until(async () => (await send()).status === 200, 'the bypass known');
    await until(async () => (await whole.events(payer)).length >= 2, 'both in the ledger');
    const events = await whole.events(payer);
    expect(events.filter(({ body }) => body['holdId'] !== undefined)).toHaveLength(1);
    expect(await heldIn(whole)).toBe(0n);
  });

  it.each(['MODEL', 'CREDENTIAL'] as const)('each %s has a budget of its own', async (groupBy) => {
    await whole.control({
      ...{ name: 'each', hardLimit: '0.006', groupBy, enforcement: 'HARD', onUnknownPrice: 'refuse' },
      ...{ windowType: 'MONTHLY', filters: [] },
    });
    const { key } = await whole.makeKey(payer.id, {});
    await until(async () => (await shownBy(whole, payer)) !== null || groupBy === 'MODEL', 'the budget known');
    await send({ model: 'qwen3:8b', ...(groupBy === 'MODEL' ? {} : { key }) });
    const one = statuses(await Promise.all(Array.from({ length: 30 }, () => send())));
    expect(one[200]).toBe(2);
    const model = groupBy === 'MODEL' ? 'qwen3:8b' : 'llama3.2';
    const other = statuses(
      await Promise.all(Array.from({ length: 70 }, () => send({ model, ...(groupBy === 'MODEL' ? {} : { key }) }))),
    );
    expect(other[200]).toBe(groupBy === 'MODEL' ? 59 : 1);
    await untilNothingHeld(whole);
  });

  it('a control that becomes hard while calls are under way, and polled again', async () => {
    const made = await makeHard(whole, payer, { hardLimit: '0.03', enforcement: 'POLLED' });
    whole.standIn.plan = () => 'hold-head';
    const polled = Array.from({ length: 4 }, () => send());
    await until(() => posted(whole) === 4, 'four under way');
    await changeHard(whole, payer, made, { hardLimit: '0.03' });
    // The gateway reads in the background what a control is now.
    await new Promise((go) => setTimeout(go, 1_200));
    const hard = send();
    await until(async () => {
      return posted(whole) === 5 && (await heldIn(whole)) >= OLLAMA_NANO_USD;
    }, 'a call under a hold');
    await changeHard(whole, payer, made, { hardLimit: '0.03', enforcement: 'POLLED' });
    await new Promise((go) => setTimeout(go, 1_200));
    // Nothing of what is under way is forgotten: five of ten are left.
    const later = Promise.all(Array.from({ length: 10 }, () => send()));
    await until(() => posted(whole) === 10, 'five more under way');
    whole.standIn.plan = undefined;
    whole.standIn.releaseAll();
    expect(statuses(await Promise.all([...polled, hard]))).toEqual({ 200: 5 });
    expect(statuses(await later)).toEqual({ 200: 5, 402: 5 });
    await inLedger(whole, payer, 10);
    await untilNothingHeld(whole);
  }, 30_000);

  it('the official client of Ollama works under a hold', async () => {
    await makeHard(whole, payer, { hardLimit: '0.003' });
    const client = new Ollama({ host: whole.url, headers: { authorization: `Bearer ${payer.key}` } });
    expect((await client.chat({ model: 'llama3.2', messages: MESSAGES })).done).toBe(true);
    await expect(client.chat({ model: 'llama3.2', messages: MESSAGES })).rejects.toMatchObject({ status_code: 402 });
  });
});
