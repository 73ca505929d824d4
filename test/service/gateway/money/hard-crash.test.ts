// Gateways under a hard budget, killed under load: never above the limit, nothing held for good, and what is left is spent.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openSqliteStore } from '../../../../service/store/sqlite/open-sqlite-store.js';
import { childArguments } from '../../../helpers/child-arguments.js';
import { until } from '../../../helpers/until.js';
import { quietRuntime } from '../books/books-support.js';
import { startStandInUpstream } from '../support/stand-in-upstream.js';
import { OLLAMA_FEES, OLLAMA_NANO_USD, upstreamVariables } from '../whole/whole.js';
import { hardFields, untilNothingHeld } from './hard-support.js';
import { allEvents, ask, type Got, nano, openAgent, posted, refusalOf } from './money-support.js';

const CHILD = fileURLToPath(new URL('./money-child.ts', import.meta.url));
const ROUNDS = 3;
const WORKERS = 8;
/** For two hundred calls. */
const LIMIT = '0.6';
const BODY = { model: 'llama3.2', messages: [{ role: 'user', content: 'say:3' }], stream: false };

interface Child {
  readonly process: ChildProcess;
  readonly url: string;
  readonly gatewayUrl: string;
  readonly teamId: string;
  readonly key: string;
}

async function start(folder: string, variables: object): Promise<Child> {
  const args = [...childArguments(CHILD), folder, JSON.stringify(variables)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) return { process: child, ...JSON.parse(line) };
  throw new Error('the service did not start');
}

async function stop({ process: child }: Child, how: 'SIGKILL' | 'end'): Promise<void> {
  const gone = once(child, 'exit');
  if (how === 'end') child.stdin?.end();
  else child.kill('SIGKILL');
  await gone;
}

test('spend and charges stay within the limit, and nothing stays held', { timeout: 200_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-hard-crash-'));
  const config = join(folder, 'gateway.json');
  writeFileSync(config, JSON.stringify({ holdTtlSeconds: 10, limits: { keyRatePerSecond: 0, keyConcurrencyMax: 0 } }));
  const standIn = await startStandInUpstream();
  const variables = { ...upstreamVariables(standIn), FUSEWIRE_GATEWAY_CONFIG: config };
  let agent = openAgent();
  let child = await start(folder, variables);
  const made = async (path: string, json: object) => {
    const headers = { 'x-api-key': child.key, 'content-type': 'application/json' };
    const answer = await fetch(`${child.url}${path}`, { method: 'POST', headers, body: JSON.stringify(json) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as { id: string; key: string };
  };
  let isOver = false;
  try {
    await made('/v2/api/fusewire/prices', { kind: 'rates', model: 'llama3.2', provider: 'OLLAMA', ...OLLAMA_FEES });
    const { id } = await made('/v2/api/customers', { name: 'Payer', email: 'payer@example.com' });
    const { key } = await made(`/v2/api/customers/${id}/keys`, {});
    await made('/v2/api/ai/cost-controls', { ...hardFields({ id }, { hardLimit: LIMIT }), teamId: child.teamId });
    const send = (): Promise<Got | undefined> =>
      ask(agent, child.gatewayUrl, { path: '/api/chat', key, body: BODY }).catch(() => undefined);
    for (let round = 0; round < ROUNDS; round += 1) {
      isOver = false;
      let answered = 0;
      const work = Array.from({ length: WORKERS }, async () => {
        while (!isOver) {
          if ((await send())?.status === 200) answered += 1;
          else await new Promise((go) => setTimeout(go, 5));
        }
      });
      await until(() => answered > 10, 'answers before the kill', 60_000);
      await stop(child, 'SIGKILL');
      isOver = true;
      await Promise.all(work);
      agent.destroy();
      agent = openAgent();
      child = await start(folder, variables);
    }
    // What the dead ones held comes back or is charged, and what is left can be spent to the end.
    let last: Got | undefined;
    await until(
      async () => {
        last = await send();
        if (last?.status !== 402) return false;
        const { spend, held } = refusalOf(last);
        return nano(held!) === 0n && nano(spend!) + OLLAMA_NANO_USD > nano(LIMIT);
      },
      'the whole budget used, and nothing held',
      60_000,
    );
    expect(nano(refusalOf(last!)['spend']!)).toBeLessThanOrEqual(nano(LIMIT));
    const { teamId } = child;
    await stop(child, 'end');
    const store = await openSqliteStore({ file: `${folder}/fusewire.db`, runtime: quietRuntime(), inProcess: true });
    try {
      const whole = { store, teamId };
      const events = await allEvents(whole, { id });
      // All that was sent is in the ledger, once, and within the limit; and what was noted and died before it was sent.
      expect(events.length).toBeGreaterThanOrEqual(posted({ standIn }));
      expect(events.length).toBeLessThanOrEqual(posted({ standIn }) + ROUNDS * WORKERS);
      expect(new Set(events.map(({ transactionId }) => transactionId)).size).toBe(events.length);
      const spent = events.reduce((sum, { amountNanoUsd }) => sum + amountNanoUsd, 0n);
      expect(spent).toBeLessThanOrEqual(nano(LIMIT));
      await untilNothingHeld(whole);
      expect((await store.verifyBalances()).wrong).toEqual([]);
    } finally {
      await store.close();
    }
  } finally {
    isOver = true;
    agent.destroy();
    if (child.process.exitCode === null && child.process.signalCode === null) await stop(child, 'SIGKILL');
    await standIn.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
