// A ledger that does not take an event of the gateway: what operators see, what they do, and what budgets say meanwhile.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime } from 'fusewire/internal';
import { expect, it } from 'vitest';
import { openSqliteStore } from '../../../../service/store/sqlite/open-sqlite-store.js';
import type { IncomingItem, ItemOutcome, Store } from '../../../../service/store/store.js';
import { until } from '../../../helpers/until.js';
import { runInProcess } from '../../cli/in-process.js';
import { heldIn, makeHard } from '../money/hard-support.js';
import { nano } from '../money/money-support.js';
import { OLLAMA_FEES, OLLAMA_NANO_USD, openWhole, type Payer, type Whole } from './whole.js';

/** Clock and store of a service that a test holds in its hand. */
function hands() {
  const state = { skippedMs: 0, refuses: false };
  const runtime = createRuntime(
    { now: () => Date.now() + state.skippedMs, monotonicNow: () => performance.now() + state.skippedMs },
    'CRITICAL',
  );
  const openStore = async ({ file }: { readonly file: string }): Promise<Store> => {
    const store = await openSqliteStore({ file, runtime, inProcess: true });
    const record = async (teamId: string, items: readonly IncomingItem[]): Promise<readonly ItemOutcome[]> =>
      state.refuses
        ? items.map(() => ({ state: 'failed', error: new Error('value out of range') }))
        : store.record(teamId, items);
    return { ...store, record };
  };
  return { state, runtime, openStore };
}

const healthOf = async ({ url }: Whole) => (await fetch(`${url}/health`)).json() as Promise<Record<string, unknown>>;
const metricOf = async ({ service }: Whole) => {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  return /^fusewire_gateway_dead_letters (\d+)$/m.exec(text)?.[1];
};
const send = async ({ url }: Whole, { key }: Payer) => {
  const body = JSON.stringify({ model: 'llama3.2', messages: [{ role: 'user', content: 'say:3' }], stream: false });
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const answer = await fetch(`${url}/api/chat`, { method: 'POST', headers, body });
  await answer.arrayBuffer();
  return answer;
};

it('is told by metrics, health, doctor and the command, counts until it is replayed, and takes the place of its charge', {
  timeout: 120_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-letters-'));
  const dataDir = join(folder, 'fusewire-data');
  const { state, runtime, openStore } = hands();
  const whole = await openWhole({ service: { runtime, openStore, dataDir }, config: { holdTtlSeconds: 10 } });
  const run = (...args: string[]) => runInProcess(args, { workingDir: folder });
  try {
    await whole.price({ model: 'llama3.2', provider: 'OLLAMA', ...OLLAMA_FEES });
    const polled = await whole.payer({ budget: '0.006' });
    const payer = await whole.payer();
    const hard = await makeHard(whole, payer, { hardLimit: '0.03', windowType: 'LIFETIME' });
    expect(await healthOf(whole)).toMatchObject({ status: 'healthy' });
    expect(await metricOf(whole)).toBe('0');
    state.refuses = true;
    expect((await send(whole, polled)).status).toBe(200);
    expect((await send(whole, payer)).status).toBe(200);
    const isAside = async () => {
      state.skippedMs += 600_000;
      return (await metricOf(whole)) === '2';
    };
    await until(isAside, 'both put aside', 60_000);
    expect(await healthOf(whole)).toMatchObject({
      status: 'degraded',
      checks: { metering: { result: 'ok' }, recording: { result: 'dead letters' } },
    });
    const listed = await run('dead-letters', 'list');
    expect([listed.code, listed.out]).toEqual([0, expect.stringContaining('value out of range')]);
    expect(listed.err).toContain('gateway-outbox');
    const doctor = JSON.parse((await run('doctor', '--json')).out);
    expect(doctor.checks.find(({ name }: { name: string }) => name === 'dead letters')).toMatchObject({
      ...{ state: 'failed', advice: 'fusewire dead-letters replay' },
      detail: expect.stringMatching(/^2 usage events are in the dead letters of .*gateway-outbox/),
    });
    const again = await run('dead-letters', 'replay');
    expect([again.code, again.out]).toEqual([3, expect.stringContaining('0 recorded, 0 recorded before, 2 refused')]);
    expect(again.err).toContain('value out of range');
    // The hard budget has it as a charge, wherever it is asked; the polled one counts it in this gateway.
    await until(async () => (await heldIn(whole)) === 0n, 'the hold has expired', 30_000);
    const standing = async () => {
      const { controls } = await whole.store.explain(whole.teamId, { subscriberId: payer.id });
      const { spend, charged } = controls.find(({ controlId }) => controlId === hard.id)!;
      return [nano(spend), nano(charged ?? '0')];
    };
    const [spend, charged] = await standing();
    expect(spend).toBeGreaterThanOrEqual(OLLAMA_NANO_USD);
    expect(charged).toBe(spend);
    state.refuses = false;
    expect((await send(whole, polled)).status).toBe(200);
    expect((await send(whole, polled)).status).toBe(402);
    const replayed = await run('dead-letters', 'replay');
    expect([replayed.code, replayed.out]).toEqual([0, expect.stringContaining('2 recorded, 0 recorded before, 0 ref')]);
    const [after, left] = await standing();
    expect(after! - left!).toBe(OLLAMA_NANO_USD);
    expect(left).toBe(charged! - OLLAMA_NANO_USD);
    await until(async () => (await metricOf(whole)) === '0', 'the gateway sees it', 30_000);
    expect(await healthOf(whole)).toMatchObject({ status: 'healthy' });
    expect((await run('dead-letters', 'list')).out).toContain('everything was recorded');
    expect(await whole.events(polled)).toHaveLength(2);
    expect((await send(whole, polled)).status).toBe(402);
    expect((await whole.store.verifyBalances()).wrong).toEqual([]);
  } finally {
    state.refuses = false;
    await whole.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
