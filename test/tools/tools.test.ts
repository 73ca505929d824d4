import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { reveniumMetadata } from '../../src/attribution/revenium-metadata.js';
import type { FusewireOptions } from '../../src/config.js';
import { withUsageMetadata } from '../../src/metadata/scope.js';
import { withTraceContext } from '../../src/metadata/trace-context.js';
import { createFakeClock, createTestFusewire, type FakeService, startFakeService } from '../../src/testing.js';

const START = Date.UTC(2026, 10, 20, 9, 15);
const TOOL = { toolId: 'crm-lookup', operation: 'execute', success: true, timestamp: '2026-11-20T09:15:00.000Z' };

const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

/** An instance whose time a test moves, and the tool events that the service got from it. */
async function world(options: FusewireOptions = {}, env: Record<string, string> = {}) {
  const service: FakeService = await startFakeService();
  const clock = createFakeClock(START);
  const logged: string[] = [];
  const note = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const log = { debug() {}, info() {}, warn: note, error: note };
  const time = { now: clock.now, monotonicNow: clock.monotonicNow };
  const fusewire = createTestFusewire({ ...time, env }, { ...service.options, log, ...options });
  endings.push(async () => {
    await fusewire.close();
    await service.close();
  });
  const events = async () => {
    expect(await fusewire.flush()).toBe(true);
    return service.toolEvents;
  };
  return { fusewire, service, clock, logged, events };
}

describe('meterTool()', () => {
  it('meters a synchronous tool: its time, its success, and its result untouched', async () => {
    const { fusewire, clock, events, service } = await world();
    const found = { id: 'u-88' };
    const lookUp = fusewire.meterTool('crm-lookup', function lookUp(this: unknown, _id: string) {
      void clock.advance(84);
      return found;
    });
    expect([lookUp.name, lookUp.length]).toEqual(['lookUp', 1]);
    expect(lookUp.call(undefined, 'u-88')).toBe(found);
    const [event] = await events();
    expect(event).toEqual({
      ...TOOL,
      transactionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      durationMs: 84,
      middlewareSource: expect.stringMatching(/^fusewire-node@/),
    });
    expect(service.requests.filter(({ path }) => path === '/meter/v2/tool/events')).toHaveLength(1);
    expect(service.events).toEqual([]);
  });

  it('meters an async tool over all that it awaits', async () => {
    const { fusewire, clock, events } = await world();
    const lookUp = fusewire.meterTool('crm-lookup', { operation: 'lookup' })(async (id: string) => {
      await clock.advance(20);
      await clock.advance(30);
      return { id };
    });
    expect(await lookUp('u')).toEqual({ id: 'u' });
    expect(await events()).toMatchObject([{ ...TOOL, operation: 'lookup', durationMs: 50 }]);
  });

  it('passes the very error on, after it noted it, with our own and others’ keys masked', async () => {
    const { fusewire, clock, events } = await world();
    const error = new Error(`no answer for sk-live-0123456789 ${'x'.repeat(600)}`);
    const sync = fusewire.meterTool('sync', () => {
      void clock.advance(7);
      throw error;
    });
    expect(() => sync()).toThrow(error);
    await expect(fusewire.meterTool('async', async () => Promise.reject(error))()).rejects.toBe(error);
    const odd = Object.create(null) as object;
    await expect(fusewire.meterTool('odd', async () => Promise.reject(odd))()).rejects.toBe(odd);
    const [first, second, third] = await events();
    expect(first).toMatchObject({ toolId: 'sync', success: false, durationMs: 7 });
    expect(first?.['errorMessage']).toMatch(/^no answer for sk-\*\*\* x+$/);
    expect(String(first?.['errorMessage'])).toHaveLength(500);
    expect(second).toMatchObject({ toolId: 'async', success: false });
    expect(third).toMatchObject({ toolId: 'odd', success: false, errorMessage: 'an error without a text' });
  });

  it('keeps what options say of the result: fields of it, a function of it, a cost', async () => {
    const { fusewire, events } = await world();
    const options = {
      outputFields: ['records', 'pages', 'missing'],
      usageMetadata: (result: { records: number }) => ({ pages: 'few', doubled: 2 * result.records }),
      costUsd: (result: { records: number }) => result.records * 0.01,
    };
    await fusewire.meterTool('search', async () => ({ records: 3, pages: 1 }), options)();
    fusewire.meterTool('fixed', () => 'text', { costUsd: 0, usageMetadata: { tier: 'free' }, outputFields: ['a'] })();
    const failing = fusewire.meterTool('failed', { costUsd: 0.5, usageMetadata: { tier: 'paid' } })(() => {
      throw new Error('no');
    });
    expect(failing).toThrow('no');
    fusewire.meterTool('plain', () => 1)();
    const [search, fixed, failed, plain] = await events();
    expect(search).toMatchObject({ costUsd: 0.03, usageMetadata: { records: 3, pages: 'few', doubled: 6 } });
    expect(fixed).toMatchObject({ costUsd: 0, usageMetadata: { tier: 'free' } });
    expect(failed).toMatchObject({ costUsd: 0.5, usageMetadata: { tier: 'paid' }, success: false });
    // Unknown is not zero (I5).
    expect(plain).not.toHaveProperty('costUsd');
    expect(plain).not.toHaveProperty('usageMetadata');
  });

  it('I2: functions of the options that throw, or give no amount, cost their part and one warning', async () => {
    const { fusewire, events, logged } = await world();
    const throwing = () => {
      throw new Error('mine');
    };
    const bad = fusewire.meterTool('bad', () => 'result', { usageMetadata: throwing, costUsd: throwing });
    expect([bad(), bad()]).toEqual(['result', 'result']);
    expect(fusewire.meterTool('negative', () => 'result', { costUsd: () => -1 })()).toBe('result');
    const hostile = Object.defineProperty({}, 'records', { enumerable: true, get: throwing });
    expect(fusewire.meterTool('hostile', () => hostile, { outputFields: ['records'] })()).toBe(hostile);
    const taken = await events();
    expect(taken.map((event) => event['toolId'])).toEqual(['bad', 'bad', 'negative', 'hostile']);
    for (const event of taken) {
      expect(event).toMatchObject({ success: true });
      expect(event).not.toHaveProperty('costUsd');
    }
    const told = logged.filter((line) => line.startsWith('the run of a tool could not be read'));
    expect(told.map((line) => /"toolId":"(\w+)"/.exec(line)?.[1])).toEqual(['bad', 'negative', 'hostile']);
  });

  it('meters a generator when it ends, without the time of its consumer', async () => {
    const { fusewire, clock, events } = await world();
    const count = fusewire.meterTool('count', { usageMetadata: (total: number) => ({ total }) })(function* (
      to: number,
    ): Generator<number, number, undefined> {
      for (let part = 1; part <= to; part += 1) {
        void clock.advance(10);
        yield part;
      }
      return to;
    });
    const seen: number[] = [];
    for (const part of count(3)) {
      void clock.advance(1000);
      seen.push(part);
    }
    expect(seen).toEqual([1, 2, 3]);
    for (const _part of count(9)) break;
    const whole = await events();
    expect(whole).toMatchObject([
      { toolId: 'count', success: true, durationMs: 30, usageMetadata: { total: 3 } },
      { toolId: 'count', success: true, durationMs: 10 },
    ]);
    expect(whole).toHaveLength(2);
  });

  it('meters an async generator once: to its end, left early, failed, and asked ahead', async () => {
    const { fusewire, clock, events } = await world();
    const stream = fusewire.meterTool('stream', async function* (fails: boolean) {
      await clock.advance(5);
      yield 1;
      await clock.advance(5);
      if (fails) throw new Error('cut');
      yield 2;
    });
    const seen: number[] = [];
    for await (const part of stream(false)) seen.push(part);
    for await (const _part of stream(false)) break;
    const failing = async () => {
      for await (const _part of stream(true)) await clock.advance(100);
    };
    await expect(failing()).rejects.toThrow('cut');
    const ahead = stream(false);
    await Promise.all([ahead.next(), ahead.next(), ahead.next(), ahead.next()]);
    expect(seen).toEqual([1, 2]);
    expect(await events()).toMatchObject([
      { success: true, durationMs: 10 },
      { success: true, durationMs: 5 },
      { success: false, durationMs: 10, errorMessage: 'cut' },
      { success: true, durationMs: 10 },
    ]);
  });

  it('hands back the very promise of a subclass, and never runs a thenable by itself', async () => {
    const { fusewire, events } = await world();
    class Answer extends Promise<number> {
      withResponse() {
        return 'response';
      }
    }
    const answer = new Answer((resolve) => setImmediate(() => resolve(7)));
    const handed = fusewire.meterTool('subclass', () => answer)();
    expect(handed).toBe(answer);
    expect(await handed).toBe(7);
    const then = vi.fn();
    const query = { then };
    expect(fusewire.meterTool('query', () => query)()).toBe(query);
    expect(then).not.toHaveBeenCalled();
    await nextTurn();
    expect((await events()).map((event) => event['toolId']).sort()).toEqual(['query', 'subclass']);
  });

  it('a rejection that nobody handles is still reported by Node, once', async () => {
    const { fusewire } = await world();
    const unhandled: unknown[] = [];
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', (reason) => unhandled.push(reason));
    try {
      const error = new Error('nobody cares');
      void fusewire.meterTool('loose', async () => Promise.reject(error))();
      await nextTurn();
      await nextTurn();
      expect(unhandled).toEqual([error]);
    } finally {
      process.removeAllListeners('unhandledRejection');
      for (const listener of others) process.on('unhandledRejection', listener);
    }
  });

  it('takes who and what for from options, then scopes, instance and environment', async () => {
    const { fusewire, events } = await world(
      { usageMetadata: { productName: 'instance', organizationName: 'instance' } },
      { REVENIUM_AGENTIC_JOB_ID: 'job-env' },
    );
    const scope = {
      agent: 'scope',
      workflowId: 'w-1',
      traceId: 'conv-71',
      organizationName: 'scope',
      subscriber: { id: 'u-88', credential: { name: 'svc', value: 'k-live-123' } },
    };
    const run = fusewire.meterTool('scoped', () => 1);
    withUsageMetadata(scope, () => run());
    const options = { agent: 'own', subscriberCredential: 'k-own', traceId: 't-own', agenticJobId: 'job-own' };
    withUsageMetadata(
      scope,
      fusewire.meterTool('own', () => 1, options),
    );
    fusewire.meterTool('named', () => 1, { usageMetadata: { agentic_job_id: 'job-usage' } })();
    const [scoped, own, named] = await events();
    expect(scoped).toMatchObject({
      agent: 'scope',
      workflowId: 'w-1',
      traceId: 'conv-71',
      organizationName: 'scope',
      productName: 'instance',
      agenticJobId: 'job-env',
      subscriberCredential: 'k-live-123',
    });
    expect(scoped).not.toHaveProperty('subscriber');
    expect(own).toMatchObject({ ...options, workflowId: 'w-1' });
    expect(named).toMatchObject({ agenticJobId: 'job-usage', usageMetadata: { agentic_job_id: 'job-usage' } });
  });

  it('is in the trace of whoever called this program', async () => {
    const { fusewire, events } = await world();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    withTraceContext({ traceparent }, () => fusewire.meterTool('traced', () => 1)());
    expect(await events()).toMatchObject([{ traceId: '4bf92f3577b34da6a3ce929d0e0e4736' }]);
  });

  it('stands with other wrappers, on either side of them', async () => {
    const { fusewire, events } = await world();
    const scope = reveniumMetadata({ agent: 'a' });
    const tool = fusewire.meterTool('both');
    const body = function* () {
      yield 1;
    };
    expect([...scope(tool(body))(), ...tool(scope(body))()]).toEqual([1, 1]);
    expect(await events()).toMatchObject([{ agent: 'a' }, { toolId: 'both' }]);
  });

  it('refuses wrong options where the tool is wrapped', async () => {
    const { fusewire } = await world();
    const wrap = fusewire.meterTool as (...args: unknown[]) => unknown;
    const wrong: [unknown[], RegExp][] = [
      [['', () => 1], /toolId must be a text of 1 to 256 characters/],
      [[7, () => 1], /toolId must be a text/],
      [['t', 'lookup'], /the options of meterTool\(\) must be an object/],
      [['t', { operation: '' }], /operation must be a text of 1 to 1000 characters/],
      [['t', { opperation: 'x' }], /opperation is not one of agent, /],
      [['t', { costUsd: -1, agent: 7 }], /costUsd must be a number of 0 or more, or a function; agent must be a text/],
      [['t', { outputFields: 'records' }], /outputFields must be a list of names/],
      [['t', class {}], /was put on a class/],
    ];
    for (const [args, message] of wrong) expect(() => wrap(...args)).toThrow(message);
    expect(() => wrap('t', () => 1, null)).not.toThrow();
  });
});

describe('reportToolCall()', () => {
  it('meters a run that nothing wrapped, at the time at which it ran', async () => {
    const { fusewire, clock, events } = await world();
    await clock.advance(10_000);
    const id = withUsageMetadata({ agent: 'triage' }, () =>
      fusewire.reportToolCall({ toolId: 'crm-lookup', durationMs: 1234.4, usageMetadata: { records: 42 } }),
    );
    expect(await events()).toEqual([
      {
        ...TOOL,
        transactionId: id,
        durationMs: 1234,
        timestamp: new Date(START + 10_000 - 1234.4).toISOString(),
        usageMetadata: { records: 42 },
        agent: 'triage',
        middlewareSource: expect.any(String),
      },
    ]);
  });

  it('takes everything of contract 5.7, the id in front too, and leaves the error out after a success', async () => {
    const { fusewire, events } = await world();
    const call = {
      operation: 'lookup',
      durationMs: 84,
      success: true,
      errorMessage: 'of an earlier try',
      timestamp: new Date(START),
      costUsd: 0.25,
      transactionId: 'mine',
      agent: 'a',
      workflowId: 'w',
      traceId: 't',
      organizationName: 'o',
      productName: 'p',
      subscriberCredential: 'k',
      agenticJobId: 'job-1',
    };
    expect(fusewire.reportToolCall('crm-lookup', call)).toBe('mine');
    fusewire.reportToolCall({ toolId: 'x', durationMs: 1, errorMessage: 'failed' });
    const [first, second] = await events();
    const { errorMessage: _left, ...rest } = call;
    expect(first).toEqual({ ...TOOL, ...rest, timestamp: TOOL.timestamp, middlewareSource: expect.any(String) });
    expect(second).toMatchObject({ success: false, errorMessage: 'failed' });
  });

  it('throws with every problem of a wrong call', async () => {
    const { fusewire, events } = await world();
    const report = fusewire.reportToolCall as (...args: unknown[]) => string;
    const wrong: [unknown, RegExp][] = [
      [undefined, /the call of a tool must be an object/],
      [{}, /toolId is missing; durationMs is missing/],
      [{ toolId: 't', durationMs: Number.NaN }, /durationMs must be a number of milliseconds, 0 or more/],
      [{ toolId: 't', durationMs: 1, timestamp: 'then', success: 'yes' }, /timestamp must be .*success must be/],
      [{ toolId: 't', durationMs: 1, duration: 2 }, /duration is not one of/],
    ];
    for (const [call, message] of wrong) {
      expect(() => report(call)).toThrow(expect.objectContaining({ code: 'INVALID_EVENT' }));
      expect(() => report(call)).toThrow(message);
    }
    expect(await events()).toEqual([]);
  });

  it('I4: a transaction id that comes a second time with another body goes out too, for the service to judge', async () => {
    const { fusewire, service, events } = await world();
    fusewire.reportToolCall({ toolId: 't', durationMs: 1, transactionId: 'same' });
    fusewire.reportToolCall({ toolId: 't', durationMs: 2, transactionId: 'same' });
    expect(await events()).toHaveLength(1);
    const keys = service.requests.map(({ headers }) => headers['idempotency-key']).filter((key) => key !== undefined);
    expect(new Set(keys).size).toBe(keys.length);
    expect(fusewire.status().outbox).toMatchObject({ appended: 2, acknowledged: 2 });
  });

  it('I11: belongs to its instance', async () => {
    const [one, two] = [await world(), await world()];
    one.fusewire.reportToolCall({ toolId: 'one', durationMs: 1 });
    two.fusewire.meterTool('two', () => 1)();
    expect(await one.events()).toMatchObject([{ toolId: 'one' }]);
    expect(await two.events()).toMatchObject([{ toolId: 'two' }]);
  });
});
