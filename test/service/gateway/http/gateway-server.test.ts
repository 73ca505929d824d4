import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../../helpers/until.js';
import { type Front, type FrontOptions, head, KEY, openFront, RawClient, statuses } from './front.js';

/** A body that does not fit into the buffers of two kernels. */
const LARGE = Buffer.alloc(1_048_576, 'x');

describe('the listener of the gateway', () => {
  let front: Front;
  const clients: RawClient[] = [];
  const open = async (options: FrontOptions = {}) => {
    front = await openFront(options);
    return front;
  };
  const client = () => {
    const made = new RawClient(front.port);
    clients.push(made);
    return made;
  };
  afterEach(async () => {
    for (const each of clients.splice(0)) each.destroy();
    await front.close();
  });

  const post = (body: string, lines: string[] = []) =>
    `${head('POST', '/api/chat', [`content-length: ${body.length}`, ...lines])}${body}`;
  const parsed = (text: string) => JSON.parse(text.slice(text.lastIndexOf('\r\n\r\n') + 4));

  describe('takes requests', () => {
    it('in pieces of any size', async () => {
      await open();
      const raw = client();
      for (const letter of post('{"a":1}')) {
        raw.write(letter);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(parsed(await raw.until('}'))).toEqual({ got: 7 });
    });

    it('one after another on one connection, and answers pipelined ones in their order', async () => {
      const release: (() => void)[] = [];
      await open({
        call: (exchange, body) => {
          release.push(() => exchange.response.end(`<${body}>`));
        },
      });
      const raw = client().write(post('one') + post('two') + post('three'));
      await until(() => release.length === 3, 'three calls');
      for (const answer of release.reverse()) answer();
      const text = await raw.until('<three>');
      expect(text.indexOf('<one>')).toBeLessThan(text.indexOf('<two>'));
      expect(text.indexOf('<two>')).toBeLessThan(text.indexOf('<three>'));
      raw.write(post('four'));
      await until(() => release.length === 4, 'the fourth call');
      release[3]!();
      await raw.until('<four>');
    });

    it('of HTTP/1.0, and closes the connection after them', async () => {
      await open();
      const raw = client().write(`POST /api/chat HTTP/1.0\r\nx-api-key: ${KEY}\r\ncontent-length: 2\r\n\r\n{}`);
      const text = await raw.closed();
      expect(statuses(text)).toEqual([200]);
      expect(text.toLowerCase()).toContain('connection: close');
    });

    it('with a chunked body', async () => {
      await open();
      const raw = client().write(head('POST', '/api/chat', ['transfer-encoding: chunked']));
      raw.write('3\r\nabc\r\n').write('4\r\ndefg\r\n').write('0\r\n\r\n');
      expect(parsed(await raw.until('}'))).toEqual({ got: 7 });
    });

    it('without a body', async () => {
      await open();
      const raw = client().write(head('POST', '/api/chat'));
      expect(parsed(await raw.until('}'))).toEqual({ got: 0 });
    });
  });

  describe('gives every request an id', () => {
    it('of its own, or the sound one that came', async () => {
      await open();
      const own = await client().write(head('GET', '/nowhere')).until('unknown_path');
      expect(own).toMatch(/x-request-id: [0-9a-f-]{36}\.1\r\n/);
      expect(await client().write(head('GET', '/nowhere')).until('unknown_path')).toMatch(
        /x-request-id: [0-9a-f-]{36}\.2\r\n/,
      );
      const given = await client()
        .write(head('GET', '/nowhere', ['x-request-id: mine.1']))
        .until('unknown_path');
      expect(given).toContain('x-request-id: mine.1\r\n');
      const odd = await client()
        .write(head('GET', '/nowhere', ['x-request-id: <script>']))
        .until('unknown_path');
      expect(odd).not.toContain('<script>');
    });
  });

  describe('answers what is no request', () => {
    it.each([
      ['garbage', 'nonsense\r\n\r\n', 400],
      ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
      ['a header with a space in its name', 'GET / HTTP/1.1\r\nhost: a\r\nx y: 1\r\n\r\n', 400],
      ['no host', 'GET /healthz HTTP/1.1\r\n\r\n', 400],
      ['a bare line feed in a header', 'GET /healthz HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n', 400],
      ['another protocol', 'GET / SPDY/3\r\n\r\n', 400],
      ['headers that are too large', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
      ['a path that is too large', `GET /${'y'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`, 431],
      ['CONNECT', 'CONNECT db.internal:5432 HTTP/1.1\r\nhost: db.internal\r\n\r\n', 405],
    ])('%s', async (_name, bytes, status) => {
      await open();
      const text = await client().write(Buffer.from(bytes, 'latin1')).closed();
      expect(statuses(text)).toEqual([status]);
      if (!text.includes('content-length: 0') && text.includes('{')) expect(parsed(text).error.message).toBeTruthy();
      // The next one is served.
      expect(statuses(await client().write(head('GET', '/healthz')).until('ok'))).toEqual([200]);
    });

    it.each([
      ['two lengths', ['content-length: 5', 'content-length: 6'], 'hello!'],
      [
        'a length and chunks',
        ['content-length: 5', 'transfer-encoding: chunked'],
        '0\r\n\r\nGET /v1/models HTTP/1.1\r\n\r\n',
      ],
      [
        'chunks and a length',
        ['transfer-encoding: chunked', 'content-length: 5'],
        '0\r\n\r\nGET /v1/models HTTP/1.1\r\n\r\n',
      ],
      ['two lengths in one', ['content-length: 5, 5'], 'hello'],
      ['a signed length', ['content-length: +5'], 'hello'],
      ['a negative length', ['content-length: -5'], 'hello'],
      ['a length in hex', ['content-length: 0x5'], 'hello'],
      ['chunks by another name', ['transfer-encoding: xchunked'], '0\r\n\r\n'],
      ['chunks that are not last', ['transfer-encoding: chunked, identity'], '0\r\n\r\n'],
      ['a chunk that is no number', ['transfer-encoding: chunked'], 'zz\r\nhello\r\n0\r\n\r\n'],
      ['a chunk that is too long', ['transfer-encoding: chunked'], 'fffffffffffffffff\r\nhello\r\n0\r\n\r\n'],
      ['a chunk without its end', ['transfer-encoding: chunked'], '5\r\nhelloX0\r\n\r\n'],
      ['a line that goes on', ['x: a', ' content-length: 5'], 'hello'],
      ['a space before the colon', ['content-length : 5'], 'hello'],
    ])('a body that two readers could read differently: %s', async (_name, lines, body) => {
      let calls = 0;
      await open({
        call: ({ response }) => {
          calls += 1;
          response.end();
        },
      });
      const text = await client()
        .write(`${head('POST', '/api/chat', lines)}${body}${post('{}')}`)
        .closed();
      expect(statuses(text)).toEqual([400]);
      expect(calls).toBe(0);
    });

    it('a second request that is none, without touching the answer of the first', async () => {
      const answers: (() => void)[] = [];
      await open({
        call: ({ response }) => {
          response.writeHead(200, { 'content-length': '10' }).write('first');
          answers.push(() => response.end('whole'));
        },
      });
      const raw = client().write(post('{}'));
      await raw.until('first');
      raw.write('nonsense\r\n\r\n');
      const text = await raw.closed();
      expect(text.endsWith('first')).toBe(true);
      expect(statuses(text)).toEqual([200]);
      answers[0]!();
    });

    it('an expectation that nobody knows', async () => {
      await open();
      const text = await client()
        .write(head('POST', '/api/chat', ['expect: 200-maybe', 'content-length: 0']))
        .until('}');
      expect(statuses(text)).toEqual([417]);
    });

    it('an upgrade, by not upgrading', async () => {
      await open();
      const lines = [
        'connection: upgrade',
        'upgrade: websocket',
        'sec-websocket-version: 13',
        'sec-websocket-key: eA==',
      ];
      expect(
        statuses(
          await client()
            .write(head('GET', '/v1/realtime', lines))
            .until('unknown_path'),
        ),
      ).toEqual([404]);
      const other = await client()
        .write(head('GET', '/healthz', ['connection: upgrade', 'upgrade: h2c']))
        .until('ok');
      expect(statuses(other)).toEqual([200]);
    });
  });

  describe('bounds the time of', () => {
    it('heads that never end', async () => {
      await open({ limits: { headersTimeoutMs: 150, requestTimeoutMs: 5_000 } });
      const raw = client().write('POST /api/chat HTTP/1.1\r\nhost: a\r\n');
      const drip = setInterval(() => raw.write('x: y\r\n'), 20);
      const text = await raw.closed();
      clearInterval(drip);
      expect(statuses(text)).toEqual([408]);
    });

    it('connections that say nothing', async () => {
      await open({ limits: { headersTimeoutMs: 150, requestTimeoutMs: 200, keepAliveMs: 100 } });
      await client().closed();
    });

    it('connections that say nothing more', async () => {
      await open({ limits: { keepAliveMs: 100 } });
      const raw = client().write(head('GET', '/healthz'));
      expect(statuses(await raw.closed())).toEqual([200]);
    });

    it('bodies that never end, in the dialect of their caller', async () => {
      let calls = 0;
      await open({
        limits: { headersTimeoutMs: 100, requestTimeoutMs: 200 },
        call: () => {
          calls += 1;
        },
      });
      const raw = client().write(head('POST', '/api/chat', ['content-length: 1000']));
      const drip = setInterval(() => raw.write('x'), 20);
      const text = await raw.closed();
      clearInterval(drip);
      expect(statuses(text)).toEqual([408]);
      expect(parsed(text).fusewire.code).toBe('request_timeout');
      expect([calls, front.keyLimits.callsUnderWay, front.bodies.bytesHeld]).toEqual([0, 0, 0]);
    });

    it('callers that read nothing', async () => {
      let isOver = false;
      await open({
        limits: { slowReaderMs: 200 },
        call: (exchange) => {
          exchange.whenOver(() => {
            isOver = true;
          });
          exchange.response.writeHead(200);
          for (let i = 0; i < 16; i += 1) exchange.response.write(LARGE);
        },
      });
      const raw = client().write(post('{}'));
      raw.socket.pause();
      await until(() => isOver, 'the end of the exchange');
      expect(front.keyLimits.callsUnderWay).toBe(0);
      expect(await front.metricsText()).toContain('fusewire_gateway_clients_left_total 1');
    });

    it('nobody who waits for an answer, however long it takes', async () => {
      await open({
        limits: { slowReaderMs: 60 },
        call: ({ response }) => void setTimeout(() => response.end('late'), 400),
      });
      expect(await client().write(post('{}')).until('late')).toContain('200 OK');
    });
  });

  describe('with too many connections', () => {
    it('closes further ones, and says so once', async () => {
      await open({ limits: { connectionsMax: 2 } });
      const first = client().write(head('GET', '/healthz'));
      const second = client().write(head('GET', '/healthz'));
      await Promise.all([first.until('ok'), second.until('ok')]);
      expect(await client().closed()).toBe('');
      expect(await client().closed()).toBe('');
      expect(front.lines.filter(({ message }) => message.startsWith('too many connections'))).toHaveLength(1);
      first.destroy();
      second.destroy();
      await until(() => front.lines.some(({ message }) => message === 'connections are taken again'), 'the line');
      expect(statuses(await client().write(head('GET', '/healthz')).until('ok'))).toEqual([200]);
      expect(await front.metricsText()).toContain('fusewire_gateway_connections_dropped_total 2');
    });
  });

  describe('when it fails', () => {
    it('answers 500 without the reason, which is in the log', async () => {
      await open({
        call: () => {
          throw new Error('postgres://user:hunter2@db');
        },
      });
      const text = await client().write(post('{}')).until('internal_error');
      expect(statuses(text)).toEqual([500]);
      expect(text).not.toContain('hunter2');
      const id = /x-request-id: (\S+)/.exec(text)![1];
      const line = front.lines.find(({ level }) => level === 'error');
      expect(line?.fields).toMatchObject({ requestId: id });
      expect(front.keyLimits.callsUnderWay).toBe(0);
    });

    it('cuts an answer that was begun', async () => {
      await open({
        call: async ({ response }) => {
          response.writeHead(200, { 'content-length': '100' }).write('begun');
          await new Promise((resolve) => setImmediate(resolve));
          throw new Error('no more');
        },
      });
      const text = await client().write(post('{}')).closed();
      expect(text.endsWith('begun')).toBe(true);
    });
  });

  describe('while it closes', () => {
    it('lets answers end that are under way, and takes nothing more', async () => {
      let finish: (() => void) | undefined;
      await open({
        call: ({ response }) => {
          response.write('begun');
          finish = () => response.end('ended');
        },
      });
      const idle = client().write(head('GET', '/healthz'));
      await idle.until('ok');
      const raw = client().write(post('{}'));
      await raw.until('begun');
      const closed = front.close(5_000);
      await idle.closed();
      await new Promise<void>((resolve) => {
        const late = createServer().listen(front.port, '127.0.0.1', () => late.close(() => resolve()));
      });
      raw.write(post('{}'));
      finish!();
      const text = await raw.closed();
      await closed;
      expect(text).toContain('ended');
      expect(text).toContain('shutting_down');
      expect(statuses(text)).toEqual([200, 503]);
    });

    it('cuts what does not end', async () => {
      await open({ call: ({ response }) => void response.write('begun') });
      const raw = client().write(post('{}'));
      await raw.until('begun');
      await front.close(50);
      await raw.closed();
      expect(front.lines.some(({ message }) => message.includes('are cut'))).toBe(true);
    });
  });

  describe('for browsers', () => {
    const preflight = (origin: string) =>
      `OPTIONS /api/chat HTTP/1.1\r\nhost: a\r\norigin: ${origin}\r\naccess-control-request-method: POST\r\naccess-control-request-headers: authorization, x-stainless-os\r\n\r\n`;

    it('answers nothing by default', async () => {
      await open();
      const text = await client().write(preflight('https://app.example.com')).until('}');
      expect(statuses(text)).toEqual([405]);
      expect(text).not.toContain('access-control');
      expect(
        await client()
          .write(head('GET', '/nowhere', ['origin: https://a.example']))
          .until('}'),
      ).not.toContain('vary');
    });

    it('answers origins of its list', async () => {
      await open({ corsOrigins: ['https://app.example.com', '*'] });
      const text = await client().write(preflight('https://app.example.com')).until('\r\n\r\n');
      expect(statuses(text)).toEqual([204]);
      expect(text).toContain('access-control-allow-origin: https://app.example.com\r\n');
      expect(text).toContain('access-control-allow-headers: authorization, x-stainless-os\r\n');
      expect(text).not.toContain('credentials');
      const other = await client().write(preflight('https://evil.example.com')).until('}');
      expect(statuses(other)).toEqual([405]);
      expect(other).not.toContain('access-control-allow-origin');
      expect(other).toContain('vary: Origin');
      const own = await client()
        .write(head('GET', '/nowhere', ['origin: https://app.example.com']))
        .until('}');
      expect(own).toContain('access-control-expose-headers: fusewire-budget-control');
    });
  });
});
