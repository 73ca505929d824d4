import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { withModel, withOutputLimit } from '../../src/bound/change-request.js';
import { instrumentOpenAI } from '../../src/instrument/openai.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';
import { until } from '../helpers/until.js';
import { amountAsked, createHeldPath, type HeldPathOptions } from './held-path.js';

const CHAT = { model: 'dear', messages: [{ role: 'user' as const, content: 'hi' }], max_tokens: 1_000 };

let stub: StubProvider;
beforeAll(async () => {
  stub = await startStubProvider();
});
afterAll(() => stub.close());

function guarded(options: HeldPathOptions) {
  const held = createHeldPath({ edits: { withOutputLimit, withModel }, ...options });
  const client = new OpenAI({ apiKey: 'sk-test', baseURL: `${stub.url}/v1`, maxRetries: 0 });
  instrumentOpenAI(client, held.path, {}, held.runtime);
  stub.reset();
  return { held, client };
}

const adjusted = (answer: unknown): unknown => Reflect.get(Object(answer), '_fusewire_adjusted');

const caught = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('what a hard budget does before it refuses', () => {
  it('lowers the output limit to what is left, and says so', async () => {
    const { held, client } = guarded({ limit: 2_000, reactions: { clampOutput: true } });
    const given = { ...CHAT };
    const answer = await client.chat.completions.create(given);
    const sent = Number(stub.requests[0]?.body['max_tokens']);
    expect(sent).toBeGreaterThanOrEqual(16);
    expect(sent).toBeLessThan(200);
    expect(given).toEqual(CHAT);
    expect(adjusted(answer)).toEqual({ maxTokens: sent });
    expect(Object.keys(answer)).not.toContain('_fusewire_adjusted');
    expect(held.events).toMatchObject([{ holdId: 'hold-1', attributes: { outputLimitedTo: sent } }]);
    expect(held.told).toEqual(['clamped']);
    expect(held.refusals).toBe(0);
    expect(held.holder.held).toBe(0);
  });

  it('lowers it for a stream, whose chunks say so', async () => {
    const { client } = guarded({ limit: 2_000, reactions: { clampOutput: true } });
    const stream = await client.chat.completions.create({ ...CHAT, stream: true });
    for await (const chunk of stream) expect(adjusted(chunk)).toMatchObject({ maxTokens: expect.any(Number) });
  });

  it('refuses where less than 16 tokens are left', async () => {
    const { held, client } = guarded({ limit: 150, reactions: { clampOutput: true } });
    expect(await caught(client.chat.completions.create(CHAT))).toBeInstanceOf(BudgetExceededError);
    expect(stub.requests).toHaveLength(0);
    expect(held.told).toEqual([]);
  });

  it('asks the cheaper model, decided and held like any other, under its own name', async () => {
    const { held, client } = guarded({ limit: 2_000, reactions: { downgradeTo: 'cheap' } });
    held.rules.concern = ({ model }) => model === 'dear';
    const answer = await client.chat.completions.create(CHAT);
    expect(stub.requests[0]?.body).toMatchObject({ model: 'cheap', max_tokens: 1_000 });
    expect(adjusted(answer)).toEqual({ model: 'cheap' });
    expect(held.events).toMatchObject([{ attributes: { downgradedFrom: 'dear' } }]);
    expect(held.decided.map(({ model }) => model)).toEqual(['dear', 'cheap']);
    expect(held.told).toEqual(['downgraded']);
  });

  it('does not ask a model that is refused too', async () => {
    const { held, client } = guarded({ limit: 2_000, reactions: { downgradeTo: 'cheap' } });
    expect(await caught(client.chat.completions.create(CHAT))).toMatchObject({ reason: 'BUDGET_EXCEEDED' });
    expect(held.holder.asked.map(({ call }) => call.model)).toEqual(['dear', 'cheap']);
    expect(stub.requests).toHaveLength(0);
  });

  it('waits for what others give back, no longer than the control says', async () => {
    const { held, client } = guarded({ limit: 20_000, reactions: { throttleMs: 200 } });
    held.holder.held = 15_000;
    const waiting = client.chat.completions.create(CHAT).then(adjusted);
    await until(() => held.holder.asked.length === 1, 'the first question');
    expect(stub.requests).toHaveLength(0);
    held.holder.held = 0;
    held.advance(50);
    expect(await waiting).toEqual({ waitedMs: 50 });
    expect(held.events).toMatchObject([{ attributes: { throttledMs: 50 } }]);
    expect(held.told).toEqual(['throttled']);

    held.holder.held = 15_000;
    let isOver = false;
    const refused = caught(client.chat.completions.create(CHAT)).finally(() => {
      isOver = true;
    });
    for (let asked = 3; asked < 8; asked += 1) {
      await until(() => isOver || held.holder.asked.length === asked, 'the next question');
      held.advance(50);
    }
    expect(await refused).toMatchObject({ budget: { retryAfterMs: 50 } });
    expect(stub.requests).toHaveLength(1);
  });

  it('stops waiting when the caller leaves', async () => {
    const { held, client } = guarded({ limit: 20_000, reactions: { throttleMs: 60_000 } });
    held.holder.held = 15_000;
    const abort = new AbortController();
    const call = caught(client.chat.completions.create(CHAT, { signal: abort.signal }));
    await until(() => held.holder.asked.length === 1, 'the question');
    abort.abort();
    expect(await call).toBeInstanceOf(OpenAI.APIUserAbortError);
    expect(held.timers()).toBe(0);
    expect(stub.requests).toHaveLength(0);
  });

  it('puts the limit that is assumed into a call that names none, where the control says so', async () => {
    const { held, client } = guarded({ limit: 1_000_000, part: { outputLimit: 'inject' } });
    const { max_tokens: _, ...unlimited } = CHAT;
    const answer = await client.chat.completions.create(unlimited);
    expect(stub.requests[0]?.body['max_completion_tokens']).toBe(4_096);
    expect(adjusted(answer)).toEqual({ maxTokens: 4_096 });
    expect(held.told).toEqual([]);
  });

  it('tries the whole of what was asked for again with each retry of the client', async () => {
    const { held, client } = guarded({ limit: 20_000, reactions: { clampOutput: true } });
    held.holder.held = 15_000;
    stub.faults.push({ status: 500 });
    const retrying = client.withOptions({ maxRetries: 1 });
    const answer = retrying.chat.completions.create(CHAT);
    // The client waits for half a second before it tries again.
    await until(() => stub.requests.length === 1, 'the first attempt');
    held.holder.held -= 15_000;
    await answer;
    expect(Number(stub.requests[0]?.body['max_tokens'])).toBeLessThan(1_000);
    expect(stub.requests[1]?.body['max_tokens']).toBe(1_000);
    expect(amountAsked(held.holder.asked.at(-1)!)).toBeGreaterThan(10_000);
  });
});
