import { describe, expect, it } from 'vitest';
import { hashKey } from '../../../../service/admin/keys.js';
import { addressGroup } from '../../../../service/gateway/http/address-group.js';
import { type AuthenticatorParts, createAuthenticator } from '../../../../service/gateway/http/authenticate.js';
import { Failure } from '../../../../service/gateway/http/failure.js';
import type { FoundGatewayKey } from '../../../../service/gateway/types.js';
import { createFakeClock } from '../../../../src/testing.js';
import { CUSTOMER, foundKey, KEY, OTHER_KEY } from './front.js';

const ADDRESS = '203.0.113.7';

function authenticator(found: FoundGatewayKey | undefined = foundKey(), changes: Partial<AuthenticatorParts> = {}) {
  const clock = createFakeClock();
  const asked: string[] = [];
  const authenticate = createAuthenticator({
    runtime: clock,
    wrongKeysPerSecond: 5,
    findKey: (hash) => {
      asked.push(hash);
      return hash === hashKey(KEY) ? found : undefined;
    },
    ...changes,
  });
  return { clock, asked, authenticate };
}

async function codeOf(answer: ReturnType<ReturnType<typeof createAuthenticator>>): Promise<string> {
  const got = await answer;
  return got instanceof Failure ? `${got.status} ${got.code}` : got.key.id;
}

describe('who calls', () => {
  it.each([
    { authorization: `Bearer ${KEY}` },
    { authorization: `bearer ${KEY}` },
    { authorization: `BEARER   ${KEY} ` },
    { 'x-api-key': KEY },
    { 'x-api-key': ` ${KEY} ` },
    { 'x-api-key': KEY, authorization: `Bearer ${KEY}` },
    { 'x-api-key': '', authorization: `Bearer ${KEY}` },
    { 'x-api-key': KEY, authorization: '' },
    { 'x-api-key': KEY, authorization: 'Bearer' },
  ])('is told by %j, at once', (headers) => {
    const { authenticate } = authenticator();
    const got = authenticate(headers, ADDRESS);
    expect(got).toEqual({ key: foundKey().key, customer: CUSTOMER, team: { id: 'fwteam' } });
  });

  it.each([
    ['missing_api_key', {}],
    ['missing_api_key', { authorization: 'Bearer' }],
    ['missing_api_key', { authorization: 'Bearer   ' }],
    ['missing_api_key', { 'x-api-key': ' ' }],
    ['malformed_api_key', { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` }],
    ['malformed_api_key', { authorization: KEY }],
    ['malformed_api_key', { authorization: `Bearer ${KEY} ${KEY}` }],
    ['malformed_api_key', { 'x-api-key': `${KEY}, ${KEY}` }],
    ['malformed_api_key', { 'x-api-key': 'sk-ant-api03-xxxxxxxxxxxxxxxxxxxxxxxx' }],
    ['malformed_api_key', { authorization: 'Bearer sk_short' }],
    ['malformed_api_key', { authorization: `Bearer sk_${'x'.repeat(129)}` }],
    ['malformed_api_key', { authorization: `Bearer sk_${'é'.repeat(43)}` }],
    ['ambiguous_api_key', { 'x-api-key': KEY, authorization: `Bearer ${OTHER_KEY}` }],
    ['ambiguous_api_key', { 'x-api-key': OTHER_KEY, authorization: `Bearer ${KEY}` }],
    ['unknown_api_key', { authorization: `Bearer ${OTHER_KEY}` }],
  ])('is not told: %s for %j', async (code, headers) => {
    const { authenticate, asked } = authenticator();
    const got = await authenticate(headers, ADDRESS);
    expect(got).toBeInstanceOf(Failure);
    const failure = got as Failure;
    expect([failure.status, failure.code]).toEqual([401, code]);
    expect(asked.length, 'looked up').toBe(code === 'unknown_api_key' ? 1 : 0);
    const said = JSON.stringify(failure);
    for (const value of Object.values(headers)) if (value.length > 8) expect(said).not.toContain(value);
  });

  const found = (key: Partial<FoundGatewayKey['key']>, rest: Partial<FoundGatewayKey> = {}) => ({
    ...foundKey(key),
    ...rest,
  });
  const NOW = createFakeClock().now();

  it.each([
    ['gk_1', found({ expiresAtMs: NOW + 1 })],
    ['401 expired_api_key', found({ expiresAtMs: NOW })],
    ['401 revoked_api_key', found({ revokedAtMs: NOW - 1 })],
    ['401 revoked_api_key', found({ revokedAtMs: NOW - 1, expiresAtMs: NOW - 1 })],
    ['gk_1', found({}, { validUntilMs: NOW + 1 })],
    ['401 replaced_api_key', found({}, { validUntilMs: NOW })],
    ['401 inactive_customer', found({}, { customer: { ...CUSTOMER, active: false } })],
    ['401 inactive_customer', found({}, { customer: { ...CUSTOMER, deletedAtMs: NOW } })],
  ])('gets %s', async (answer, known) => {
    const { authenticate } = authenticator(known);
    expect(await codeOf(authenticate({ 'x-api-key': KEY }, ADDRESS))).toBe(answer);
  });

  it('loses a key that expires between two requests', async () => {
    const { authenticate, clock } = authenticator(found({ expiresAtMs: NOW + 1_000 }));
    expect(await codeOf(authenticate({ 'x-api-key': KEY }, ADDRESS))).toBe('gk_1');
    await clock.advance(1_000);
    expect(await codeOf(authenticate({ 'x-api-key': KEY }, ADDRESS))).toBe('401 expired_api_key');
  });

  it('waits for a key that is looked up, and hears of a store that fails as such', async () => {
    const late = authenticator(foundKey(), { findKey: async () => foundKey() });
    const answer = late.authenticate({ 'x-api-key': KEY }, ADDRESS);
    expect(answer).toBeInstanceOf(Promise);
    expect(await codeOf(answer)).toBe('gk_1');
    const broken = authenticator(foundKey(), { findKey: () => Promise.reject(new Error('postgres://u:secret@db')) });
    const failure = (await broken.authenticate({ 'x-api-key': KEY }, ADDRESS)) as Failure;
    expect([failure.status, failure.code, failure.options.retryAfterSeconds]).toEqual([503, 'keys_unavailable', 2]);
    expect(JSON.stringify(failure)).not.toContain('secret');
    const thrown = authenticator(foundKey(), {
      findKey: () => {
        throw new Error('closed');
      },
    });
    expect(await codeOf(thrown.authenticate({ 'x-api-key': KEY }, ADDRESS))).toBe('503 keys_unavailable');
  });

  it('is never looked up by the key itself', () => {
    const { authenticate, asked } = authenticator();
    authenticate({ 'x-api-key': KEY }, ADDRESS);
    expect(asked).toEqual([hashKey(KEY)]);
  });
});

describe('wrong keys of one address', () => {
  const wrong = { 'x-api-key': OTHER_KEY };

  it('are told to wait before they are looked up', async () => {
    const { authenticate, asked, clock } = authenticator();
    for (let i = 0; i < 10; i += 1) expect(await codeOf(authenticate(wrong, ADDRESS))).toBe('401 unknown_api_key');
    expect(await codeOf(authenticate(wrong, ADDRESS))).toBe('429 too_many_wrong_keys');
    expect(asked).toHaveLength(10);
    expect(await codeOf(authenticate(wrong, '203.0.113.8'))).toBe('401 unknown_api_key');
    await clock.advance(200);
    expect(await codeOf(authenticate(wrong, ADDRESS))).toBe('401 unknown_api_key');
    expect(await codeOf(authenticate(wrong, ADDRESS))).toBe('429 too_many_wrong_keys');
  });

  it('do not hold up a key of that address that works', async () => {
    const { authenticate } = authenticator();
    expect(await codeOf(authenticate({ 'x-api-key': KEY }, ADDRESS))).toBe('gk_1');
    for (let i = 0; i < 30; i += 1) await authenticate(wrong, ADDRESS);
    expect(await codeOf(authenticate(wrong, ADDRESS))).toBe('429 too_many_wrong_keys');
    expect(await codeOf(authenticate({ 'x-api-key': KEY }, ADDRESS))).toBe('gk_1');
  });

  it('are not those that nobody could have looked up', async () => {
    const { authenticate } = authenticator();
    for (let i = 0; i < 50; i += 1)
      expect(await codeOf(authenticate({ 'x-api-key': 'no' }, ADDRESS))).toBe('401 malformed_api_key');
    for (let i = 0; i < 50; i += 1) expect(await codeOf(authenticate({}, ADDRESS))).toBe('401 missing_api_key');
    expect(await codeOf(authenticate({ 'x-api-key': KEY }, ADDRESS))).toBe('gk_1');
  });

  it('are counted for the network of an IPv6 address', async () => {
    const { authenticate } = authenticator();
    for (let i = 0; i < 10; i += 1) await authenticate(wrong, `2001:db8:1:2::${i}`);
    expect(await codeOf(authenticate(wrong, '2001:db8:1:2:ffff::1'))).toBe('429 too_many_wrong_keys');
    expect(await codeOf(authenticate(wrong, '2001:db8:1:3::1'))).toBe('401 unknown_api_key');
  });

  it('are counted by the address that a proxy tells, where it is told to', async () => {
    const { authenticate } = authenticator(foundKey(), { addressHeader: 'cf-connecting-ip' });
    const from = (address: string) => authenticate({ ...wrong, 'cf-connecting-ip': address }, '127.0.0.1');
    for (let i = 0; i < 12; i += 1) await from('198.51.100.1');
    expect(await codeOf(from('198.51.100.1'))).toBe('429 too_many_wrong_keys');
    expect(await codeOf(from('198.51.100.2'))).toBe('401 unknown_api_key');
    // What stands before the proxy's own entry was written by the caller.
    expect(await codeOf(from('198.51.100.9, 198.51.100.1'))).toBe('429 too_many_wrong_keys');
  });

  it('have no limit where it is 0', async () => {
    const { authenticate } = authenticator(foundKey(), { wrongKeysPerSecond: 0 });
    for (let i = 0; i < 200; i += 1) expect(await codeOf(authenticate(wrong, ADDRESS))).toBe('401 unknown_api_key');
  });
});

describe('an address', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['nonsense:', 'nonsense:'],
    ['', ''],
  ])('%s stands for %s', (address, group) => expect(addressGroup(address)).toBe(group));
});
