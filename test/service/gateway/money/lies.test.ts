/** Requests that say less than they mean, and upstreams that report what cannot be: nothing is free, nobody is blocked. */
import type { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../../../service/store/store.js';
import { openWhole, type Whole } from '../whole/whole.js';
import { ask, type Got, inLedger, nano, openAgent, posted, refusalOf } from './money-support.js';

const SAY = [{ role: 'user', content: 'say:9000 of it' }];
const MINI = { model: 'gpt-4o-mini', messages: SAY };
const CLAUDE = { model: 'claude-sonnet-4-5', messages: SAY };
const LOCAL = { model: 'llama3.2', messages: SAY };
const CHAT = '/v1/chat/completions';
/** Three dollars and more for what the stand-in says to it. */
const RATES = { model: 'llama3.2', provider: 'OLLAMA', inputPerMillion: '1', outputPerMillion: '2' };

describe('lies', () => {
  let whole: Whole;
  let agent: Agent;
  beforeAll(async () => {
    whole = await openWhole();
    await whole.price(RATES);
    agent = openAgent();
  });
  afterAll(async () => {
    agent.destroy();
    await whole.close();
  });

  async function metered(path: string, body: object): Promise<{ got: Got; event: StoredEvent; next: Got }> {
    const payer = await whole.payer({ budget: '20' });
    const got = await ask(agent, whole.url, { path, key: payer.key, body });
    expect(got.status, got.text).toBe(200);
    const [event] = await inLedger(whole, payer, 1);
    const small = { ...MINI, max_tokens: 5 };
    const next = await ask(agent, whole.url, { path: CHAT, key: payer.key, body: small });
    return { got, event: event!, next };
  }

  it.each<[string, string, object]>([
    ['a limit', CHAT, { ...MINI, max_tokens: 50 }],
    ['a limit as text', CHAT, { ...MINI, max_tokens: '9000' }],
    ['two limits', CHAT, { ...MINI, max_tokens: 1, max_completion_tokens: 800 }],
    ['choices', CHAT, { ...MINI, max_tokens: 50, n: 7 }],
    ['choices as text', CHAT, { ...MINI, max_tokens: 50, n: '7' }],
    ['log probabilities', CHAT, { ...MINI, max_tokens: 50, logprobs: true, top_logprobs: 20 }],
    ['usage declined', CHAT, { ...MINI, max_tokens: 50, stream: true, stream_options: { include_usage: false } }],
    ['responses', '/v1/responses', { model: 'gpt-4o-mini', input: 'say:900', max_output_tokens: 70 }],
    ['thinking beside a limit of 1', '/v1/messages', { ...CLAUDE, max_tokens: 1, thinking: { budget_tokens: 2_000 } }],
    ['Ollama', '/api/chat', { ...LOCAL, stream: false, options: { num_predict: 50 } }],
    ['Ollama, as text', '/api/chat', { ...LOCAL, stream: false, options: { num_predict: '9000' } }],
    ['Ollama by the other endpoint', CHAT, { ...LOCAL, max_tokens: 60, max_completion_tokens: 1 }],
  ])('%s: what is set aside is at least what it costs', async (_name, path, body) => {
    const { got, event, next } = await metered(path, body);
    expect(event.priceState).toBe('known');
    expect(event.amountNanoUsd).toBeGreaterThan(0n);
    expect(event.amountNanoUsd).toBeLessThanOrEqual(nano(String(got.headers['fusewire-budget-held'])));
    expect(next.status).toBe(200);
    expect(nano(String(next.headers['fusewire-budget-spend']))).toBe(event.amountNanoUsd);
  });

  it.each([1e300, 1e308, '1e308', Number.MAX_SAFE_INTEGER])(
    'a limit of %s is refused with its price',
    async (limit) => {
      const payer = await whole.payer({ budget: '20' });
      const before = posted(whole);
      for (const n of [1, 128, 1e308]) {
        const got = await ask(agent, whole.url, {
          path: CHAT,
          key: payer.key,
          body: { ...MINI, max_tokens: limit, n },
        });
        expect(got.status).toBe(402);
        expect(refusalOf(got)['asked']!.length).toBeLessThan(20);
      }
      expect(posted(whole)).toBe(before);
    },
  );

  it('a tier without a rate is not let through on money, and what is let through by other tiers is bounded', async () => {
    const payer = await whole.payer({ budget: '20' });
    const body = { ...MINI, max_tokens: 50, service_tier: 'priority' };
    const got = await ask(agent, whole.url, { path: CHAT, key: payer.key, body });
    expect(got.status).toBe(402);
    expect(refusalOf(got)['code']).toBe('UNKNOWN_PRICE');
    const next = await ask(agent, whole.url, { path: CHAT, key: payer.key, body: { ...MINI, max_tokens: 5 } });
    expect(next.status).toBe(200);
  });

  const usage = (prompt: unknown, completion: unknown, total: unknown, more: object = {}) => {
    return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: total, ...more };
  };
  /** What an upstream may report, and what it is then counted as: two tokens each by the words, where it is nonsense. */
  const REPORTS: readonly (readonly [name: string, usage: unknown, counted: readonly [number, number]])[] = [
    ['negative', usage(-5, -100, -105), [2, 2]],
    ['negative output', usage(10, -100, -90), [10, 2]],
    ['texts', usage('10', '20', '30'), [2, 2]],
    ['NaN', usage('NaN', null, null), [2, 2]],
    ['fractions', usage(1.5, 2.7, 4.2), [2, 2]],
    ['beyond all bounds', usage(1e308, 1e308, 1e308), [2, 2]],
    ['more than an event holds', usage(9e15, 9e15, 18e15), [2, 2]],
    ['a sum of more than an event holds', usage(1e12, 1e12, 2e12), [2, 2]],
    ['nothing for a text', usage(0, 0, 0), [2, 2]],
    ['no output for a text', usage(10, 0, 10), [10, 2]],
    ['a total of nothing', { total_tokens: 0 }, [2, 2]],
    ['no usage', undefined, [2, 2]],
    ['null', null, [2, 2]],
    ['a list', [], [2, 2]],
    ['a negative cost', usage(10, 5, 15, { cost: -3, total_cost: -1 }), [10, 5]],
    ['negative details', usage(10, 5, 15, { prompt_tokens_details: { cached_tokens: -1e6 } }), [10, 5]],
    ['more output than was allowed', usage(10, 5_000, 5_010), [10, 5_000]],
  ];

  it.each(REPORTS)('an upstream that reports %s', async (_name, reported, [input, output]) => {
    const message = { role: 'assistant', content: 'hello there' };
    const choices = [{ index: 0, message, finish_reason: 'stop' }];
    const body = { id: 'x', object: 'chat.completion', model: 'gpt-4o-mini', choices, usage: reported };
    whole.standIn.faults.push({ status: 200, body: JSON.stringify(body) });
    const asked = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi there' }], max_tokens: 50 };
    const { event, next } = await metered(CHAT, asked);
    expect([event.body['inputTokenCount'], event.body['outputTokenCount']]).toEqual([input, output]);
    expect(event).toMatchObject({ priceState: 'known', amountNanoUsd: BigInt(input * 150 + output * 600) });
    expect(next.status).toBe(200);
    expect(nano(String(next.headers['fusewire-budget-spend']))).toBe(event.amountNanoUsd);
  });

  it('a dearer model that answers is charged as what it is', async () => {
    const choices = [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }];
    const body = { id: 'x', object: 'chat.completion', model: 'gpt-4o', choices, usage: usage(1_000, 1_000, 2_000) };
    whole.standIn.faults.push({ status: 200, body: JSON.stringify(body) });
    const { event, next } = await metered(CHAT, { ...MINI, max_tokens: 50 });
    expect(event.body['model']).toBe('gpt-4o');
    expect(event.amountNanoUsd).toBe(12_500_000n);
    expect(next.headers['fusewire-budget-spend']).toBe('0.0125');
  });
});
