/** What goes beyond the contract: waiting, differences, bodies without a bound, compression. */
import { gunzipSync } from 'node:zlib';
import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import { until } from '../../helpers/until.js';
import { control, event } from '../store-support.js';

describe('a feed that is watched', () => {
  let service: ServiceFixture;
  let path: string;
  beforeEach(async () => {
    service = await openServiceFixture((options) => openSqliteStore({ ...options, inProcess: true }), {
      config: { inFlightMax: 4 },
    });
    path = `/v2/api/ai/enforcement-rules/${service.team.id}`;
  });
  afterEach(() => service.close());

  const read = (headers: Record<string, string> = {}, query = '') =>
    service.ask({ path: path + query, key: service.keys.metering, headers });
  const spend = (amount: number) =>
    service.store.recordEvents(service.team.id, [event(Date.now(), { totalCost: amount })]);
  const waiting = async () => {
    const { text } = await service.ask({ path: '/metrics' });
    return Number(/^fusewire_feed_waiters (\d+)$/m.exec(text)?.[1]);
  };

  it('is announced', async () => {
    const capabilities = String((await read()).headers['fusewire-capabilities']).split(', ');
    expect(capabilities).toEqual(expect.arrayContaining(['feed-wait', 'feed-delta', 'feed-whole']));
  });

  it.each(['61', '-1', '1.5', 'x', ''])('does not wait for %j', async (wait) => {
    const answer = await read({}, `?wait=${wait}`);
    expect([answer.status, answer.json.wait]).toEqual([400, expect.stringMatching(/from 0 to 60/)]);
  });

  it('answers at once whoever has another one, or names none', async () => {
    await service.store.createControl(service.team.id, control());
    expect((await read({}, '?wait=60')).status).toBe(200);
    expect((await read({ 'if-none-match': '"1-0"' }, '?wait=60')).status).toBe(200);
  });

  it('answers as soon as a verdict changes, on every path, and waiters take nobody the place', async () => {
    await service.store.createControl(service.team.id, control({ hardLimit: '1' }));
    const { etag } = (await read()).headers as { etag: string };
    const answers = Array.from({ length: 12 }, (_, i) =>
      service.ask({
        path: `${i % 2 === 0 ? '' : '/profitstream'}${path}?wait=60`,
        key: service.keys.metering,
        headers: { 'if-none-match': etag },
      }),
    );
    await until(async () => (await waiting()) === 12, 'all wait');
    await spend(2);
    for (const answer of await Promise.all(answers)) {
      expect([answer.status, answer.json.rules[0].breached]).toEqual([200, true]);
    }
    expect(await waiting()).toBe(0);
  });

  it('is 304 when the time is over', async () => {
    await service.store.createControl(service.team.id, control());
    const { etag } = (await read()).headers as { etag: string };
    const answer = await read({ 'if-none-match': etag }, '?wait=1');
    expect([answer.status, answer.headers['etag']]).toEqual([304, etag]);
  });

  it('forgets who hangs up, and lets go whoever waits when it closes', async () => {
    await service.store.createControl(service.team.id, control());
    const { etag } = (await read()).headers as { etag: string };
    const leave = new AbortController();
    const ask = (signal?: AbortSignal) =>
      request(`${service.url}${path}?wait=60`, {
        headers: { 'x-api-key': service.keys.metering, 'if-none-match': etag, connection: 'close' },
        ...(signal === undefined ? {} : { signal }),
      });
    const gone = ask(leave.signal);
    const stays = ask();
    await until(async () => (await waiting()) === 2, 'two wait');
    leave.abort();
    await expect(gone).rejects.toThrow();
    await until(async () => (await waiting()) === 1, 'one waits');
    const closed = service.close();
    expect((await stays).statusCode).toBe(304);
    await closed;
    service = await openServiceFixture((options) => openSqliteStore({ ...options, inProcess: true }));
  });

  it('tells what changed to whoever has a version before it', async () => {
    const { id, ruleId } = await service.store.createControl(service.team.id, control({ hardLimit: '1' }));
    await service.store.createControl(service.team.id, control({ name: 'other', hardLimit: '100' }));
    const mine = { 'fusewire-capabilities': 'feed-whole', 'a-im': 'fusewire-feed' };
    const first = await read(mine);
    const base = String(first.headers['etag']);
    expect([first.status, base]).toEqual([200, expect.stringMatching(/^"\d+-[0-9a-f]{16}"$/)]);
    await spend(2);
    const difference = await read({ ...mine, 'if-none-match': base });
    expect(difference.status).toBe(226);
    expect(difference.headers).toMatchObject({ im: 'fusewire-feed', 'delta-base': base });
    expect(difference.json).toMatchObject({ steps: [{ rules: [{ key: String(ruleId), breached: true }] }] });
    await service.store.deleteControl(service.team.id, id);
    const both = await read({ ...mine, 'if-none-match': base });
    expect(both.json.steps).toHaveLength(2);
    expect(both.json.steps[1]).toEqual({ removed: [String(ruleId)] });
    expect(both.headers['etag']).toBe((await read(mine)).headers['etag']);
    const unknown = await read({ ...mine, 'if-none-match': '"1-0000000000000000"' });
    expect([unknown.status, unknown.headers['delta-base']]).toEqual([200, undefined]);
    // A client that may not see more than 1 MiB is not told differences to what it cannot have.
    expect((await read({ 'a-im': 'fusewire-feed', 'if-none-match': base })).status).toBe(200);
  });

  it('sends a large feed whole and compressed to whoever says so, bounded to others', async () => {
    const { team, store } = service;
    await store.createControl(team.id, control({ groupBy: 'SUBSCRIBER', hardLimit: '1' }));
    const people = Array.from({ length: 9_000 }, (_, n) =>
      event(Date.now(), {
        totalCost: 1 + n / 10_000,
        subscriber: { id: `subscriber-${'x'.repeat(100)}-${10_000 + n}` },
      }),
    );
    await store.recordEvents(team.id, people);
    const bounded = await read();
    expect(bounded.text.length).toBeLessThan(1_048_576);
    const omitted = Number(bounded.headers['fusewire-feed-omitted']);
    const names = bounded.json.rules[0].groupBreakdown.map((entry: { groupValue: string }) => entry.groupValue);
    expect(names.length + omitted).toBe(9_000);
    // Those that are the furthest beyond their limit are all in.
    const expected = people.slice(omitted).map((one) => (one.body['subscriber'] as { id: string }).id);
    expect(new Set(names)).toEqual(new Set(expected));
    expect((await service.ask({ path: '/metrics' })).text).toContain(`fusewire_feed_omitted ${omitted}`);
    const whole = await request(`${service.url}${path}`, {
      headers: {
        'x-api-key': service.keys.metering,
        'fusewire-capabilities': 'feed-whole',
        'accept-encoding': 'br;q=1, gzip;q=0.5',
      },
    });
    expect(whole.headers['content-encoding']).toBe('gzip');
    expect(whole.headers['fusewire-feed-omitted']).toBeUndefined();
    const bytes = gunzipSync(Buffer.from(await whole.body.arrayBuffer()));
    expect(bytes.length).toBeGreaterThan(1_048_576);
    expect(JSON.parse(bytes.toString()).rules[0].groupBreakdown).toHaveLength(9_000);
  });

  it('never answers backwards: a client that knows a newer revision makes it look', async () => {
    await service.store.createControl(service.team.id, control());
    const first = await read();
    const newer = Number(first.headers['fusewire-revision']) + 5;
    const answer = await read({ 'if-none-match': `"${newer}-0123456789abcdef"` });
    expect([answer.status, answer.headers['etag']]).toEqual([200, first.headers['etag']]);
  });
});
