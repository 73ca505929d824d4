import { createRuntime } from 'fusewire/internal';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAlertSender } from '../../../service/alerts/alert-sender.js';
import { createSecretSealer } from '../../../service/alerts/secrets.js';
import { createTargetGuard } from '../../../service/alerts/targets.js';
import { verifySignature } from '../../../src/verify-signature.js';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';
import { until } from '../../helpers/until.js';
import { type Receiver, signedWith, startReceiver } from './receiver.js';

const PATH = '/v2/api/fusewire/webhooks';
const SECRET = Buffer.alloc(32, 7);

describe.each(STORES)('webhooks, $name', ({ open }) => {
  let service: ServiceFixture;
  let receiver: Receiver;
  const stops: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    service = await openServiceFixture(open, { config: { credentialSecret: SECRET, webhookTargets: 'loopback' } });
    receiver = await startReceiver();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
    await receiver.close();
    await service.close();
  });

  const create = (fields: Record<string, unknown> = {}) =>
    service.ask({ path: PATH, json: { name: 'pager', url: receiver.url, ...fields } });
  const control = (notificationChannelIds: unknown, fields: Record<string, unknown> = {}) =>
    service.ask({
      path: '/v2/api/ai/cost-controls',
      json: {
        ...{ teamId: service.team.id, name: 'Cap', metricType: 'TOTAL_COST', windowType: 'DAILY', hardLimit: 1 },
        ...{ notificationChannelIds, ...fields },
      },
    });
  let calls = 0;
  const spend = (totalCost: number, fields: Record<string, unknown> = {}) => {
    calls += 1;
    const body = { transactionId: `t-${calls}`, model: 'm', provider: 'P', totalCost, ...fields };
    return service.store.recordEvents(service.team.id, [
      { transactionId: body.transactionId, receivedAtMs: Date.now(), body },
    ]);
  };
  const send = (limitMs = 20_000) => {
    const runtime = createRuntime({ log: { ...createRuntime().log, info: () => undefined, warn: () => undefined } });
    const parts = { store: service.store, runtime, log: runtime.log, limitMs };
    const sender = createAlertSender({
      ...parts,
      sealer: createSecretSealer(SECRET),
      guard: createTargetGuard('loopback'),
    });
    sender.start();
    stops.push(() => sender.stop());
    return sender;
  };
  const deliveries = async (id: string) =>
    (await service.ask({ path: `${PATH}/${id}/deliveries` })).json._embedded.objectList;

  it('I12: show their secret once, at creation and at rotation, and keep it sealed', async () => {
    const made = await create();
    expect(made.status).toBe(201);
    expect(made.headers['cache-control']).toBe('no-store');
    const { secret, ...shown } = made.json;
    expect(secret).toMatch(/^whsec_[0-9A-Za-z]{43}$/);
    expect(shown).toEqual({
      ...{ id: expect.any(String), resourceType: 'webhook', teamId: service.team.id, name: 'pager', url: receiver.url },
      ...{ events: ['costControl.warned', 'costControl.tripped', 'costControl.reset'], enabled: true },
      ...{ secretHint: secret.slice(-4), previousSecretUntil: null, disabledReason: null, failures: 0 },
      ...{ failingSince: null, dropped: 0, created: expect.stringMatching(/Z$/), updated: shown.created },
    });
    const rotated = await service.ask({ path: `${PATH}/${shown.id}/rotate`, method: 'POST' });
    expect(rotated.json.secret).not.toBe(secret);
    const read = [
      await service.ask({ path: `${PATH}/${shown.id}` }),
      await service.ask({ path: PATH }),
      await service.ask({ path: '/v2/api/fusewire/audit' }),
      await service.ask({ path: `${PATH}/${shown.id}`, method: 'PATCH', json: { name: 'other' } }),
    ];
    const everything = JSON.stringify(read.map(({ json }) => json)) + service.logged();
    for (const one of [secret, rotated.json.secret]) expect(everything).not.toContain(one.slice(6));
    const [sealed] = await service.store.webhookSecrets(service.team.id, shown.id);
    expect(sealed).not.toContain(rotated.json.secret.slice(6, 20));
    expect(createSecretSealer(SECRET).open(service.team.id, sealed!)).toBe(rotated.json.secret);
    expect(createSecretSealer(SECRET).open(service.other.id, sealed!)).toBeUndefined();
    expect(createSecretSealer(Buffer.alloc(32, 8)).open(service.team.id, sealed!)).toBeUndefined();
  });

  it.each([
    [{ name: undefined }, 'name', 'name is required'],
    [{ url: undefined }, 'url', 'url is required'],
    [{ url: 'ftp://example.org' }, 'url', 'must begin with http:// or https://'],
    [{ url: '/hook' }, 'url', 'must be an absolute URL'],
    [{ url: 'https://u:p@example.org' }, 'url', 'must not carry a user name or a password'],
    [{ url: 'http://10.0.0.1/' }, 'url', 'must not be an address of a private network'],
    [
      { events: ['costControl.exploded'] },
      'events.0',
      /^Value 'costControl.exploded' is not valid\. Allowed values: \[costControl.warned/,
    ],
    [{ events: [] }, 'events', 'must name at least one event'],
    [{ enabled: 'yes' }, 'enabled', 'must be true or false'],
  ])('refuse %j and change nothing', async (fields, field, problem) => {
    const got = await create(fields);
    expect([got.status, got.json[field]]).toEqual([
      400,
      typeof problem === 'string' ? problem : expect.stringMatching(problem),
    ]);
    expect((await service.ask({ path: PATH })).json.page.totalElements).toBe(0);
  });

  it('are of one team: another one cannot see, change, try or name them', async () => {
    const { id } = (await create()).json;
    const key = service.otherKeys.write;
    for (const [method, path, json] of [
      ['GET', `${PATH}/${id}`, undefined],
      ['PATCH', `${PATH}/${id}`, { name: 'mine' }],
      ['DELETE', `${PATH}/${id}`, undefined],
      ['POST', `${PATH}/${id}/rotate`, undefined],
      ['POST', `${PATH}/${id}/test`, undefined],
      ['GET', `${PATH}/${id}/deliveries`, undefined],
    ] as const) {
      expect([path, (await service.ask({ path, method, key, json })).status]).toEqual([path, 404]);
    }
    expect((await service.ask({ path: PATH, key: service.keys.metering })).status).toBe(403);
    const refused = await control([id, 'nobody', 'noone']);
    expect([refused.status, refused.json.notificationChannelIds]).toEqual([
      400,
      "there is no webhook with the id 'nobody', 'noone'",
    ]);
    expect(receiver.received).toEqual([]);
  });

  it('are told of a warning and a trip, signed so that a receiver can check it', async () => {
    const { id, secret } = (await create()).json;
    await control([id], { warnThreshold: 0.5 });
    await spend(0.6);
    await spend(0.6);
    send();
    await until(() => receiver.received.length === 2, 'two deliveries');
    expect(receiver.received.map(({ body }) => body.type)).toEqual(['costControl.warned', 'costControl.tripped']);
    for (const one of receiver.received) {
      expect(signedWith(one, secret)).toEqual([0]);
      expect(signedWith(one, 'whsec_other')).toEqual([]);
      expect(one.headers['content-type']).toBe('application/json');
      const headers = one.headers as Record<string, string>;
      const signed = {
        payload: one.text,
        signatureHeader: headers['x-revenium-signature-256'],
        timestampHeader: headers['x-revenium-webhook-timestamp'],
      };
      expect(verifySignature({ ...signed, secrets: [secret] })).toBe(true);
      expect(verifySignature({ ...signed, payload: `${one.text} `, secrets: [secret] })).toBe(false);
    }
    await until(
      async () => (await deliveries(id)).every((one: { state: string }) => one.state === 'delivered'),
      'noted',
    );
    expect(await deliveries(id)).toMatchObject([
      { type: 'costControl.tripped', attempts: 1, lastStatus: 204, lastError: null, nextAttempt: null },
      { type: 'costControl.warned' },
    ]);
    const rotated = (await service.ask({ path: `${PATH}/${id}/rotate`, method: 'POST' })).json.secret;
    await spend(0, { transactionId: 'nothing' });
    const tried = await service.ask({ path: `${PATH}/${id}/test`, method: 'POST' });
    expect(tried.json).toMatchObject({ delivered: true, status: 204, error: null });
    const last = receiver.received.at(-1)!;
    expect([last.body.type, signedWith(last, rotated), signedWith(last, secret)]).toEqual(['webhook.test', [0], [1]]);
  });

  it('that are down, slow or fail are tried again with the same id; one that is gone is switched off', async () => {
    const slow = await startReceiver();
    const gone = await startReceiver();
    const redirecting = await startReceiver();
    stops.push(
      () => slow.close(),
      () => gone.close(),
      () => redirecting.close(),
    );
    slow.answer = 'hang';
    gone.answer = 410;
    redirecting.answer = (response) => response.writeHead(307, { location: receiver.url }).end();
    receiver.answer = 500;
    const ids: Record<string, string> = {};
    for (const [name, url] of [
      ['failing', receiver.url],
      ['slow', slow.url],
      ['gone', gone.url],
      ['redirecting', redirecting.url],
    ] as const) {
      ids[name] = (await create({ name, url })).json.id;
    }
    await control(Object.values(ids));
    await spend(2);
    // Time enough for those that answer, on any machine.
    send(3_000);
    const last = async (name: string) => (await deliveries(ids[name]!))[0];
    for (const name of Object.keys(ids)) await until(async () => (await last(name)).attempts >= 1, `${name} was tried`);
    expect(await last('failing')).toMatchObject({
      state: 'waiting',
      lastStatus: 500,
      lastError: 'the receiver answered 500',
    });
    expect(await last('slow')).toMatchObject({
      state: 'waiting',
      lastStatus: null,
      lastError: 'no answer within 3000 ms',
    });
    expect(await last('redirecting')).toMatchObject({ state: 'waiting', lastStatus: 307 });
    expect((await last('failing')).nextAttempt).toMatch(/Z$/);
    expect((await service.ask({ path: `${PATH}/${ids['gone']}` })).json).toMatchObject({
      enabled: false,
      disabledReason: 'the receiver answered 410 Gone',
    });
    receiver.answer = 200;
    await until(async () => (await last('failing')).state === 'delivered', 'another attempt', 30_000);
    // Nobody else's, for what is redirected is not followed; and each attempt is the same.
    expect(receiver.received).toHaveLength((await last('failing')).attempts);
    expect(receiver.received.length).toBeGreaterThan(1);
    expect(new Set(receiver.received.map(({ text }) => text)).size).toBe(1);
  });

  it('two senders on one store deliver each alert once', async () => {
    const { id } = (await create()).json;
    await control([id], { groupBy: 'AGENT' });
    send();
    send();
    for (let i = 0; i < 40; i += 1) await spend(2, { agent: `a-${i}` });
    await until(() => receiver.received.length >= 40, 'forty deliveries');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const bodies = receiver.received.map(({ body }) => body.id);
    expect([bodies.length, new Set(bodies).size]).toEqual([40, 40]);
  });

  it('a test delivery says what went wrong', async () => {
    const { id } = (await create({ enabled: false })).json;
    receiver.answer = 503;
    const failed = await service.ask({ path: `${PATH}/${id}/test`, method: 'POST' });
    expect(failed.json).toMatchObject({ delivered: false, status: 503, error: 'the receiver answered 503' });
    await receiver.close();
    const down = await service.ask({ path: `${PATH}/${id}/test`, method: 'POST' });
    expect(down.json).toMatchObject({ delivered: false, status: null, error: expect.stringContaining('ECONNREFUSED') });
    expect((await deliveries(id)).map((one: { state: string }) => one.state)).toEqual(['given-up', 'given-up']);
    expect((await service.ask({ path: `${PATH}/${id}` })).json.enabled).toBe(false);
  });
});
