import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { FusewireOptions } from '../../src/config.js';
import { createFusewire, type Fusewire } from '../../src/instance.js';
import { type FakeService, startFakeService } from '../../src/testing/fake-service.js';
import { until } from '../cache/support/fake-runtime.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function open(options: FusewireOptions = {}) {
  const service = await startFakeService();
  closers.push(() => service.close());
  const make = () => {
    const lines: string[] = [];
    const take = (line: string) => void lines.push(line);
    const log = { debug: () => undefined, info: take, warn: take, error: take };
    const fusewire = createFusewire({ ...service.options, log, ...options });
    closers.push(() => fusewire.close());
    return { fusewire, lines };
  };
  return { service, make, ...make() };
}

const CALL = { model: 'gpt-4o-mini', provider: 'OPENAI' };
const EVENT = { ...CALL, inputTokenCount: 4, outputTokenCount: 2 };
const who = (id: string) => ({ subscriber: { id } });

function isRefused(fusewire: Fusewire, id = 'u-1'): boolean {
  try {
    fusewire.checkEnforcement(who(id), CALL);
    return false;
  } catch (error) {
    if (!BudgetExceededError.is(error)) throw error;
    return true;
  }
}

const batchesOf = (service: FakeService) => service.requests.filter(({ path }) => path === '/meter/v2/batch');

describe('an instance and a service that announces its extensions', () => {
  it('meters in batches, is told of a trip within moments, and reports what it refused', async () => {
    const { service, fusewire } = await open();
    service.setRules([{ name: 'Cap', breached: false }]);
    expect(await fusewire.ready()).toBe(true);
    await until(() => service.requests.some(({ path }) => path.includes('wait=')));
    expect(fusewire.status().capabilities).toEqual([
      'feed-wait',
      'feed-delta',
      'feed-whole',
      'ingest-batch',
      'refusals',
      'holds',
    ]);
    for (let i = 0; i < 40; i += 1) fusewire.meter(EVENT);
    expect(await fusewire.flush()).toBe(true);
    expect(service.events).toHaveLength(40);
    expect(batchesOf(service)).toHaveLength(1);
    expect(fusewire.status().delivery).toMatchObject({ delivered: 40, failed: 0, batches: 1 });

    service.setRules([{ name: 'Cap', breached: true }]);
    await until(() => isRefused(fusewire));
    const { refused } = fusewire.status().calls;
    for (let i = 0; i < 99; i += 1) isRefused(fusewire, i % 3 === 0 ? 'u-2' : 'u-1');
    expect(await fusewire.flush()).toBe(true);
    expect(fusewire.status().refusals).toEqual({ reported: refused + 99, waiting: 0, unreported: 0, lost: 0 });
    expect(service.refusals.map(({ subscriberId, count }) => [subscriberId, count])).toEqual([
      ['u-1', refused + 66],
      ['u-2', 33],
    ]);
    expect(service.refusals[0]).toMatchObject({ ruleId: 1, key: '1', code: 'RULE_TRIPPED', ...CALL, revision: 3 });
    // A refused call is not metered.
    expect(service.events).toHaveLength(40);
  });

  it('close() reports what is left', async () => {
    const { service, fusewire } = await open();
    service.setRules([{ name: 'Cap', breached: true }]);
    await fusewire.ready();
    expect(isRefused(fusewire)).toBe(true);
    await fusewire.close();
    expect(service.refusals).toHaveLength(1);
  });

  it("an operators' bypass lets calls pass, marks what is metered, and ends by itself", async () => {
    const { service, fusewire, lines } = await open();
    service.setRules([{ name: 'Cap', breached: true }]);
    await fusewire.ready();
    expect(isRefused(fusewire)).toBe(true);
    const untilMs = Date.now() + 4_000;
    service.setBypass({ until: new Date(untilMs).toISOString(), reason: 'incident 12', by: 'ops' });
    await until(() => !isRefused(fusewire));
    expect(fusewire.status()).toMatchObject({
      bypass: true,
      enforcement: { bypass: { reason: 'incident 12', by: 'ops' } },
    });
    fusewire.meter(EVENT);
    await until(() => fusewire.status().bypass === false, 20_000);
    expect(Date.now()).toBeGreaterThanOrEqual(untilMs);
    expect(isRefused(fusewire)).toBe(true);
    fusewire.meter(EVENT);
    await fusewire.flush();
    expect(service.events.map((event) => (event['attributes'] as Record<string, unknown>)['bypass'])).toEqual([
      true,
      undefined,
    ]);
    expect(lines.filter((line) => line.includes('bypass'))).toHaveLength(2);
  });

  it('a bypass that the mirror carries holds from the very first call', async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'fusewire-bypass-'));
    closers.push(async () => rmSync(cacheDir, { recursive: true, force: true }));
    const { service, fusewire, make } = await open({ cacheDir });
    service.setRules([{ name: 'Cap', breached: true }]);
    service.setBypass({ until: new Date(Date.now() + 60_000).toISOString() });
    await fusewire.ready();
    await until(() => fusewire.status().bypass && (fusewire.status().enforcement?.counters.mirrorWrites ?? 0) > 1);
    await fusewire.close();
    service.fail(503);
    const next = make();
    expect(isRefused(next.fusewire)).toBe(false);
    expect(next.fusewire.status().bypass).toBe(true);
  });

  it('sends a service that announces nothing exactly what the contract says', async () => {
    const { service, fusewire } = await open();
    service.setCapabilities([]);
    service.setRules([{ name: 'Cap', breached: true }]);
    await fusewire.ready();
    for (let i = 0; i < 30; i += 1) fusewire.meter(EVENT);
    expect(isRefused(fusewire)).toBe(true);
    expect(await fusewire.flush()).toBe(true);
    expect(service.events).toHaveLength(30);
    expect(new Set(service.requests.map(({ path }) => path))).toEqual(
      new Set([`/v2/api/ai/enforcement-rules/${service.teamId}`, '/meter/v2/ai/completions']),
    );
    for (const { headers } of service.requests) expect(Object.keys(headers).join()).not.toMatch(/fusewire-/);
    expect(fusewire.status().refusals).toEqual({ reported: 0, waiting: 0, unreported: 1, lost: 0 });
  });
});
