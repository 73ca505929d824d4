import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createRuntime } from 'fusewire/internal';
import { afterEach, expect, test } from 'vitest';
import { createAlertSender } from '../../../service/alerts/alert-sender.js';
import { createSecretSealer } from '../../../service/alerts/secrets.js';
import { createTargetGuard } from '../../../service/alerts/targets.js';
import { ALERT_TYPES } from '../../../service/ledger/webhooks.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import { childArguments } from '../../helpers/child-arguments.js';
import { until } from '../../helpers/until.js';
import { control, tempFolder } from '../store-support.js';
import { startReceiver } from './receiver.js';

const CHILD = fileURLToPath(new URL('./sender-child.ts', import.meta.url));
const ROUNDS = 4;
const folder = tempFolder();
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  folder.remove();
});

test(`an alert outlives kill -9 between its commit and its delivery, ${ROUNDS} times over, and repeats bear its id`, {
  timeout: 120_000,
}, async () => {
  const file = join(folder.path, 'fusewire.db');
  const runtime = createRuntime({}, 'CRITICAL');
  const open = () => openSqliteStore({ file, runtime });
  const receiver = await startReceiver();
  const sealer = createSecretSealer(Buffer.alloc(32, 7));
  let store = await open();
  const { id: teamId } = await store.createTeam('t');
  const { secret: _secret, ...sealed } = sealer.mint(teamId);
  const input = { name: 'hook', url: receiver.url, events: ALERT_TYPES, enabled: true };
  const hook = await store.createWebhook(teamId, input, sealed, { id: 'test' });
  await store.createControl(teamId, control({ groupBy: 'AGENT', hardLimit: '1', notificationChannelIds: [hook!.id] }));
  await store.close();
  const acknowledged: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    // Half of the rounds end with a delivery that is never answered.
    receiver.answer = round % 2 === 0 ? 204 : 'hang';
    const child = spawn(process.execPath, [...childArguments(CHILD), file, teamId, String(round)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    let seen = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged.push(line);
      seen += 1;
      if (seen === 60 + round * 17) child.kill('SIGKILL');
    }
    expect(seen).toBeGreaterThanOrEqual(60 + round * 17);
  }
  receiver.answer = 204;
  store = await open();
  const guard = createTargetGuard('loopback');
  const sender = createAlertSender({ store, runtime, log: runtime.log, sealer, guard, limitMs: 1_000 });
  sender.start();
  const told = () => new Set(receiver.received.map(({ body }) => body.data['groupValue']));
  await until(() => acknowledged.every((one) => told().has(one)), 'every acknowledged trip is told', 60_000);
  const waiting = async () =>
    (await store.listDeliveries(teamId, hook!.id, { page: 0, size: 5_000 })).items.filter(
      ({ state }) => state === 'waiting',
    );
  await until(async () => (await waiting()).length === 0, 'nothing waits', 20_000);
  await sender.stop();
  const { items } = await store.listEnforcementEvents(teamId, { page: 0, size: 5_000 });
  const bodies = new Map<string, Set<string>>();
  for (const { body, text } of receiver.received) bodies.set(body.id, (bodies.get(body.id) ?? new Set()).add(text));
  expect(new Set(bodies.keys())).toEqual(new Set(items.filter(({ kind }) => kind === 'trip').map(({ id }) => id)));
  expect([...bodies.values()].filter((texts) => texts.size !== 1)).toEqual([]);
  await store.close();
  await receiver.close();
});
