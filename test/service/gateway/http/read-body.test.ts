import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../../helpers/until.js';
import { type Front, type FrontOptions, head, KEY, openFront, RawClient, statuses } from './front.js';

describe('the body of a request', () => {
  let front: Front;
  const clients: RawClient[] = [];
  const bodies: Buffer[] = [];
  let calls = 0;
  const open = async (options: FrontOptions = {}) => {
    calls = 0;
    bodies.length = 0;
    front = await openFront({
      call: ({ response }, body) => {
        calls += 1;
        bodies.push(body);
        response.end('answered');
      },
      ...options,
    });
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
  const code = (text: string) => JSON.parse(text.slice(text.lastIndexOf('\r\n\r\n') + 4)).error.code;

  it('comes as it was sent, to the last byte', async () => {
    await open();
    const sent = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 31) % 256));
    const raw = client().write(head('POST', '/v1/chat/completions', [`content-length: ${sent.length}`]));
    raw.write(sent);
    await raw.until('answered');
    expect(bodies[0]!.equals(sent)).toBe(true);
  });

  it('is refused by its length before a byte of it is read', async () => {
    await open({ limits: { bodyBytesMax: 1_000 } });
    const text = await client()
      .write(head('POST', '/v1/chat/completions', ['content-length: 1001']))
      .until('}');
    expect(statuses(text)).toEqual([413]);
    expect(code(text)).toBe('body_too_large');
    expect(text).toContain('1000 bytes');
    const whole = client().write(head('POST', '/v1/chat/completions', ['content-length: 1000']));
    await whole.write('x'.repeat(1_000)).until('answered');
    expect(calls).toBe(1);
  });

  it('is refused once it is too long, where it does not say how long it is', async () => {
    await open({ limits: { bodyBytesMax: 1_000 } });
    const raw = client().write(head('POST', '/v1/messages', ['transfer-encoding: chunked']));
    for (let i = 0; i < 3; i += 1) raw.write(`1f4\r\n${'x'.repeat(500)}\r\n`);
    const text = await raw.until('request_id');
    expect(statuses(text)).toEqual([413]);
    expect(text).toContain('request_too_large');
    raw.write('0\r\n\r\n');
    await raw.closed();
    expect([calls, front.keyLimits.callsUnderWay, front.bodies.bytesHeld]).toEqual([0, 0, 0]);
  });

  it('may go on coming for a while after it was refused, so that its sender reads why', async () => {
    await open({ limits: { bodyBytesMax: 1_000 } });
    // A connection that is closed on unread bytes is reset, and with it goes an answer that was not read yet.
    const raw = client();
    raw.socket.pause();
    raw.write(head('POST', '/v1/chat/completions', ['content-length: 6000000']));
    for (let i = 0; i < 60; i += 1) {
      await new Promise((resolve) => raw.socket.write(Buffer.alloc(100_000, 'x'), resolve));
    }
    raw.socket.resume();
    const text = await raw.closed();
    expect(statuses(text)).toEqual([413]);
    expect(text).toContain('1000 bytes');
  });

  it('does not go on coming for ever', async () => {
    await open({ limits: { bodyBytesMax: 1_000 } });
    const raw = client().write(head('POST', '/api/chat', ['transfer-encoding: chunked']));
    const piece = `${(65_536).toString(16)}\r\n${'x'.repeat(65_536)}\r\n`;
    const pump = setInterval(() => raw.write(piece), 1);
    await raw.closed();
    clearInterval(pump);
    expect(calls).toBe(0);
  });

  it('leaves the connection usable where what is left of it is small', async () => {
    await open();
    const raw = client();
    raw.write(`POST /api/chat HTTP/1.1\r\nhost: a\r\nx-api-key: sk_wrong\r\ncontent-length: 10\r\n\r\n`);
    await raw.until('malformed_api_key');
    raw.write('0123456789').write(head('GET', '/healthz'));
    expect(statuses(await raw.until('"ok"'))).toEqual([401, 200]);
  });

  it('is awaited only from a client whose key works', async () => {
    await open();
    const lines = ['content-length: 5', 'expect: 100-continue'];
    const raw = client().write(head('POST', '/api/chat', lines));
    expect(await raw.until('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    expect(statuses(await raw.write('hello').until('answered'))).toEqual([100, 200]);
    const wrong = client().write(head('POST', '/api/chat', lines).replace(KEY, 'sk_wrong'));
    expect(statuses(await wrong.until('malformed_api_key'))).toEqual([401]);
    const large = client().write(head('POST', '/api/chat', ['content-length: 99999999', 'expect: 100-continue']));
    expect(statuses(await large.until('body_too_large'))).toEqual([413]);
    expect(calls).toBe(1);
  });

  it.each(['gzip', 'br', 'deflate', 'x', 'gzip, identity'])('is not taken as %s', async (encoding) => {
    await open();
    const lines = ['content-length: 5', `content-encoding: ${encoding}`];
    const text = await client()
      .write(`${head('POST', '/v1/responses', lines)}hello`)
      .until('}');
    expect(statuses(text)).toEqual([415]);
    expect(text).toContain('accept-encoding: identity');
  });

  it('is taken as identity', async () => {
    await open();
    const lines = ['content-length: 5', 'content-encoding: identity'];
    await client()
      .write(`${head('POST', '/v1/responses', lines)}hello`)
      .until('answered');
  });

  it('of a client that leaves is forgotten, with its place', async () => {
    await open();
    for (const lines of [['content-length: 1000'], ['transfer-encoding: chunked']]) {
      const raw = client()
        .write(head('POST', '/api/chat', lines))
        .write('64\r\nhalf');
      await until(() => front.bodies.bytesHeld > 0 || front.keyLimits.callsUnderWay > 0, 'a place');
      raw.destroy();
      await until(() => front.keyLimits.callsUnderWay === 0, 'no place');
    }
    expect([calls, front.bodies.bytesHeld]).toEqual([0, 0]);
    expect(await front.metricsText()).toContain('surface="ollama.chat",status="left"} 2');
  });

  it('counts against all that are in memory', async () => {
    const answers: (() => void)[] = [];
    await open({
      limits: { bodyBytesMax: 100_000, bodiesBytesMax: 150_000 },
      call: ({ response }) => void answers.push(() => response.end('answered')),
    });
    const send = () => {
      const raw = client().write(head('POST', '/api/chat', ['content-length: 100000']));
      return raw.write('x'.repeat(100_000));
    };
    const first = send();
    await until(() => answers.length === 1, 'the first call');
    const second = await send().until('}');
    expect(statuses(second)).toEqual([503]);
    expect(second).toContain('retry-after: 2');
    await until(() => front.bodies.bytesHeld === 100_000, 'the refused one is forgotten');
    answers[0]!();
    await first.until('answered');
    await until(() => front.bodies.bytesHeld === 0, 'nothing held');
    const third = send();
    await until(() => answers.length === 2, 'the third call');
    answers[1]!();
    await third.until('answered');
  });
});
