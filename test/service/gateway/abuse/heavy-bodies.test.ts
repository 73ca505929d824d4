// Bodies that would take far more memory or time to read than their bytes.
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BODIES_BYTES_MAX } from '../../../../service/gateway/http/read-body.js';
import { isHeavyJson, JSON_NODES_MAX, JSON_VALUES_MAX } from '../../../../service/gateway/read/json-weight.js';
import { until } from '../../../helpers/until.js';
import { openWhole, type Payer, type Whole } from '../whole/whole.js';

const MIB = 1_048_576;

describe('heavy JSON', () => {
  const heavy = (text: string) => isHeavyJson(Buffer.from(text));
  it('is told by what stands outside of texts', () => {
    expect(heavy(`[${'[],'.repeat(JSON_NODES_MAX)}0]`)).toBe(true);
    expect(heavy(`{"a":1${',"k":1'.repeat(JSON_NODES_MAX)}}`)).toBe(true);
    expect(heavy(`[0${',0'.repeat(JSON_VALUES_MAX + 1)}]`)).toBe(true);
    expect(heavy('['.repeat(JSON_NODES_MAX + 1))).toBe(true);
    expect(heavy(`[0${',0'.repeat(300_000)}]`)).toBe(false);
    expect(heavy(`["${'{[:,'.repeat(JSON_NODES_MAX)}"]`)).toBe(false);
    expect(heavy(`["\\\\${'{[:,\\"'.repeat(JSON_NODES_MAX)}\\\\"]`)).toBe(false);
    expect(heavy(`["\\\\",${'[],'.repeat(JSON_NODES_MAX)}0]`)).toBe(true);
    expect(heavy(`"${'[],'.repeat(JSON_NODES_MAX)}`)).toBe(false);
  });
});

describe('a caller with a key and a body made to hurt', () => {
  let whole: Whole;
  let payer: Payer;
  beforeAll(async () => {
    whole = await openWhole();
    payer = await whole.payer();
  });
  afterAll(() => whole.close());

  const wrap = (inner: string) => `{"model":"llama3.2","messages":[{"role":"user","content":"x"}],"zz":${inner}}`;
  const post = async (body: string | Buffer, headers: Record<string, string> = {}, path = '/v1/chat/completions') => {
    const answer = await fetch(whole.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${payer.key}`, 'content-type': 'application/json', ...headers },
      body,
    });
    const text = await answer.text();
    return { status: answer.status, message: text.slice(0, 300) };
  };

  it('is refused what is nested deep, has too many parts, or is packed', { timeout: 60_000 }, async () => {
    const bodies: readonly (readonly [string, RegExp])[] = [
      [wrap('['.repeat(90_000) + ']'.repeat(90_000)), /nested deeper|too many lists/],
      [wrap(`${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`), /nested deeper|too many lists/],
      [wrap('['.repeat(90_000)), /no JSON|too many lists/],
      [wrap(`[${'[],'.repeat(8 * MIB)}0]`), /too many lists/],
      [wrap(`[${'{"a":{}},'.repeat(2 * MIB)}0]`), /too many lists/],
      [wrap(`{${'"k":1,'.repeat(MIB)}"k":1}`), /too many lists/],
      [`{${'"k":1,'.repeat(257)}"model":"x"}`, /twice/],
    ];
    for (const [body, message] of bodies) {
      const before = process.cpuUsage();
      expect(await post(body)).toEqual({ status: 400, message: expect.stringMatching(message) });
      const { user } = process.cpuUsage(before);
      // Sending it is most of that; reading the heaviest of them took four seconds.
      expect(user / 1_000).toBeLessThan(3_000);
    }
    const bomb = gzipSync(Buffer.alloc(64 * MIB));
    for (const encoding of ['gzip', 'br', 'deflate', 'zstd', 'gzip, identity', 'x']) {
      expect((await post(bomb, { 'content-encoding': encoding })).status).toBe(415);
    }
    expect((await post(bomb)).status).toBe(400);
    expect(whole.standIn.seen.filter(({ method }) => method === 'POST')).toEqual([]);
  });

  it('is refused a form of a million parts, of heads without end, and one that hides its model', {
    timeout: 60_000,
  }, async () => {
    const type = { 'content-type': 'multipart/form-data; boundary=b' };
    const part = (name: string, value: string, more = '') =>
      `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
    const forms = [
      '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n'.repeat(400_000),
      part('a', '').repeat(300_000),
      `--b\r\nContent-Disposition: form-data; name="${'a'.repeat(8 * MIB)}"\r\n\r\n`,
      `--b\r\n${'X: y\r\n'.repeat(MIB)}`,
      `--b\r\n${'\r\n'.repeat(4 * MIB)}`,
      '--b'.repeat(4 * MIB),
      '\r\n--b'.repeat(4 * MIB),
      `${part('model', 'whisper-1') + part('model', 'gpt-4o-transcribe')}--b--`,
      `${part('model', 'whisper-1') + part('Model', 'gpt-4o-transcribe')}--b--`,
      `${part('model', 'whisper-1', '; name="file"')}--b--`,
      `${part('_charset_', 'utf-7') + part('model', 'whisper-1')}--b--`,
      `${part('model', 'whisper-1')}--b--${part('model', 'x')}`,
      `preamble${part('model', 'whisper-1')}--b--`,
    ];
    for (const form of forms) expect((await post(form, type, '/v1/audio/transcriptions')).status).toBe(400);
    const boundary = `multipart/form-data; boundary=${'a'.repeat(10_000)}`;
    expect((await post('', { 'content-type': boundary }, '/v1/audio/transcriptions')).status).toBe(400);
    expect(whole.standIn.seen.filter(({ method }) => method === 'POST')).toEqual([]);
  });

  it('holds bodies in memory up to a bound for all together, and gives all of it back', async () => {
    const large = Buffer.from(`{"model":"llama3.2","messages":[{"role":"user","content":"${'a'.repeat(31 * MIB)}"}]}`);
    expect((await post(Buffer.alloc(33 * MIB))).status).toBe(413);
    const { hostname, port } = new URL(whole.url);
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${payer.key}\r\ncontent-type: application/json\r\n`;
    const allButOneByte = Buffer.alloc(32 * MIB - 1, ' ');
    // One more than there is room for, and none of them whole.
    let refused = 0;
    const waiting = Array.from({ length: BODIES_BYTES_MAX / (32 * MIB) + 1 }, () => {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      socket.once('data', (piece) => {
        expect(piece.toString()).toContain(' 503 ');
        refused += 1;
      });
      socket.write(`${head}content-length: ${32 * MIB}\r\n\r\n`);
      socket.write(allButOneByte);
      return socket;
    });
    await until(() => refused > 0, 'one has no room', 90_000);
    for (const socket of waiting) socket.destroy();
    await until(async () => (await post(large)).status === 200, 'room for one', 60_000);
  }, 120_000);

  it('hangs nobody else up while it sends', async () => {
    // What this process computes meanwhile; what others on this machine do is not the gateway's.
    let longestMs = 0;
    const other = await whole.payer();
    const ask = async () => {
      const before = process.cpuUsage();
      const answer = await fetch(`${whole.url}/api/version`, { headers: { 'x-api-key': other.key } });
      await answer.text();
      const { user, system } = process.cpuUsage(before);
      longestMs = Math.max(longestMs, (user + system) / 1_000);
    };
    const body = wrap(`[${'[],'.repeat(10 * MIB)}0]`);
    const attack = Promise.all([post(body), post(body), post(body), post(body)]);
    let isOver = false;
    void attack.then(() => {
      isOver = true;
    });
    while (!isOver) await ask();
    expect((await attack).map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    expect(longestMs).toBeLessThan(3_000);
  }, 120_000);
});
