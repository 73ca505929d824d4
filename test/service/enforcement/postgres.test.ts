import { createRuntime } from 'fusewire/internal';
import { expect, it } from 'vitest';
import { endBypasses } from '../../../service/admin/bypass-timer.js';
import { ALERT_TYPES } from '../../../service/ledger/webhooks.js';
import { openPostgresStore } from '../../../service/store/postgres/open-postgres-store.js';
import { alertContract } from '../alerts/alert-contract.js';
import { usePostgres } from '../postgres-support.js';
import { control, event } from '../store-support.js';
import { enforcementContract, refusal } from './enforcement-contract.js';

const server = usePostgres();
const databases = new Map<string, Promise<string>>();

const open: Parameters<typeof enforcementContract>[1] = async (place, runtime) => {
  const url = databases.get(place) ?? server.createDatabase();
  databases.set(place, url);
  return openPostgresStore({ url: await url, runtime });
};

enforcementContract('on PostgreSQL', open);
alertContract('on PostgreSQL', open);

it('three replicas claim each webhook once, keep each refusal once and end each bypass once', async () => {
  const url = await server.createDatabase();
  const runtime = createRuntime({}, 'CRITICAL');
  const stores = await Promise.all([1, 2, 3].map(() => openPostgresStore({ url, runtime })));
  const [store] = stores;
  const { id: teamId } = await store!.createTeam('t');
  const ids: string[] = [];
  for (let i = 0; i < 12; i += 1) {
    const input = { name: `h${i}`, url: 'https://example.org', events: ALERT_TYPES, enabled: true };
    ids.push((await store!.createWebhook(teamId, input, { sealed: 's', hint: 'h' }, { id: 'k' }))!.id);
  }
  await store!.createControl(teamId, control({ notificationChannelIds: ids }));
  const spend = (one: typeof store) => one!.recordEvents(teamId, [event(runtime.now(), { totalCost: 0.2 })]);
  await Promise.all([...stores, ...stores, ...stores, ...stores].map(spend));
  const claims = await Promise.all(
    stores.map((one, i) => one.claimWebhooks({ claim: `c${i}`, leaseMs: 30_000, size: 12 })),
  );
  expect(
    claims
      .flat()
      .map(({ webhookId }) => webhookId)
      .sort(),
  ).toEqual([...ids].sort());
  const reports = Array.from({ length: 20 }, () => refusal(runtime.now()));
  const kept = await Promise.all(stores.map((one) => one.recordRefusals(teamId, reports)));
  expect(kept.reduce((sum, count) => sum + count, 0)).toBe(20);
  await store!.setBypass(teamId, { untilMs: runtime.now() + 50, reason: 'r' }, { id: 'k' });
  await new Promise((resolve) => setTimeout(resolve, 60));
  await Promise.all(stores.map((one) => endBypasses(one)));
  const { items } = await store!.listAudit(teamId, { page: 0, size: 9, subject: 'bypass' });
  expect(items.map(({ action }) => action)).toEqual(['ended', 'created']);
  await Promise.all(stores.map((one) => one.close()));
});
