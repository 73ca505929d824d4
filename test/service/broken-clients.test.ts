// Clients that break off in the middle of a body, and clients whose clocks are a day off.
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openServiceFixture, type ServiceFixture, usageEvent } from '../helpers/service-fixture.js';
import { openTestStore } from '../helpers/stores.js';
import { control, DAY, HOUR, handClock, NOON, rulesOf } from './store-support.js';

const COMPLETIONS = '/meter/v2/ai/completions';
const clock = handClock();
let service: ServiceFixture;
beforeEach(async () => {
  service = await openServiceFixture(openTestStore, { runtime: clock.runtime });
});
afterEach(() => service.close());

/** Sends the text and hangs up, or says that nothing more comes; resolves when the connection is gone. */
function breakOff(text: string, how: 'destroy' | 'end'): Promise<void> {
  const { hostname, port } = new URL(service.url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(text, () => (how === 'destroy' ? setImmediate(() => socket.destroy()) : socket.end()));
    });
    socket.resume();
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
  });
}

const head = (path: string, type: string, length: string) =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\nx-api-key: ${service.keys.metering}\r\ncontent-type: ${type}\r\n${length}\r\n\r\n`;

test('I4: of a body that breaks off nothing is kept, wherever it breaks; the client that sends it again is counted once', async () => {
  const { id } = service.team;
  const one = JSON.stringify(usageEvent({ transactionId: 'cut', totalCost: 1 }));
  const lines = ['a', 'b', 'c']
    .map((name) => JSON.stringify({ type: 'ai/completions', event: usageEvent({ transactionId: name, totalCost: 1 }) }))
    .map((line) => `${line}\n`)
    .join('');
  const bodies = [
    { path: COMPLETIONS, type: 'application/json', body: one },
    { path: '/meter/v2/batch', type: 'application/x-ndjson', body: lines },
    { path: '/meter/v2/batch', type: 'application/json', body: `[${lines.trim().split('\n')}]` },
  ];
  for (const { path, type, body } of bodies) {
    // Where the NDJSON breaks between two lines, everything before it is whole, and it is refused all the same.
    const cuts = [0, 1, Math.floor(body.length / 2), body.indexOf('\n') + 1, body.length - 1];
    for (const cut of cuts) {
      for (const how of ['destroy', 'end'] as const) {
        const part = body.slice(0, cut);
        await breakOff(head(path, type, `content-length: ${body.length}`) + part, how);
        const chunk = `${part.length.toString(16)}\r\n${part}\r\n`;
        await breakOff(head(path, type, 'transfer-encoding: chunked') + (cut === 0 ? '' : chunk), how);
      }
    }
  }
  expect((await service.store.findEvents(id, { page: 0, size: 9 })).totalElements).toBe(0);
  for (let i = 0; i < 2; i += 1) {
    for (const { path, type, body } of bodies) {
      const got = await service.ask({ path, text: body, headers: { 'content-type': type } });
      expect([200, 201]).toContain(got.status);
    }
  }
  expect((await service.store.findEvents(id, { page: 0, size: 9 })).totalElements).toBe(4);
  expect((await service.store.verifyBalances()).wrong).toEqual([]);
});

test('I13: a client whose clock is a day off is counted by the receipt, and flagged; one within 25 hours by its own time', async () => {
  const { id } = service.team;
  await service.store.createControl(id, control({ name: 'today', hardLimit: '100' }));
  const cases = [
    { transactionId: 'ahead', offMs: DAY, isFlagged: true },
    { transactionId: 'two-behind', offMs: -2 * DAY, isFlagged: true },
    { transactionId: 'a-little-ahead', offMs: 4 * 60_000, isFlagged: false },
    { transactionId: 'a-day-behind', offMs: -DAY, isFlagged: false },
    { transactionId: 'this-morning', offMs: -3 * HOUR, isFlagged: false },
    { transactionId: 'too-far-behind', offMs: -25 * HOUR - 1, isFlagged: true },
  ];
  for (const { transactionId, offMs } of cases) {
    const requestTime = new Date(NOON + offMs).toISOString();
    const times = { requestTime, completionStartTime: requestTime, responseTime: requestTime };
    const json = usageEvent({ transactionId, totalCost: 1, ...times });
    expect((await service.ask({ path: COMPLETIONS, json })).status).toBe(201);
  }
  const { items } = await service.store.findEvents(id, { page: 0, size: 9 });
  for (const { transactionId, offMs, isFlagged } of cases) {
    const item = items.find((one) => one.transactionId === transactionId);
    expect([transactionId, item?.windowFlagged, item?.windowTimeMs]).toEqual([
      transactionId,
      isFlagged,
      isFlagged ? NOON : NOON + offMs,
    ]);
  }
  // Yesterday's is not of today.
  expect((await rulesOf(service.store, id))[0]?.currentValue).toBe(5);
  expect((await service.store.verifyBalances()).wrong).toEqual([]);
});
