// A key of the gateway that may no longer be used stops within a second on every process of one database.
import { createRuntime } from 'fusewire/internal';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newGatewayKey } from '../../service/admin/gateway-keys.js';
import type { FoundGatewayKey } from '../../service/gateway/types.js';
import { POLL_MS } from '../../service/store/postgres/watcher.js';
import type { Store } from '../../service/store/store.js';
import { runSql, usePostgres } from './postgres-support.js';
import { eventually, openReplicas } from './replicas.js';

const server = usePostgres();
const runtime = createRuntime({}, 'CRITICAL');
const STOPS_WITHIN_MS = 1_000;

let monotonicMs = 1_000;
/** Time that stands still, without the look of every half second: what arrives was told, and nothing grows stale. */
const hearing = createRuntime(
  {
    monotonicNow: () => monotonicMs,
    setTimer: (task, ms, options) =>
      ms === POLL_MS ? { cancel: () => undefined } : runtime.setTimer(task, ms, options),
  },
  'CRITICAL',
);
let url: string;
let stores: Store[] = [];
beforeEach(async () => {
  url = await server.createMigrated();
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

/** Three replicas, and a customer with a key that all of them remember. */
async function warm(own = runtime) {
  stores = await openReplicas(url, 3, { runtime: own });
  const [store] = stores as [Store, Store, Store];
  const { id: teamId } = await store.createTeam('t');
  const customer = await store.createCustomer(teamId, { name: 'Ann', email: 'ann@example.com' });
  const { secret } = newGatewayKey();
  const key = (await store.createGatewayKey(teamId, customer.id, {}, secret))!;
  for (const replica of stores) {
    for (let i = 0; i < 3; i += 1) expect(isGood(await replica.findGatewayKey(secret.hash))).toBe(true);
  }
  return { store, teamId, customer, key, hash: secret.hash };
}

/** As who authenticates judges it. */
function isGood(found: FoundGatewayKey | undefined): boolean {
  if (found === undefined || !found.customer.active || found.customer.deletedAtMs !== undefined) return false;
  return found.key.revokedAtMs === undefined && (found.validUntilMs ?? Number.POSITIVE_INFINITY) > runtime.now();
}

/** Nobody who asks later than a second after the end finds a key that works, however long the answer takes. */
async function stops(replica: Store, hash: string, endedAt: number, withinMs = STOPS_WITHIN_MS): Promise<void> {
  for (;;) {
    const askedAfterMs = performance.now() - endedAt;
    if (!isGood(await replica.findGatewayKey(hash))) return;
    expect(askedAfterMs).toBeLessThan(withinMs);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

type Warm = Awaited<ReturnType<typeof warm>>;
const ENDINGS: readonly (readonly [string, (one: Warm) => Promise<unknown>])[] = [
  ['is revoked', ({ store, teamId, key }) => store.revokeGatewayKey(teamId, key.id)],
  ['is rotated', ({ store, teamId, key }) => store.rotateGatewayKey(teamId, key.id, newGatewayKey().secret)],
  ['has an inactive customer', (one) => one.store.updateCustomer(one.teamId, one.customer.id, { active: false })],
  ['has a deleted customer', ({ store, teamId, customer }) => store.deleteCustomer(teamId, customer.id)],
];

describe.each(ENDINGS)('I12: a key that %s on one replica', (_what, end) => {
  test.each(['told', 'looked for'])('stops within a second on all three: %s', async (how) => {
    const one = await warm(how === 'told' ? hearing : runtime);
    if (how === 'looked for') {
      await runSql(
        url,
        `CREATE OR REPLACE FUNCTION tell_keys() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN UPDATE key_version SET version = version + 1; RETURN NULL; END $$`,
      );
    }
    await end(one);
    const endedAt = performance.now();
    // Where it was done, it holds at once.
    expect(isGood(await one.store.findGatewayKey(one.hash))).toBe(false);
    // Where time stands still, only what is told can stop it: at once, but for what a busy machine takes.
    const withinMs = how === 'told' ? 10_000 : STOPS_WITHIN_MS;
    await Promise.all(stores.map((replica) => stops(replica, one.hash, endedAt, withinMs)));
  });
});

test('a key that works again, works again on all; a new one does at once', async () => {
  const { store, teamId, customer, hash } = await warm();
  await store.updateCustomer(teamId, customer.id, { active: false });
  const endedAt = performance.now();
  for (const replica of stores) await stops(replica, hash, endedAt);
  await stores[1]!.updateCustomer(teamId, customer.id, { active: true });
  for (const replica of stores) await eventually(async () => isGood(await replica.findGatewayKey(hash)));
  const { secret } = newGatewayKey();
  await stores[2]!.createGatewayKey(teamId, customer.id, {}, secret);
  for (const replica of stores) expect(isGood(await replica.findGatewayKey(secret.hash))).toBe(true);
});

test('a key that is remembered is found without the database, as long as the memory was confirmed a moment ago', async () => {
  const { hash } = await warm(hearing);
  await runSql(url, 'ALTER TABLE gateway_key RENAME TO elsewhere');
  for (const replica of stores) expect(isGood(await replica.findGatewayKey(hash))).toBe(true);
  // A replica that has not heard from its database for a second believes nothing that it remembers.
  monotonicMs += 1_000;
  for (const replica of stores) await expect(replica.findGatewayKey(hash)).rejects.toThrow();
});
