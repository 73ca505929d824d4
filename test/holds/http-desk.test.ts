import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HoldOperation } from 'fusewire/internal';
import { afterEach, describe, expect, it } from 'vitest';
import { Capabilities } from '../../cache/capabilities.js';
import { HoldDeskError } from '../../src/holds/desk-error.js';
import { createHttpDesk } from '../../src/holds/http-desk.js';
import { Secret } from '../../src/secret.js';
import { fakeRuntime } from '../cache/support/fake-runtime.js';
import { take } from './desk-contract.js';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Seen {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly operations: readonly HoldOperation[];
}
type Answering = (seen: Seen, response: ServerResponse) => void;

const freeFor = (operations: readonly HoldOperation[]) => ({
  outcomes: operations.map(({ id }) => ({ outcome: 'free', version: id })),
});
const ok: Answering = ({ operations }, response) => {
  response.writeHead(200, { 'fusewire-capabilities': 'holds', 'fusewire-revision': '41' });
  response.end(JSON.stringify(freeFor(operations)));
};

/** A service that answers as the test says, and a desk on a clock that stands still. */
async function rig(answering: Answering = ok, announced: string | undefined = 'holds') {
  const seen: Seen[] = [];
  const state = { answering, connections: 0, apiKey: 'rev_mk_T_1' };
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const { operations } = JSON.parse(text) as { operations: HoldOperation[] };
    seen.push({ url: request.url ?? '', headers: request.headers, operations });
    state.answering(seen[seen.length - 1]!, response);
  });
  server.on('connection', () => {
    state.connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { runtime, clock } = fakeRuntime(Date.parse('2026-11-20T10:00:00Z'));
  const capabilities = new Capabilities(runtime);
  if (announced !== undefined) capabilities.learn(url, 200, { 'fusewire-capabilities': announced });
  const revisions: number[] = [];
  const desk = createHttpDesk({
    runtime,
    endpoint: new URL(`${url}/meter/v2`),
    credentials: () => (state.apiKey === '' ? undefined : { apiKey: new Secret(state.apiKey) }),
    capabilities,
    userAgent: 'fusewire/test',
    onRevision: (revision) => void revisions.push(revision),
  });
  closers.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
    () => desk.close(),
  );
  return { url, seen, state, server, clock, capabilities, desk, revisions };
}

const errorOf = (promise: Promise<unknown>): Promise<HoldDeskError> =>
  promise.then(
    (value) => expect.fail(`answered ${JSON.stringify(value)}`),
    (error: unknown) => {
      expect(error).toBeInstanceOf(HoldDeskError);
      return error as HoldDeskError;
    },
  );

describe('the desk over HTTP', () => {
  it('sends what one turn of the event loop brings in one request, and gives each its own', async () => {
    const { desk, seen, state, revisions } = await rig();
    const asked = Array.from({ length: 12 }, () => [take(10), take(20)]);
    const answers = await Promise.all(asked.map((operations) => desk.operate(operations)));
    expect(answers.map((outcomes) => outcomes.map(({ version }) => version))).toEqual(
      asked.map((operations) => operations.map(({ id }) => id)),
    );
    expect(seen.map(({ operations }) => operations.length)).toEqual([24]);
    expect(seen[0]!.url).toBe('/profitstream/v2/api/holds/batch');
    expect(seen[0]!.headers).toMatchObject({ 'x-api-key': 'rev_mk_T_1', 'user-agent': 'fusewire/test' });
    expect(revisions).toEqual([41]);
    state.apiKey = 'rev_mk_T_2';
    await desk.operate([take(10)]);
    expect(seen[1]!.headers['x-api-key']).toBe('rev_mk_T_2');
    expect(state.connections).toBe(1);
  });

  it('sends no more than the service takes, on a few connections', async () => {
    const { desk, seen, state } = await rig();
    const many = Array.from({ length: 1_500 }, () => take(10));
    const outcomes = await desk.operate(many);
    expect(outcomes.map(({ version }) => version)).toEqual(many.map(({ id }) => id));
    expect(Math.max(...seen.map(({ operations }) => operations.length))).toBeLessThanOrEqual(200);
    expect(seen.flatMap(({ operations }) => operations)).toHaveLength(1_500);
    expect(state.connections).toBeLessThanOrEqual(4);
    const wide = take(10, {
      owner: 'x'.repeat(200),
      call: { ...take(1).call, dimensions: { agent: 'é'.repeat(8_000) } },
    });
    seen.length = 0;
    await desk.operate(Array.from({ length: 150 }, () => wide));
    for (const { operations } of seen) expect(Buffer.byteLength(JSON.stringify(operations))).toBeLessThan(1_048_576);
    expect(await desk.operate([])).toEqual([]);
  });

  it('asks nobody who does not offer holds, and whoever was not heard of yet', async () => {
    const other = await rig(ok, 'ingest-batch');
    expect((await errorOf(other.desk.operate([take(10)]))).message).toContain('does not offer holds');
    expect(other.seen).toEqual([]);
    const unheard = await rig(ok, undefined);
    await unheard.desk.operate([take(10)]);
    expect(unheard.seen).toHaveLength(1);
  });

  it.each([404, 405, 501])('leaves a service alone for a while whose route answers %i', async (status) => {
    const { desk, seen, state, clock, url, capabilities } = await rig((_seen, response) => {
      response.writeHead(status, { 'fusewire-capabilities': 'holds' }).end('{}');
    });
    expect(await errorOf(desk.operate([take(10)]))).toMatchObject({ status });
    expect(capabilities.has(url, 'holds')).toBe(false);
    await errorOf(desk.operate([take(10)]));
    expect(seen).toHaveLength(1);
    state.answering = ok;
    await clock.advance(11 * 60_000);
    await desk.operate([take(10)]);
    expect(seen).toHaveLength(2);
  });

  it.each([
    [401, {}, false],
    [403, {}, false],
    [429, { 'retry-after': '1' }, false],
    [500, {}, false],
    [503, { 'retry-after': '5' }, false],
    [422, {}, true],
  ])('rejects and does not ask again by itself where the answer is %i', async (status, headers, isRefused) => {
    const { desk, seen } = await rig((_seen, response) => {
      response
        .writeHead(status, { 'fusewire-capabilities': 'holds', ...headers })
        .end('{"message":"the store is away"}');
    });
    const error = await errorOf(desk.operate([take(10)]));
    expect(error).toMatchObject({ status, isRefused });
    expect(error.message).toContain('the store is away');
    expect(seen).toHaveLength(1);
  });

  it('rejects what is not answered in time, at that time, and gives later ones their chance', async () => {
    const { desk, seen, state, clock } = await rig(() => {});
    const first = errorOf(desk.operate([take(10)]));
    while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1_999);
    state.answering = ok;
    await desk.operate([take(10)]);
    await clock.advance(1);
    expect(await first).toMatchObject({ status: undefined, isRefused: false });
    expect(seen).toHaveLength(2);
    expect(clock.pending()).toBe(0);
  });

  it('repeats a request once whose connection was cut, with the same operations', async () => {
    let cuts = 1;
    const cutting: Answering = (one, response) => {
      cuts -= 1;
      if (cuts >= 0) response.socket?.destroy();
      else ok(one, response);
    };
    const { desk, seen } = await rig(cutting);
    const operation = take(10);
    expect(await desk.operate([operation])).toMatchObject([{ version: operation.id }]);
    expect(seen.map(({ operations }) => operations[0]!.id)).toEqual([operation.id, operation.id]);
    cuts = 10;
    expect((await errorOf(desk.operate([operation]))).message).toContain('did not answer');
    expect(seen).toHaveLength(4);
  });

  it('rejects at once where nobody listens', async () => {
    const { desk, server } = await rig();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect((await errorOf(desk.operate([take(10)]))).message).toContain('did not answer');
  });

  it.each([
    ['nothing', ''],
    ['a web page', '<html>'],
    ['no list', '{"outcomes":{}}'],
    ['too few', '{"outcomes":[]}'],
    ['too many', '{"outcomes":[{"outcome":"free","version":"1"},{"outcome":"free","version":"1"}]}'],
    ['an outcome that is none', '{"outcomes":[{"outcome":"fine","version":"1"}]}'],
    ['no version', '{"outcomes":[{"outcome":"free"}]}'],
    ['held without a hold', '{"outcomes":[{"outcome":"held","version":"1"}]}'],
    [
      'refused without arithmetic',
      '{"outcomes":[{"outcome":"refused","version":"1","refusal":{"code":"BUDGET_EXCEEDED"}}]}',
    ],
    ['null', 'null'],
  ])('takes %s for no answer', async (_name, text) => {
    const { desk } = await rig((_seen, response) => {
      response.writeHead(200, { 'fusewire-capabilities': 'holds' }).end(text);
    });
    expect((await errorOf(desk.operate([take(10)]))).message).toContain('says nothing about holds');
  });

  it('lets an operation that the service does not take harm nobody else', async () => {
    const bad = take(10, { owner: 'bad' });
    const { desk, seen } = await rig((one, response) => {
      const at = one.operations.findIndex((operation) => operation.op === 'take' && operation.owner === 'bad');
      if (at < 0) return ok(one, response);
      const body = { [`operations.${at}.owner`]: 'must not be bad', message: 'no', error: 'validation_failed' };
      response.writeHead(400, { 'fusewire-capabilities': 'holds' }).end(JSON.stringify(body));
    });
    const good = [take(1), take(2), take(3)];
    const [first, refusal, ...rest] = await Promise.all([
      desk.operate([good[0]!]),
      errorOf(desk.operate([bad])),
      desk.operate([good[1]!]),
      desk.operate([good[2]!]),
    ]);
    expect([first, ...rest].map((outcomes) => outcomes[0]!.version)).toEqual(good.map(({ id }) => id));
    expect(refusal).toMatchObject({ status: 400, isRefused: true });
    expect(refusal.message).toContain('must not be bad');
    expect(seen).toHaveLength(2);
    await errorOf(desk.operate([bad]));
    expect(seen).toHaveLength(3);
  });

  it('rejects without a key, and when it is closed', async () => {
    const { desk, state, seen } = await rig(() => {});
    state.apiKey = '';
    expect((await errorOf(desk.operate([take(10)]))).message).toContain('no API key');
    state.apiKey = 'rev_mk_T_1';
    const waiting = errorOf(desk.operate([take(10)]));
    const sent = errorOf(desk.operate([{ op: 'renew', id: randomUUID(), sequence: 1 }]));
    while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const late = errorOf(desk.operate([take(10)]));
    await desk.close();
    expect((await late).message).toContain('closed');
    await Promise.all([waiting, sent]);
    expect((await errorOf(desk.operate([take(10)]))).message).toContain('closed');
    expect(seen).toHaveLength(1);
  });
});
