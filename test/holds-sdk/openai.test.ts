import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { instrumentOpenAI } from '../../src/instrument/openai.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';
import { until } from '../helpers/until.js';
import { amountAsked, createHeldPath, type HeldPath, type HeldPathOptions } from './held-path.js';

const MESSAGES = [{ role: 'user' as const, content: 'hi' }];
const CHAT = { model: 'm', messages: MESSAGES, max_tokens: 10 };

let stub: StubProvider;
beforeAll(async () => {
  stub = await startStubProvider();
});
afterAll(() => stub.close());

function guarded(options: HeldPathOptions, more: ConstructorParameters<typeof OpenAI>[0] = {}) {
  const held = createHeldPath(options);
  const client = new OpenAI({ apiKey: 'sk-test', baseURL: `${stub.url}/v1`, maxRetries: 0, ...more });
  instrumentOpenAI(client, held.path, {}, held.runtime);
  stub.reset();
  return { held, client };
}

function expectNothingHeld({ holder, holds }: HeldPath): void {
  expect(holder.held).toBe(0);
  expect(holds.status().unbegun).toBe(0);
}

const caught = (promise: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(promise).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('openai under a hard budget', () => {
  it('sends a call that is covered, and its event names the hold', async () => {
    const { held, client } = guarded({ limit: 100_000 });
    await client.chat.completions.create(CHAT);
    expect(stub.requests).toHaveLength(1);
    expect(held.events).toMatchObject([{ holdId: 'hold-1' }]);
    expect(held.holder.settled).toHaveLength(1);
    expectNothingHeld(held);
  });

  it('refuses with the arithmetic, and no request leaves', async () => {
    const { held, client } = guarded({ limit: 5 });
    const error = await caught(client.chat.completions.create(CHAT));
    expect(error).toBeInstanceOf(BudgetExceededError);
    const { budget, reason, currentValue, threshold } = error as BudgetExceededError;
    expect(reason).toBe('BUDGET_EXCEEDED');
    const asked = amountAsked(held.holder.asked[0]!);
    expect(budget).toMatchObject({
      limit: '0.000000005',
      held: '0',
      spend: '0',
      asked: `0.${String(asked).padStart(9, '0')}`,
    });
    expect([currentValue, threshold]).toEqual([0, 0.000_000_005]);
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ budget: { remaining: '0.000000005' } });
    expect(stub.requests).toHaveLength(0);
    expect(held.events).toHaveLength(0);
    expect(held.refusals).toBe(1);
    expectNothingHeld(held);
  });

  it('lets 64 parallel callers spend what a tenth of them ask for, and not a token more', async () => {
    const { held: probe, client: one } = guarded({ limit: 1_000_000 });
    await one.chat.completions.create(CHAT);
    const bound = amountAsked(probe.holder.asked[0]!);
    const limit = 6 * bound;
    const { held, client } = guarded({ limit });
    const ended = await Promise.all(Array.from({ length: 64 }, () => caught(client.chat.completions.create(CHAT))));
    const refused = ended.filter((error) => error instanceof BudgetExceededError).length;
    expect(stub.requests).toHaveLength(64 - refused);
    expect(held.events).toHaveLength(64 - refused);
    expect(64 - refused).toBeGreaterThanOrEqual(6);
    expect(held.holder.spend).toBeLessThanOrEqual(limit);
    expectNothingHeld(held);
  });

  it('holds for a stream until it ends, and for one that the caller leaves', async () => {
    const { held, client } = guarded({ limit: 100_000 });
    const stream = await client.chat.completions.create({ ...CHAT, stream: true });
    expect(held.holder.held).toBeGreaterThan(0);
    for await (const _ of stream);
    expectNothingHeld(held);
    const left = await client.chat.completions.create({ ...CHAT, stream: true });
    for await (const _ of left) break;
    expectNothingHeld(held);
    expect(held.events.map(({ holdId }) => holdId)).toEqual(['hold-1', 'hold-2']);
  });

  it('secures each retry of the client as an attempt of its own', async () => {
    const { held, client } = guarded({ limit: 100_000 }, { maxRetries: 2 });
    stub.faults.push({ status: 500 }, { status: 500 });
    await client.chat.completions.create(CHAT);
    expect(held.events.map(({ holdId }) => holdId)).toEqual(['hold-1', 'hold-2', 'hold-3']);
    // What failed and cost nothing is given back at once; the others are settled by their events.
    expect(held.holder.settled.map(({ consumed }) => consumed.outputTokens > 0)).toEqual([true]);
    expectNothingHeld(held);
  });

  it('gives back what a call holds whose client throws before it sends', async () => {
    const { held, client } = guarded({ limit: 100_000 });
    const abort = new AbortController();
    abort.abort();
    expect(await caught(client.chat.completions.create(CHAT, { signal: abort.signal }))).toBeInstanceOf(Error);
    expectNothingHeld(held);
    // A header that cannot be sent: the client throws between its hooks.
    expect(await caught(client.chat.completions.create(CHAT, { headers: { 'x-a': 'a\nb' } }))).toBeInstanceOf(Error);
    expect(stub.requests).toHaveLength(0);
    held.advance(60_001);
    expectNothingHeld(held);
    expect(held.timers()).toBe(0);
  });

  it('gives back a hold that comes after the caller left', async () => {
    const { held, client } = guarded({ limit: 100_000 });
    let open: () => void = () => undefined;
    held.holder.gate = new Promise((resolve) => {
      open = resolve;
    });
    const abort = new AbortController();
    const call = caught(client.chat.completions.create(CHAT, { signal: abort.signal }));
    await until(() => held.holder.takes === 1, 'the question');
    abort.abort();
    expect((await call) as Error).toBeInstanceOf(OpenAI.APIUserAbortError);
    open();
    await until(() => held.holder.asked.length === 1 && held.holder.held === 0, 'the hold given back');
    expect(stub.requests).toHaveLength(0);
    expectNothingHeld(held);
  });

  it('lets through and counts where no service answers, fail-open, unless the last verdict refuses', async () => {
    const { held, client } = guarded({ limit: 100_000 });
    held.holder.isAway = true;
    await client.chat.completions.create(CHAT);
    await client.chat.completions.create(CHAT);
    expect(held.holds.status().unheld).toBe(2);
    expect(held.logged.filter((line) => line.includes('no hold can be taken'))).toHaveLength(1);
    expect(held.events.every((event) => !('holdId' in event))).toBe(true);
    held.rules.exhausted = { outcome: 'refuse', code: 'RULE_TRIPPED', message: 'used up', rule: null };
    expect(await caught(client.chat.completions.create(CHAT))).toMatchObject({ reason: 'RULE_TRIPPED' });
    expect(stub.requests).toHaveLength(2);
  });

  it('refuses where no service answers, fail-closed', async () => {
    const { held, client } = guarded({ limit: 100_000, failMode: 'closed' });
    held.holder.isAway = true;
    expect(await caught(client.chat.completions.create(CHAT))).toMatchObject({ reason: 'HOLD_UNAVAILABLE' });
    expect(stub.requests).toHaveLength(0);
  });

  it('throws the refusal itself from the helpers that wrap errors', async () => {
    const { client } = guarded({ limit: 5 });
    const errors = [
      await caught(client.chat.completions.stream(CHAT).finalContent()),
      await caught(client.responses.stream({ model: 'm', input: 'hi', max_output_tokens: 20 }).finalResponse()),
      await caught(client.chat.completions.parse(CHAT)),
      await caught(client.chat.completions.create(CHAT).asResponse()),
      await caught(client.withOptions({ timeout: 5_000 }).chat.completions.create(CHAT)),
    ];
    for (const error of errors) expect(error).toBeInstanceOf(BudgetExceededError);
    const stream = client.chat.completions.stream(CHAT);
    const listened = new Promise((resolve) => stream.on('error', resolve));
    expect(await listened).toBeInstanceOf(BudgetExceededError);
    expect(stub.requests).toHaveLength(0);
  });

  it('asks nobody where no hard rule concerns the call', async () => {
    const { held, client } = guarded({ limit: 0 });
    held.rules.concern = ({ model }) => model !== 'm';
    await client.chat.completions.create(CHAT);
    expect(held.holder.takes).toBe(0);
    expect(held.events).toHaveLength(1);
  });

  it('refuses an endpoint that no adapter knows', async () => {
    const { held, client } = guarded({ limit: 100_000 });
    expect(await caught(client.post('/new/thing', { body: { model: 'm' } }))).toMatchObject({
      reason: 'UNKNOWN_ENDPOINT',
    });
    expect(stub.requests).toHaveLength(0);
    expectNothingHeld(held);
    held.rules.concern = () => false;
    await caught(client.post('/new/thing', { body: { model: 'm' } }));
    expect(stub.requests).toHaveLength(1);
  });

  it('holds for a background response until its end is read', async () => {
    const { held, client } = guarded({ limit: 100_000 });
    const { id } = await client.responses.create({ model: 'm', input: 'hi', background: true });
    expect(held.holder.held).toBeGreaterThan(0);
    for (let poll = 0; poll < 5; poll += 1) await client.responses.retrieve(id);
    expect(held.events).toMatchObject([{ holdId: 'hold-1' }]);
    expectNothingHeld(held);
  });

  it('leaves nothing held after a thousand calls, from slices too', async () => {
    const { held, client } = guarded({ limit: 10_000_000 });
    for (let call = 0; call < 500; call += 1) await client.chat.completions.create(CHAT);
    held.holder.hasSlice = true;
    for (let call = 0; call < 500; call += 1) await client.chat.completions.create(CHAT);
    expect(held.holder.takes).toBe(500);
    expect(held.events).toHaveLength(1_000);
    expect(new Set(held.events.map(({ holdId }) => holdId)).size).toBe(1_000);
    expectNothingHeld(held);
  });
});
