import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  BudgetExceededError,
  client,
  close,
  configure,
  FusewireError,
  flush,
  guard,
  hold,
  isInitialized,
  meter,
  meterTool,
  ready,
  reportToolCall,
  shutdown,
  status,
} from 'fusewire';
import OpenAI from 'openai';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type FakeService, startFakeService } from '../../src/testing/fake-service.js';

const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  await close();
  for (const end of endings.splice(0)) await end();
});

async function service(): Promise<FakeService> {
  const started = await startFakeService();
  endings.push(() => started.close());
  return started;
}

const EVENT = { model: 'm', provider: 'OPENAI', inputTokenCount: 1, outputTokenCount: 1 };
const agents = ({ events }: FakeService) => events.map((event) => event['agent']);

describe('configure()', () => {
  it('points the functions of the package at another service, with another key', async () => {
    const one = await service();
    await configure({ ...one.options });
    expect(isInitialized()).toBe(true);
    meter({ ...EVENT, agent: 'one' });
    reportToolCall({ toolId: 't', durationMs: 1 });
    expect(await flush()).toBe(true);
    expect(agents(one)).toEqual(['one']);
    expect(one.toolEvents).toMatchObject([{ toolId: 't' }]);
  });

  it('hold() sets aside at the service that is configured, and meter() settles it', async () => {
    const one = await service();
    one.setRules([{ ruleId: 7, name: 'Cap', action: 'BLOCK', breached: false, threshold: 1, enforcement: 'HARD' }]);
    one.setHardControls([{ controlId: 'c', ruleId: 7, limit: '1000000' }]);
    await configure({ ...one.options });
    await ready();
    const call = { model: 'gpt-4o-mini', provider: 'OPENAI', maxInputTokens: 100, maxOutputTokens: 10 };
    const { holdId } = await hold({ subscriber: { id: 'u-1' } }, call);
    expect(one.holds.map(({ id }) => id)).toContain(holdId);
    meter({ ...EVENT, model: 'gpt-4o-mini', ...(holdId === undefined ? {} : { holdId }) });
    await close();
    expect(one.events).toMatchObject([{ holdId }]);
    expect(one.holdBudget('c')).toMatchObject({ held: '0' });
  });

  it('delivers what the instance before had, to where that belongs, and closes it', async () => {
    const [one, two] = [await service(), await service()];
    await configure(one.options);
    meter({ ...EVENT, agent: 'before' });
    const done = configure(two.options);
    meter({ ...EVENT, agent: 'after' });
    await done;
    expect(agents(one)).toEqual(['before']);
    await flush();
    expect(agents(two)).toEqual(['after']);
    expect(status().meteringBaseUrl).toBe(two.url);
  });

  it('meters tools that were wrapped before by what it was given, and makes no instance where they are wrapped', async () => {
    const tool = meterTool('early', async () => 'found');
    class Desk {
      find = meterTool('member', { operation: 'find' })(() => 1);
    }
    expect(Reflect.get(globalThis, Symbol.for('fusewire.default'))).toBeUndefined();
    const one = await service();
    await configure(one.options);
    expect([await tool(), new Desk().find()]).toEqual(['found', 1]);
    await flush();
    expect(one.toolEvents.map((event) => event['toolId'])).toEqual(['early', 'member']);
  });

  it('I1: clients that were guarded before keep their rules, are said to, and end with close()', async () => {
    let requests = 0;
    const models = createServer((_request, response) => {
      requests += 1;
      response.end('{}');
    });
    await new Promise<void>((resolve) => models.listen(0, '127.0.0.1', resolve));
    endings.push(async () => {
      models.closeAllConnections();
      await new Promise((resolve) => models.close(resolve));
    });
    const [one, two] = [await service(), await service()];
    one.setRules([{ name: 'Cap', breached: true }]);
    const warn = vi.fn();
    const log = { debug() {}, info() {}, warn, error() {} };
    await configure({ ...one.options, log });
    const baseURL = `http://127.0.0.1:${(models.address() as AddressInfo).port}`;
    const openai = guard(new OpenAI({ apiKey: 'x', baseURL }));
    await ready();
    await configure(two.options);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('configure() came after clients were guarded'), {
      guarded: 1,
    });
    const ask = () => openai.chat.completions.create({ model: 'm', messages: [] });
    await expect(ask()).rejects.toBeInstanceOf(BudgetExceededError);
    expect(requests).toBe(0);
    const polls = one.polls;
    await close();
    expect(polls).toBeGreaterThan(0);
    // Closed, it knows no rules any more: the client goes on, as after any close().
    await ask();
    expect(requests).toBe(1);
  });

  it('takes the Python SDK’s name of the URL, and refuses wrong options without changing anything', async () => {
    const one = await service();
    const { meteringBaseUrl: meteringUrl = '', ...rest } = one.options;
    await configure({ ...rest, meteringUrl });
    const wrong: [unknown, RegExp][] = [
      [{ meteringUrl, meteringBaseUrl: meteringUrl }, /only one of them/],
      [{ apiKey: 'sk-other' }, /apiKey must be a key that begins with hak_ or rev_/],
      [{ meteringUrl: 'nowhere' }, /meteringBaseUrl must be an http or https URL/],
      [undefined, /the options must be an object/],
    ];
    for (const [options, message] of wrong) {
      expect(() => configure(options as object)).toThrow(FusewireError);
      expect(() => configure(options as object)).toThrow(message);
    }
    meter({ ...EVENT, agent: 'still' });
    await flush();
    expect(agents(one)).toEqual(['still']);
  });
});

describe('the names of the core SDKs', () => {
  it('client.recordUsage() is meter() by older names, in either spelling', async () => {
    const one = await service();
    await configure(one.options);
    const id = client.recordUsage({
      model: 'gpt-4o',
      promptTokens: 500,
      completionTokens: 200,
      userId: 'user123',
      sessionId: 'session456',
    });
    client.recordUsage({ model: 'gpt-4o', prompt_tokens: 1, completion_tokens: 2, user_id: 7 } as { model: string });
    client.recordUsage({ model: 'm', provider: 'OPENAI', promptTokens: 9, inputTokenCount: 3, outputTokenCount: 1 });
    client.recordUsage({ model: 'nothing known' });
    expect(await flush()).toBe(true);
    expect(one.events).toMatchObject([
      {
        transactionId: id,
        model: 'gpt-4o',
        provider: 'UNKNOWN',
        inputTokenCount: 500,
        outputTokenCount: 200,
        totalTokenCount: 700,
        subscriber: { id: 'user123' },
        traceId: 'session456',
      },
      { inputTokenCount: 1, outputTokenCount: 2, subscriber: { id: '7' } },
      { provider: 'OPENAI', inputTokenCount: 3 },
      { model: 'nothing known', attributes: { usageState: 'unknown' } },
    ]);
    expect(() => client.recordUsage({} as { model: string })).toThrow(/model is missing/);
    expect(() => client.recordUsage(undefined as unknown as { model: string })).toThrow(/must be an object/);
  });

  it('shutdown() is close(): it delivers, and makes no instance where there is none', async () => {
    const one = await service();
    await configure(one.options);
    meter(EVENT);
    await shutdown();
    expect(one.events).toHaveLength(1);
    await shutdown();
    expect(Reflect.get(globalThis, Symbol.for('fusewire.default'))).toBeUndefined();
  });
});
