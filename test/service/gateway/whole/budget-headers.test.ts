import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWhole, type Payer, type Whole } from './whole.js';

describe('budget headers of the gateway', () => {
  let whole: Whole;
  let payer: Payer;

  beforeAll(async () => {
    whole = await openWhole({ config: { limits: { keyRatePerSecond: 0 } } });
    await whole.price({ model: 'llama3.2', provider: 'OLLAMA', perRequest: '0.25' });
    payer = await whole.payer({ budget: '1.5' });
  });
  afterAll(() => whole.close());

  const ask = async (path: string, init: RequestInit = {}, key = payer.key) => {
    const answer = await fetch(`${whole.url}${path}`, {
      ...init,
      headers: {
        authorization: `Bearer ${key}`,
        'anthropic-version': '2023-06-01',
        'content-type': 'application/json',
      },
    });
    await answer.arrayBuffer();
    return answer;
  };
  const post = (path: string, body: object, key?: string) =>
    ask(path, { method: 'POST', body: JSON.stringify(body) }, key);
  const shown = ({ headers }: Response) =>
    ['limit', 'spend', 'remaining', 'reset'].map((name) => headers.get(`fusewire-budget-${name}`) !== null);

  it('are on lists, on what costs nothing and on what is turned down before it is decided on, from the first answer on', async () => {
    const answers = [
      await ask('/api/tags'),
      await ask('/v1/models'),
      await ask('/api/models'),
      await post('/api/show', { model: 'llama3.2' }),
      await post('/v1/messages/count_tokens', {
        model: 'claude-haiku-4-5',
        messages: [{ role: 'user', content: 'a' }],
      }),
      await post('/v1/chat/completions', { model: 'no such model\n', messages: [] }),
      await post('/api/chat', { model: 'gpt-4o', messages: [{ role: 'user', content: 'a' }] }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 400, 400]);
    for (const answer of answers) {
      expect(shown(answer), answer.url).toEqual([true, true, true, true]);
      expect(answer.headers.get('fusewire-budget-limit')).toBe('1.5');
    }
  });

  it('follow what was spent, and are absent where no budget concerns the caller or nobody is known', async () => {
    const call = await post('/api/chat', {
      model: 'llama3.2',
      stream: false,
      messages: [{ role: 'user', content: 'a' }],
    });
    expect(call.headers.get('fusewire-budget-remaining')).toBe('1.25');
    const list = await ask('/v1/models');
    expect([list.headers.get('fusewire-budget-spend'), list.headers.get('fusewire-budget-remaining')]).toEqual([
      '0.25',
      '1.25',
    ]);
    const unlimited = await whole.payer();
    expect(shown(await ask('/v1/models', {}, unlimited.key))).toEqual([false, false, false, false]);
    expect(shown(await ask('/v1/models', {}, 'sk_nobody_has_this_key_at_all'))).toEqual([false, false, false, false]);
  });
});
