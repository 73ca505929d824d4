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

  it('I4: stores one event of 64 parallel requests with the same key; who comes too early is told to come back', async () => {
    const event = usageEvent({ transactionId: undefined });
    const answers = await Promise.all(Array.from({ length: 64 }, () => send('same', event)));
    const early = answers.filter(({ status }) => status !== 201);
    for (const { status, json, headers } of early) {
      expect([status, json.error, headers['retry-after']]).toEqual([409, 'idempotency_key_in_progress', '1']);
    }
    const again = await send('same', event);
    const done = [...answers.filter(({ status }) => status === 201), again];
    expect(new Set(done.map(({ text }) => text)).size).toBe(1);
    expect(done.filter(({ headers }) => headers['idempotent-replayed'] === undefined)).toHaveLength(1);
    expect(await count()).toBe(1);
  });

  it('answers 409 with Retry-After while a request with the key is under way, and its answer afterwards', async () => {
    const record = service.store.recordOnce.bind(service.store);
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let reached = () => {};
    const atGate = new Promise<void>((resolve) => {
      reached = resolve;
    });
    service.store.recordOnce = async (...input) => {
      reached();
      await gate;
      return record(...input);
    };
    const event = usageEvent();
    const first = send('k-1', event);
    await atGate;
    const early = await send('k-1', event);
    expect([early.status, early.json.error, early.headers['retry-after'], early.headers['x-should-retry']]).toEqual([
      409,
      'idempotency_key_in_progress',
      '1',
      undefined,
    ]);
    // Another account's key of the same name is another key, and a request without one does not wait.
    const theirs = send('k-1', usageEvent({ transactionId: 'theirs' }), service.otherKeys.metering);
    expect((await service.ask({ path: PATH, json: usageEvent({ transactionId: 'free' }) })).status).toBe(201);
    open();
    expect([(await first).status, (await theirs).status]).toEqual([201, 201]);
    const late = await send('k-1', event);
    expect([late.status, late.text, late.headers['idempotent-replayed']]).toEqual([201, (await first).text, 'true']);
  });

  it('holds for every kind of event, and a key of one kind is not a key of another', async () => {
    const at = new Date().toISOString();
    const common = { model: 'm', provider: 'p', requestTime: at, responseTime: at, requestDuration: 5 };
    const bodies: Readonly<Record<string, object>> = {
      'ai/images': { ...common, actualImageCount: 2 },
      'ai/audio': { ...common, characterCount: 23 },
      'ai/video': { ...common, durationSeconds: 10 },
      'tool/events': { toolId: 'crm', durationMs: 84, success: true, timestamp: at },
      events: { payload: { any: 'thing' } },
    };
    for (const [type, json] of Object.entries(bodies)) {
      const ask = (path: string, body: object = json) =>
        service.ask({ path, json: body, headers: { 'idempotency-key': `key of ${type}` } });
      const first = await ask(`/meter/v2/${type}`);
      expect(first.status, type).toBe(201);
      const again = await ask(`/v2/${type}`);
      expect([again.status, again.text, again.headers['idempotent-replayed']], type).toEqual([201, first.text, 'true']);
      const mismatch = await ask(PATH, usageEvent({ transactionId: type }));
      expect([mismatch.status, mismatch.json.error], type).toEqual([409, 'idempotency_key_mismatch']);
      const malformed = await service.ask({ path: `/meter/v2/${type}`, json, headers: { 'idempotency-key': 'é' } });
      expect([malformed.status, malformed.json.error], type).toEqual([400, 'invalid_idempotency_key']);
    }
    expect(await count()).toBe(5);
  });
});
