import { describe, expect, it } from 'vitest';
import { keyLooksForeign, teamOfKey } from '../../src/metering/key-kind.js';

describe('the tenant of a key', () => {
  it.each([
    ['rev_mk_T9qLm2_0f3c7be1d2', 'T9qLm2'],
    ['rev_sk_fwk7PqWz_0f3c7be1d2', 'fwk7PqWz'],
    ['rev_mk_fwk7PqWz_with_more_parts', 'fwk7PqWz'],
    [' rev_mk_T9_x ', 'T9'],
    ['hak_0123456789', undefined],
    ['rev_0123456789', undefined],
    ['rev_xx_T9_secret', undefined],
    ['rev_mk__secret', undefined],
    ['rev_mk_T9_', undefined],
    ['rev_mk_T9', undefined],
    ['', undefined],
  ])('of %j is %j', (key, tenant) => {
    expect(teamOfKey(key)).toBe(tenant);
  });
});

describe('a key that does not belong where it goes', () => {
  const local = `rev_mk_fwk7PqWz_${'0f3c7be1d2A'.repeat(4).slice(0, 43)}`;
  it.each([
    ['https://api.revenium.ai', 'local-key-to-hosted-service'],
    ['https://API.REVENIUM.IO/meter', 'local-key-to-hosted-service'],
    ['https://revenium.ai', 'local-key-to-hosted-service'],
    ['https://notrevenium.ai', undefined],
    ['https://revenium.ai.example', undefined],
    ['http://127.0.0.1:8787', undefined],
    ['https://fusewire.example', undefined],
  ])('issued by a self-hosted service, to %s: %j', (base, expected) => {
    expect(keyLooksForeign(local, 'fwk7PqWz', new URL(base))).toBe(expected);
  });

  it('names another team than the configured one', () => {
    const base = new URL('http://127.0.0.1:8787');
    expect(keyLooksForeign(local, 'another', base)).toBe('key-of-another-team');
    for (const teamId of ['fwk7PqWz', '', undefined]) {
      expect(keyLooksForeign(local, teamId, base)).toBeUndefined();
    }
  });

  it('is never said of a key of the hosted service', () => {
    for (const key of [
      'hak_0123456789',
      'rev_mk_T9qLm2_0f3c7be1d2',
      'rev_sk_T9qLm2_0f3c7be1d2',
      'rev_mk_fwLm2x_0f3c7be1d2',
    ]) {
      expect(keyLooksForeign(key, 'k7PqWz', new URL('https://api.revenium.ai'))).toBeUndefined();
      expect(keyLooksForeign(key, 'k7PqWz', new URL('http://127.0.0.1:8787'))).toBeUndefined();
    }
  });
});
