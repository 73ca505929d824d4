/** Models that nobody knows the price of, through the gateway: refused, assumed or flagged, and open again once priced. */
import type { Agent } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CostControlInput } from '../../../../service/store/store.js';
import { until } from '../../../helpers/until.js';
import { openWhole, type Payer, type Whole } from '../whole/whole.js';
import { ask, inLedger, nano, openAgent, posted, refusalOf } from './money-support.js';

const CHAT = '/v1/chat/completions';
const ASK = { messages: [{ role: 'user', content: 'say:5' }], max_tokens: 5 };

describe('unknown prices', () => {
  let whole: Whole;
  let agent: Agent;
  let payer: Payer;
  beforeEach(async () => {
    whole = await openWhole({ config: { allowHostedTools: true } });
    agent = openAgent();
    payer = await whole.payer();
  });
  afterEach(async () => {
    agent.destroy();
    await whole.close();
  });

  const send = (body: object, key = payer.key) => ask(agent, whole.url, { path: CHAT, key, body });
  const budget = (fields: Partial<CostControlInput>) =>
    whole.control({
      ...{ name: 'all', metricType: 'TOTAL_COST', windowType: 'MONTHLY', hardLimit: '1', filters: [] },
      ...fields,
    });
  const mystery = { ...ASK, model: 'gpt-mystery' };

  it('refuse: nothing is sent, known models go on', async () => {
    await budget({ onUnknownPrice: 'refuse' });
    const got = await send(mystery);
    expect([got.status, refusalOf(got)['code']]).toEqual([402, 'UNKNOWN_PRICE']);
    expect(posted(whole)).toBe(0);
    expect((await send({ ...ASK, model: 'gpt-4o-mini' })).status).toBe(200);
  });

  it('assume: the assumed price is set aside, counted and enough for a limit', async () => {
    const assumed = { assumedPricePerRequest: '0.1', assumedPricePerMillionTokens: '0' };
    await budget({ onUnknownPrice: 'assume', hardLimit: '0.55', ...assumed });
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(mystery)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
    expect(answers.filter(({ status }) => status === 402)).toHaveLength(15);
    await inLedger(whole, payer, 5);
    const last = await send(mystery);
    expect(refusalOf(last)).toMatchObject({ code: 'BUDGET_EXCEEDED', spend: '0.5', held: '0', asked: '0.1' });
  });

  it('flag: such calls pass, and are marked as what they are', async () => {
    await budget({ onUnknownPrice: 'flag' });
    for (let i = 0; i < 3; i += 1) expect((await send(mystery)).status).toBe(200);
    const events = await inLedger(whole, payer, 3);
    expect(events.every(({ priceState }) => priceState === 'unknown')).toBe(true);
  });

  it('a tier without a price that answers though nobody asked for it stops the budget, says why, and a price opens it', async () => {
    await budget({ onUnknownPrice: 'refuse' });
    const choices = [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }];
    const usage = { prompt_tokens: 1_000, completion_tokens: 1_000, total_tokens: 2_000 };
    const answer = {
      id: 'x',
      object: 'chat.completion',
      model: 'gpt-4o-mini',
      service_tier: 'priority',
      choices,
      usage,
    };
    whole.standIn.faults.push({ status: 200, body: JSON.stringify(answer) });
    expect((await send({ ...ASK, model: 'gpt-4o-mini' })).status).toBe(200);
    const [event] = await inLedger(whole, payer, 1);
    expect(event).toMatchObject({ priceState: 'unknown', amountNanoUsd: 0n });
    for (let i = 0; i < 5; i += 1) {
      const got = await send({ ...ASK, model: 'gpt-4o-mini' });
      expect(got.status).toBe(402);
      expect(refusalOf(got)['code']).toBe('UNKNOWN_PRICE');
      expect(refusalOf(got)['message']).not.toContain('is used up');
      await new Promise((go) => setTimeout(go, 100));
    }
    const price = { model: 'gpt-4o-mini', provider: 'OPENAI', inputPerMillion: '10', outputPerMillion: '20' };
    await whole.price({ ...price, serviceTier: 'priority', validFrom: '2026-01-01T00:00:00Z' });
    await whole.made('/v2/api/fusewire/prices/reprice', { reason: 'a tier was missing', scope: 'unknown' });
    const open = async () => (await send({ ...ASK, model: 'gpt-4o-mini' })).status === 200;
    await until(open, 'the budget that knows its price again', 20_000);
  });

  it('a tool that runs at the provider has no known price, also where it is allowed', async () => {
    const refusing = await whole.payer({ budget: '5' });
    const tools = [{ type: 'web_search' }];
    const body = { model: 'gpt-4o-mini', input: 'hi', max_output_tokens: 5, tools };
    const ask1 = (key: string) => ask(agent, whole.url, { path: '/v1/responses', key, body });
    const got = await ask1(refusing.key);
    expect([got.status, refusalOf(got)['code']]).toEqual([402, 'UNKNOWN_PRICE']);
    expect((await ask1(payer.key)).status).toBe(200);
    expect(nano(refusalOf(got)['spend']!)).toBe(0n);
  });
});
