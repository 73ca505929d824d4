import { expect, test } from 'vitest';
import type { FoundGatewayKey } from '../../../service/gateway/types.js';
import { KnownKeys } from '../../../service/store/known-keys.js';
import type { KeyRecord, Team } from '../../../service/store/store.js';

const KEY: KeyRecord = { id: 'i', teamId: 't', scope: 'write', label: '', hash: 'h', hint: '', createdAtMs: 1 };
const TEAM: Team = { id: 't', numericId: 1, name: 'n', createdAtMs: 1 };

const CUSTOMER = { id: 'c', number: 1, teamId: 't', name: 'n', email: 'e', active: true, budgetControlId: null };
const FOUND: FoundGatewayKey = {
  key: { id: 'k', teamId: 't', customerId: 'c', label: '', hint: '', createdAtMs: 1, dimensions: {} },
  customer: { ...CUSTOMER, createdAtMs: 1 },
};

function source(isFresh?: () => boolean) {
  const looks: string[] = [];
  const keys = new Map([[KEY.hash, KEY]]);
  const gatewayKeys = new Map([['g', FOUND]]);
  const known = new KnownKeys(
    {
      async findKey(hash) {
        looks.push(hash);
        return keys.get(hash);
      },
      async getTeam(id) {
        looks.push(id);
        return id === TEAM.id ? TEAM : undefined;
      },
      async revokeKey() {
        keys.set(KEY.hash, { ...KEY, revokedAtMs: 2 });
        return true;
      },
      async findGatewayKey(hash) {
        looks.push(`gateway ${hash}`);
        await Promise.resolve();
        return gatewayKeys.get(hash);
      },
    },
    isFresh,
  );
  return { known, looks, keys, gatewayKeys };
}

test('a key and a team are looked up once; what is not there is looked up each time', async () => {
  const { known, looks, keys } = source();
  for (let i = 0; i < 3; i += 1) {
    expect(await known.findKey('h')).toEqual(KEY);
    expect(await known.getTeam('t')).toEqual(TEAM);
  }
  expect(looks).toEqual(['h', 't']);
  expect([await known.findKey('x'), await known.getTeam('x')]).toEqual([undefined, undefined]);
  keys.set('x', { ...KEY, hash: 'x' });
  expect((await known.findKey('x'))?.hash).toBe('x');
});

test('a revocation holds for every look after it, also beside a look that began before', async () => {
  const { known } = source();
  await known.findKey('h');
  await known.revokeKey('i');
  expect((await known.findKey('h'))?.revokedAtMs).toBe(2);
  const raced = source();
  const early = raced.known.findKey('h');
  const revoked = raced.known.revokeKey('i');
  await Promise.all([early, revoked]);
  expect((await raced.known.findKey('h'))?.revokedAtMs).toBe(2);
});

test('a key of the gateway is looked up once, also by many at the same moment; what is not there each time', async () => {
  const { known, looks, gatewayKeys } = source();
  const many = await Promise.all(Array.from({ length: 100 }, () => known.findGatewayKey('g')));
  expect(new Set(many)).toEqual(new Set([FOUND]));
  expect(await known.findGatewayKey('g')).toBe(FOUND);
  expect(looks).toEqual(['gateway g']);
  expect([await known.findGatewayKey('x'), await known.findGatewayKey('x')]).toEqual([undefined, undefined]);
  expect(looks).toHaveLength(3);
  gatewayKeys.set('x', FOUND);
  expect(await known.findGatewayKey('x')).toBe(FOUND);
});

test('a change holds for every look after it, also beside a look that began before, also where it failed', async () => {
  const { known, gatewayKeys } = source();
  const revoked: FoundGatewayKey = { ...FOUND, key: { ...FOUND.key, revokedAtMs: 2 } };
  await known.findGatewayKey('g');
  const change = known.afterChange(
    Promise.resolve().then(() => {
      gatewayKeys.set('g', revoked);
      throw new Error('the answer was lost');
    }),
  );
  await expect(change).rejects.toThrow('the answer was lost');
  expect(await known.findGatewayKey('g')).toBe(revoked);
  const raced = source();
  const early = raced.known.findGatewayKey('g');
  raced.gatewayKeys.set('g', revoked);
  raced.known.forget();
  expect(await raced.known.findGatewayKey('g')).toBe(revoked);
  await early;
  expect(await raced.known.findGatewayKey('g')).toBe(revoked);
});

test('what was not confirmed a moment ago is looked up again', async () => {
  let fresh = true;
  const { known, looks } = source(() => fresh);
  await known.findGatewayKey('g');
  fresh = false;
  await known.findGatewayKey('g');
  await known.findGatewayKey('g');
  expect(looks).toHaveLength(3);
});
