import { createRuntime } from 'fusewire/internal';
import { afterEach, expect, it } from 'vitest';
import { sendJson } from '../../../service/http/send-json.js';
import { type RunningService, startService } from '../../../service/index.js';
import { runCli } from '../../helpers/run-cli.js';
import { until } from '../../helpers/until.js';
import { tempFolder } from '../store-support.js';
import { signedWith, startReceiver } from './receiver.js';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A service with a clock that can be set forward. */
async function start(): Promise<{ service: RunningService; clock: { aheadMs: number } }> {
  const clock = { aheadMs: 0 };
  const runtime = createRuntime({ now: () => Date.now() + clock.aheadMs }, 'CRITICAL');
  const service = await startService({ runtime });
  closers.push(() => service.close());
  return { service, clock };
}

async function ask(service: RunningService, method: string, path: string, body?: unknown) {
  const headers = { 'x-api-key': service.keys.write };
  const answer = await sendJson({ method, url: `${service.url}${path}`, headers, body });
  expect(answer.status, `${method} ${path}: ${answer.body}`).toBeLessThan(300);
  return answer.body === '' ? undefined : JSON.parse(answer.body);
}

it('a service tells a webhook of a trip by itself, also after a restart, with the same secret', async () => {
  const folder = tempFolder();
  closers.push(async () => folder.remove());
  const receiver = await startReceiver();
  closers.push(() => receiver.close());
  let service = await startService({ dataDir: folder.path });
  closers.push(() => service.close());
  const { id, secret } = await ask(service, 'POST', '/v2/api/fusewire/webhooks', { name: 'pager', url: receiver.url });
  await ask(service, 'POST', '/v2/api/ai/cost-controls', {
    ...{ teamId: service.team.id, name: 'Cap', metricType: 'TOTAL_COST', windowType: 'DAILY', hardLimit: 1 },
    ...{ groupBy: 'AGENT', notificationChannelIds: [id] },
  });
  const spend = (transactionId: string) =>
    ask(service, 'POST', '/meter/v2/ai/completions', {
      ...{ transactionId, model: 'm', provider: 'P', costType: 'AI', operationType: 'CHAT', stopReason: 'END' },
      ...{ isStreamed: false, inputTokenCount: 1, outputTokenCount: 1, totalTokenCount: 2, totalCost: 2 },
      ...{ requestTime: new Date().toISOString(), responseTime: new Date().toISOString(), requestDuration: 1 },
      ...{ completionStartTime: new Date().toISOString(), agent: transactionId },
    });
  await spend('tx-1');
  await until(() => receiver.received.length === 1, 'the alert');
  await service.close();
  service = await startService({ dataDir: folder.path });
  await spend('tx-2');
  await until(() => receiver.received.length === 2, 'the alert after the restart');
  expect(receiver.received.map(({ body }) => [body.type, body.data['transactionId']])).toEqual([
    ['costControl.tripped', 'tx-1'],
    ['costControl.tripped', 'tx-2'],
  ]);
  for (const one of receiver.received) expect(signedWith(one, secret)).toEqual([0]);
});

it('fusewire bypass: on, status, off; it ends by itself', { timeout: 180_000 }, async () => {
  const { service, clock } = await start();
  const env = { REVENIUM_METERING_BASE_URL: service.url, REVENIUM_WRITE_API_KEY: service.keys.write };
  const run = (...args: string[]) => runCli('/', ['bypass', ...args], env);
  const wrong = await run('on', '--reason', 'x', '--for', '2 hours');
  expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('--for takes')]);
  expect((await run('on', '--for', '1h')).code).toBe(2);
  const on = await run('on', '--for', '1h30m', '--reason', 'the provider bills twice', '--json');
  expect(on.code).toBe(0);
  const { active, until: untilText, reason } = JSON.parse(on.out);
  expect([active, reason]).toEqual([true, 'the provider bills twice']);
  expect(Math.abs(Date.parse(untilText) - Date.now() - 90 * 60_000)).toBeLessThan(60_000);
  const status = await run('status');
  expect([status.code, status.out]).toEqual([
    0,
    expect.stringMatching(/the bypass is ON until .*: the provider bills twice/),
  ]);
  const revision = async () => (await service.store.feed(service.team.id)).revision;
  const before = await revision();
  clock.aheadMs = 91 * 60_000;
  await until(async () => (await revision()) > before, 'the bypass ends by timer', 30_000);
  const off = await run('off');
  expect([off.code, off.out.trim()]).toEqual([0, 'the bypass is off']);
});
