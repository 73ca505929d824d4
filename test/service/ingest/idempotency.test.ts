import { createRuntime } from 'fusewire/internal';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';

const PATH = '/meter/v2/ai/completions';
const DAY_MS = 86_400_000;

describe.each(STORES)('Idempotency-Key, $name', ({ open }) => {
  let service: ServiceFixture;
  let aheadMs = 0;
  beforeEach(async () => {
    aheadMs = 0;
    const start = createRuntime();
    service = await openServiceFixture(open, { runtime: createRuntime({ now: () => start.now() + aheadMs }) });
  });
  afterEach(() => service.close());

  const send = (key: string, json: unknown, apiKey = service.keys.metering) =>
    service.ask({ path: PATH, json, key: apiKey, headers: { 'idempotency-key': key } });
  const count = async () => (await service.store.findEvents(service.team.id, { page: 0, size: 100 })).totalElements;

  it('repeats status and body for the same key and body', async () => {
    const event = usageEvent({ transactionId: undefined });
    const first = await send('k-1', event);
    const again = await send('k-1', event);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.text).toBe(first.text);
    expect([first.headers['idempotent-replayed'], again.headers['idempotent-replayed']]).toEqual([undefined, 'true']);
    expect(again.headers['fusewire-revision']).toBe(first.headers['fusewire-revision']);
    expect(await count()).toBe(1);
  });

  it('refuses another body under the same key, for good', async () => {
    await send('k-1', usageEvent());
    const got = await send('k-1', usageEvent({ transactionId: 'other' }));
    expect([got.status, got.json.error]).toEqual([409, 'idempotency_key_mismatch']);
    expect(got.headers['x-should-retry']).toBe('false');
    expect(got.headers['retry-after']).toBeUndefined();
    expect(await count()).toBe(1);
  });

  it.each([
    ['', 'an empty one'],
    ['x'.repeat(256), '256 characters'],
    ['clé', 'characters outside ASCII'],
    ['a\tb', 'a tab'],
  ])('refuses a malformed key: %j (%s)', async (key) => {
    const got = await send(key, usageEvent());
    expect([got.status, got.json.error]).toEqual([400, 'invalid_idempotency_key']);
    expect(await count()).toBe(0);
  });

  it('takes 255 printable characters', async () => {
    expect((await send('~'.repeat(255), usageEvent())).status).toBe(201);
  });

  it('does not remember a refused body: the corrected one passes under the same key', async () => {
    expect((await send('k-1', usageEvent({ model: '' }))).status).toBe(400);
    expect((await send('k-1', usageEvent())).status).toBe(201);
  });

  it('leaves the key free when the store fails, so that a repeat can succeed', async () => {
    const record = service.store.recordOnce.bind(service.store);
    service.store.recordOnce = () => Promise.reject(new Error('disk full at /secret/place'));
    const failed = await send('k-1', usageEvent());
    expect([failed.status, failed.json.error]).toEqual([500, 'internal_error']);
    expect(failed.text).not.toContain('/secret/place');
    expect(service.logged()).toContain('disk full');
    service.store.recordOnce = record;
    expect((await send('k-1', usageEvent())).status).toBe(201);
  });

  it('keeps the keys of two accounts apart', async () => {
    expect((await send('k-1', usageEvent())).status).toBe(201);
    const got = await send('k-1', usageEvent({ transactionId: 'theirs' }), service.otherKeys.metering);
    expect([got.status, got.headers['idempotent-replayed']]).toEqual([201, undefined]);
  });

  it('forgets a key after 24 hours', async () => {
    await send('k-1', usageEvent({ transactionId: 'first' }));
    aheadMs = DAY_MS - 60_000;
    expect((await send('k-1', usageEvent({ transactionId: 'second' }))).status).toBe(409);
    aheadMs = DAY_MS + 60_000;
    expect((await send('k-1', usageEvent({ transactionId: 'second' }))).status).toBe(201);
  });

  it('I4: stores one event of 64 parallel requests with the same key', async () => {
    const event = usageEvent({ transactionId: undefined });
    const answers = await Promise.all(Array.from({ length: 64 }, () => send('same', event)));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(201);
    expect(answers.filter(({ headers }) => headers['idempotent-replayed'] === undefined)).toHaveLength(1);
    expect(await count()).toBe(1);
  });
});
