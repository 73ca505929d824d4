/** Connections to upstreams that are kept, and upstreams that close them at the worst moment. */
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../../helpers/until.js';
import { ANSWERS } from './answers.js';
import { answerOf, type RawUpstream, type Rig, rawCall, startRawUpstream, startRig } from './support.js';

const CHAT = ANSWERS[0]!;
const CALLS = 12;

describe('a connection that is idle', () => {
  let upstream: RawUpstream;
  let rig: Rig;
  /** Requests on each connection. */
  let askedOn: Map<Socket, number>;
  beforeEach(async () => {
    upstream = await startRawUpstream();
    rig = await startRig({ origin: upstream.origin, protocol: CHAT.protocol });
    askedOn = new Map();
  });
  afterEach(async () => {
    await rig.close();
    await upstream.close();
  });

  /** Answers the first request of a connection, with these headers, and resets it at the first byte of a second one. */
  function answersOnce(headers: string): void {
    upstream.script = (socket) => {
      const times = (askedOn.get(socket) ?? 0) + 1;
      askedOn.set(socket, times);
      if (times > 1) socket.resetAndDestroy();
      else socket.write(wire(headers));
    };
  }

  const wire = (headers: string) => {
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${CHAT.body.length}\r\n${headers}\r\n`;
    return Buffer.concat([Buffer.from(head), CHAT.body]);
  };

  async function call(): Promise<number> {
    const caller = rawCall(rig.port, CHAT.path, CHAT.request, { headers: { connection: 'close' } });
    await caller.closed;
    await rig.passages.at(-1)!.done;
    return answerOf(caller.bytes()).status;
  }

  it.each([
    'Connection: keep-alive\r\nKeep-Alive: timeout=1\r\n',
    'Keep-Alive: timeout=2, max=100\r\n',
    'Connection: close\r\n',
  ])('is not used again where the upstream says that it closes it soon: %j', async (headers) => {
    answersOnce(headers);
    for (let i = 0; i < CALLS; i += 1) expect(await call()).toBe(200);
    expect([...askedOn.values()]).toEqual(Array.from({ length: CALLS }, () => 1));
    expect(upstream.requests).toHaveLength(CALLS);
  });

  it('is used again where it says that it stays', async () => {
    upstream.script = (socket) => {
      askedOn.set(socket, (askedOn.get(socket) ?? 0) + 1);
      socket.write(wire('Keep-Alive: timeout=30\r\n'));
    };
    for (let i = 0; i < CALLS; i += 1) expect(await call()).toBe(200);
    expect([...askedOn.values()]).toEqual([CALLS]);
  });

  it('and was closed before the next call came costs no call', async () => {
    upstream.script = (socket) => socket.end(wire(''));
    for (let i = 0; i < CALLS; i += 1) {
      expect(await call()).toBe(200);
      await until(() => upstream.sockets.size === 0, 'the connection closed');
    }
    expect(upstream.requests).toHaveLength(CALLS);
  });

  it('and is closed at the moment of a call, unannounced, costs that call: it is told, metered once, and never sent twice', async () => {
    answersOnce('');
    expect(await call()).toBe(200);
    expect(await call()).toBe(502);
    // Once each: what the second one set off nobody knows.
    expect(upstream.requests).toHaveLength(2);
    expect(rig.events).toHaveLength(2);
    expect(rig.passages.at(-1)!.ticket.ends).toBe(1);
    expect(await call()).toBe(200);
  });
});
