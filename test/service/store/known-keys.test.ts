import { expect, test } from 'vitest';
import { KnownKeys } from '../../../service/store/known-keys.js';
import type { KeyRecord, Team } from '../../../service/store/store.js';

const KEY: KeyRecord = { id: 'i', teamId: 't', scope: 'write', label: '', hash: 'h', hint: '', createdAtMs: 1 };
const TEAM: Team = { id: 't', numericId: 1, name: 'n', createdAtMs: 1 };

function source() {
  const looks: string[] = [];
  const keys = new Map([[KEY.hash, KEY]]);
  const known = new KnownKeys({
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
  });
  return { known, looks, keys };
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
