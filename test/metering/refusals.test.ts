import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Capabilities } from '../../cache/capabilities.js';
import type { RefuseDecision, TrippedRule } from '../../enforcement/decision.js';
import type { ReportedRefusal } from '../../src/metering/refusal-tally.js';
import { RefusalReporter } from '../../src/metering/refusals.js';
import { Secret } from '../../src/secret.js';
import { fakeRuntime, until } from '../cache/support/fake-runtime.js';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function refusal(rule: Partial<TrippedRule> = {}): RefuseDecision {
  const tripped = { ruleId: 7, ruleName: 'Cap', currentValue: 11, threshold: 10, resetsAt: null, periodType: 'DAILY' };
  return {
    outcome: 'refuse',
    code: 'RULE_TRIPPED',
    message: 'no',
    rule: { ...tripped, action: 'BLOCK', ruleKey: '7', ...rule },
  };
}

async function rig(announced = 'refusals') {
  const bodies: { refusals: ReportedRefusal[] }[] = [];
  const headers: Record<string, unknown>[] = [];
  const next = { status: 202, headers: {} as Record<string, string> };
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    bodies.push(JSON.parse(text) as { refusals: ReportedRefusal[] });
    headers.push({ ...request.headers, url: request.url });
    response.writeHead(next.status, { 'fusewire-capabilities': announced, ...next.headers }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { runtime, clock } = fakeRuntime(Date.parse('2026-11-20T10:00:00Z'));
  const capabilities = new Capabilities(runtime);
  const learn = () => capabilities.learn(url, 200, { 'fusewire-capabilities': announced });
  const reporter = new RefusalReporter({
    runtime,
    endpoint: new URL(url),
    credentials: () => ({ apiKey: new Secret('rev_mk_T_1') }),
    capabilities,
    userAgent: 'fusewire/test',
    timeoutMs: 5_000,
    connectTimeoutMs: 5_000,
    revision: () => 12,
  });
  closers.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
    () => reporter.stop(),
  );
  /** Lets time pass until so many requests have come. */
  const requests = async (count: number) => {
    await until(async () => {
      if (bodies.length < count) await clock.advance(500);
      return bodies.length >= count;
    });
    await until(() => reporter.status().waiting === 0 || next.status >= 400);
  };
  return { reporter, capabilities, bodies, headers, next, clock, learn, requests, url };
}

describe('reports of refused calls', () => {
  it('counts what says the same together, exactly, and sends it after a second', async () => {
    const { reporter, bodies, headers, clock, learn, requests } = await rig();
    learn();
    for (let i = 0; i < 10_000; i += 1)
      reporter.note(refusal(), { subscriberId: 'u-1', model: 'o3', provider: 'OPENAI' });
    for (let i = 0; i < 3; i += 1)
      reporter.note(refusal({ groupValue: 'u-2' }), { subscriberEmail: 'lee@example.org' });
    await clock.advance(999);
    expect(bodies).toEqual([]);
    await requests(1);
    expect(headers[0]).toMatchObject({
      url: '/meter/v2/fusewire/refusals',
      'x-api-key': 'rev_mk_T_1',
      'content-type': 'application/json',
    });
    const at = '2026-11-20T10:00:00.000Z';
    const common = { id: expect.any(String), ruleId: 7, key: '7', at, code: 'RULE_TRIPPED', revision: 12 };
    expect(bodies[0]!.refusals).toEqual([
      {
        ...common,
        count: 10_000,
        subscriberId: 'u-1',
        model: 'o3',
        provider: 'OPENAI',
        currentValue: 11,
        threshold: 10,
      },
      { ...common, count: 3, groupValue: 'u-2', subscriberEmail: 'lee@example.org', currentValue: 11, threshold: 10 },
    ]);
    expect(reporter.status()).toEqual({ reported: 10_003, waiting: 0, unreported: 0, lost: 0 });
  });

  it('sends nothing to a host that does not announce it, and nothing before that is known', async () => {
    const { reporter, capabilities, bodies, clock, url } = await rig('feed-revision');
    reporter.note(refusal(), {});
    await clock.advance(60_000);
    expect(reporter.status()).toMatchObject({ waiting: 1 });
    capabilities.learn(url, 201, {});
    await clock.advance(10_000);
    reporter.note(refusal(), {});
    expect(await reporter.flush(1_000)).toBe(true);
    expect(bodies).toEqual([]);
    expect(reporter.status()).toEqual({ reported: 0, waiting: 0, unreported: 2, lost: 0 });
  });

  it('leaves out what no rule of the service is the reason for', async () => {
    const { reporter, bodies, learn } = await rig();
    learn();
    reporter.note({ outcome: 'refuse', code: 'UNINITIALIZED', message: 'no', rule: null }, {});
    reporter.note(refusal({ ruleId: 'a-text' }), {});
    expect(await reporter.flush(1_000)).toBe(true);
    expect(bodies).toEqual([]);
    expect(reporter.status().unreported).toBe(2);
  });

  it('tries again under the same ids; what is refused meanwhile comes under new ones', async () => {
    const { reporter, bodies, next, learn, requests } = await rig();
    learn();
    next.status = 503;
    reporter.note(refusal(), {});
    await requests(1);
    reporter.note(refusal(), {});
    await requests(2);
    next.status = 202;
    await requests(4);
    const ids = bodies.map(({ refusals }) => refusals.map(({ id, count }) => `${id} ${count}`).join());
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).toBe(ids[0]);
    expect(ids[3]).not.toBe(ids[0]);
    expect(reporter.status()).toEqual({ reported: 2, waiting: 0, unreported: 0, lost: 0 });
  });

  it('I10: many different ones are bounded, counted by rule from then on, and their number stays exact', async () => {
    const { reporter, bodies, learn } = await rig();
    learn();
    for (let i = 0; i < 5_000; i += 1) reporter.note(refusal(), { subscriberId: `u-${i}` });
    expect(await reporter.flush(5_000)).toBe(true);
    const reports = bodies.flatMap(({ refusals }) => refusals);
    expect(reports).toHaveLength(1_001);
    expect(reports.reduce((sum, { count }) => sum + count, 0)).toBe(5_000);
    expect(reports.at(-1)).toMatchObject({ ruleId: 7, count: 4_000 });
    expect(reports.at(-1)).not.toHaveProperty('subscriberId');
    for (const { refusals } of bodies) expect(refusals.length).toBeLessThanOrEqual(500);
    expect(reporter.status()).toMatchObject({ reported: 5_000, lost: 0 });
  });

  it('I10: with no room left by rule either, they are counted as lost', async () => {
    const { reporter } = await rig();
    for (let i = 0; i < 3_000; i += 1) reporter.note(refusal({ ruleId: i, ruleKey: String(i) }), {});
    expect(reporter.status()).toEqual({ reported: 0, waiting: 2_000, unreported: 0, lost: 1_000 });
  });

  it('gives up what the service refuses, and goes on; 404 ends it for ten minutes', async () => {
    const { reporter, bodies, next, learn, clock } = await rig();
    learn();
    next.status = 400;
    reporter.note(refusal(), {});
    expect(await reporter.flush(1_000)).toBe(true);
    expect(reporter.status()).toMatchObject({ lost: 1, reported: 0 });
    next.status = 404;
    reporter.note(refusal(), {});
    expect(await reporter.flush(1_000)).toBe(true);
    reporter.note(refusal(), {});
    expect(await reporter.flush(1_000)).toBe(true);
    expect(bodies).toHaveLength(2);
    expect(reporter.status()).toMatchObject({ unreported: 2 });
    next.status = 202;
    await clock.advance(10 * 60_000);
    reporter.note(refusal(), {});
    expect(await reporter.flush(1_000)).toBe(true);
    expect(reporter.status()).toMatchObject({ reported: 1 });
  });

  it('413 halves what goes into one request', async () => {
    const { reporter, bodies, next, learn } = await rig();
    learn();
    for (let i = 0; i < 10; i += 1) reporter.note(refusal(), { subscriberId: `u-${i}` });
    next.status = 413;
    // Down to one at a time, each of which is refused for good.
    expect(await reporter.flush(5_000)).toBe(true);
    expect(bodies[0]!.refusals).toHaveLength(10);
    expect(bodies.at(-1)!.refusals).toHaveLength(1);
    expect(reporter.status()).toMatchObject({ lost: 10, reported: 0 });
  });

  it('does not hold up the end: a flush ends at its time limit', async () => {
    const { reporter, next, learn } = await rig();
    learn();
    next.status = 503;
    reporter.note(refusal(), {});
    expect(await reporter.flush(1_000)).toBe(false);
    expect(reporter.status().waiting).toBe(1);
  });
});
