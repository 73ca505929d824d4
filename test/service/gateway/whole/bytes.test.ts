// I3: what a caller gets through the gateway is, byte for byte, what it gets without; and what it sends is what arrives.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../../helpers/until.js';
import { answerOf } from '../forward/support.js';
import type { Fault } from '../support/stand-in-upstream.js';
import { declarePrices } from './endpoint-cases.js';
import { askRaw, formOf, isCallOf, openRaw, placeOf, type RawAnswer, type RawRequest, REQUESTS } from './raw.js';
import { openWhole, type Payer, type Whole } from './whole.js';

const ALIASES = {
  fast: { model: 'gpt-4o-mini', upstream: 'openai' },
  smart: { model: 'claude-sonnet-4-5', upstream: 'anthropic' },
  lokal: { model: 'llama3.2', upstream: 'ollama' },
  ohr: { model: 'gpt-4o-mini-transcribe', upstream: 'openai' },
};

let whole: Whole;
let payer: Payer;
beforeAll(async () => {
  whole = await openWhole({ config: { aliases: ALIASES } });
  await declarePrices(whole);
  payer = await whole.payer({ budget: 1_000 });
});
afterAll(() => whole.close());

/** Of the upstream; the others speak of the connection. */
const KEPT = ['content-type', 'content-length', 'x-request-id', 'request-id', 'openai-processing-ms'];
const LIMITS = /^(x-ratelimit-|anthropic-ratelimit-|retry-after)/;

function kept({ headers }: RawAnswer, bare: RawAnswer, mayLoseLength: boolean): [string, string | undefined][] {
  const names = [...bare.headers.keys()].filter((name) => KEPT.includes(name) || LIMITS.test(name));
  return names.filter((name) => !(mayLoseLength && name === 'content-length')).map((name) => [name, headers.get(name)]);
}

/** Asks both ways and compares all that a caller can see. */
async function compared(request: RawRequest, fault?: Fault): Promise<RawAnswer> {
  const bare = await askRaw(whole, request, undefined, fault);
  const got = await askRaw(whole, request, payer.key, fault);
  expect([got.status, got.whole, got.ending]).toEqual([bare.status, bare.whole, bare.ending]);
  expect(got.body.toString('latin1')).toBe(bare.body.toString('latin1'));
  const isStripped = request.isStream === true;
  expect(kept(got, bare, isStripped)).toEqual(kept(bare, bare, isStripped));
  return got;
}

async function reportedEvent({ headers }: RawAnswer) {
  const event = await whole.eventOf(headers.get('fusewire-transaction-id')!);
  return event.body as Record<string, unknown> & { attributes: Record<string, unknown> };
}

describe('I3: every endpoint', () => {
  it.each(REQUESTS)('$name: the same bytes both ways', async (request) => {
    const got = await compared(request);
    expect(got.status).toBe(200);
    expect(got.headers.has('fusewire-transaction-id')).toBe(request.isFree !== true);
    expect(got.headers.has('content-length')).toBe(request.isStream !== true);
    if (usageIsInjected(request)) return;
    expect(got.seen!.bytes.toString('latin1')).toBe(Buffer.from(request.body ?? '').toString('latin1'));
  });

  it.each(REQUESTS.filter(({ isFree }) => isFree !== true))('$name: one byte a packet', async (request) => {
    const got = await compared(request, 'bytes');
    // Whatever the packets, the counts are those of the provider where it names some.
    const { attributes } = await reportedEvent(got);
    const isSilent = /embeddings$|moderations|subtitles/.test(request.name) && request.path !== '/v1/embeddings';
    expect(attributes['usageState']).toBe(isSilent ? 'estimated' : 'reported');
  });

  it.each(REQUESTS.filter(({ isStream }) => isStream === true))('$name: lines that end in CRLF', async (request) => {
    const { attributes } = await reportedEvent(await compared(request, 'crlf'));
    expect(attributes['usageState']).toBe('reported');
  });

  it.each(REQUESTS.filter(({ isStream }) => isStream === true))(
    '$name: each piece before the next',
    async (request) => {
      const { standIn } = whole;
      const bare = await pieces(request, undefined, []);
      const got = await pieces(request, payer.key, bare);
      expect(got.join('')).toBe(bare.join(''));
      standIn.reset();
    },
  );
});

/** The usage of a chat or a completion is asked for where the caller does not. */
function usageIsInjected({ path, isStream }: RawRequest): boolean {
  return isStream === true && /^\/v1\/(chat\/)?completions$/.test(path);
}

/**
 * What comes for each packet that the upstream sends; it sends one only when the one before is with the caller. Where
 * usage was asked for there is one packet more, which the caller does not get.
 */
async function pieces(request: RawRequest, key: string | undefined, bare: readonly string[]): Promise<string[]> {
  const { standIn } = whole;
  standIn.reset();
  standIn.numberNext(31);
  const isIts = isCallOf(request);
  standIn.plan = (call) => (isIts(call) ? 'step' : undefined);
  const caller = openRaw(whole, request, key);
  await until(() => standIn.seen.some(isIts), 'the request');
  const call = standIn.seen.find(isIts);
  const found: string[] = [];
  const length = () => answerOf(caller.bytes()).body.length;
  const send = async (count: number) => {
    await until(() => {
      if (call!.generated < count) standIn.release();
      return call!.generated === count;
    }, `packet ${count}`);
  };
  const isExtra = (index: number) => usageIsInjected(request) && key !== undefined && index === bare.length - 1;
  let sent = 0;
  for (let index = 0; index < (key === undefined ? Number.POSITIVE_INFINITY : bare.length); index += 1) {
    const before = length();
    for (let packets = isExtra(index) ? 2 : 1; packets > 0; packets -= 1) {
      sent += 1;
      await send(sent);
    }
    await until(() => length() > before || caller.socket.destroyed, `what packet ${sent} brings`);
    found.push(answerOf(caller.bytes()).body.subarray(before).toString('latin1'));
    if (key !== undefined) expect(found.at(-1)).toBe(bare[index]);
    // The last packet ends the answer; which one it is, only the end tells.
    await new Promise((resolve) => setImmediate(resolve));
    if (call!.end !== undefined || caller.socket.destroyed) break;
  }
  await caller.closed;
  expect(call!.end).toBe('answered');
  return found;
}

describe('I3: what a caller sends', () => {
  it('arrives as it was sent, however it was cut', async () => {
    const text =
      '{ "model" :"gpt-4o-mini",\n"messages":[{"role":"user","content":"Gr\\u00fc\u00dfe \u{1f30d}"}], "x_unknown": {"a":[1.0,1e2]} }';
    const request: RawRequest = { name: '', upstream: 'openai', path: '/v1/chat/completions', body: text };
    whole.standIn.reset();
    const { port, headers } = placeOf(whole, request, payer.key);
    const lines = Object.entries({ ...headers, 'transfer-encoding': 'chunked', host: 'x' }).map((pair) =>
      pair.join(': '),
    );
    const socket = connect(port, '127.0.0.1');
    const parts: Buffer[] = [];
    socket.on('data', (part) => parts.push(part));
    socket.setNoDelay(true);
    const bytes = Buffer.from(text);
    socket.write(`POST ${request.path} HTTP/1.1\r\n`);
    for (const line of lines) socket.write(`${line}\r\n`);
    socket.write('\r\n');
    for (const byte of bytes) {
      socket.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write('0\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answerOf(Buffer.concat(parts)).status).toBe(200);
    expect(whole.standIn.seen.find(isCallOf(request))!.bytes.toString()).toBe(text);
  });

  it('is without the key, and with nothing of ours', async () => {
    whole.standIn.reset();
    const request = {
      ...REQUESTS.find(({ name }) => name === 'chat')!,
      headers: { cookie: 'a=b', 'x-revenium-agent': 'a' },
    };
    await askRaw(whole, request, payer.key);
    const seen = whole.standIn.seen.find(isCallOf(request))!;
    expect(JSON.stringify(seen.rawHeaders)).not.toContain(payer.key);
    expect(seen.headers).not.toHaveProperty('cookie');
    expect(Object.keys(seen.headers).filter((name) => /revenium|forwarded|budget|transaction/.test(name))).toEqual([]);
  });
});

describe('I3: the exception, stream_options.include_usage', () => {
  const chat = { model: 'gpt-4o-mini', stream: true, messages: [{ role: 'user', content: 'say:5 "usage":null' }] };
  const old = { model: 'gpt-3.5-turbo-instruct', stream: true, prompt: 'say:5 go' };
  const bodies = [
    ['chat', 'openai', '/v1/chat/completions', chat],
    ['a local chat', 'ollama', '/v1/chat/completions', { ...chat, model: 'llama3.2' }],
    ['completions', 'openai', '/v1/completions', old],
  ] as const;
  const said: readonly (readonly [string, object])[] = [
    ['is absent', {}],
    ['is true', { stream_options: { include_usage: true } }],
    ['is false', { stream_options: { include_usage: false, include_obfuscation: false } }],
    ['is empty', { stream_options: {} }],
    ['is null', { stream_options: null }],
  ];
  it.each(bodies.flatMap(([name, ...rest]) => said.map(([how, more]) => [name, how, ...rest, more] as const)))(
    '%s, where it %s',
    async (name, _how, upstream, path, body, more) => {
      const request: RawRequest = { name, upstream, path, body: JSON.stringify({ ...body, ...more }), isStream: true };
      for (const fault of [undefined, 'bytes', 'crlf'] as const) {
        const got = await compared(request, fault);
        expect(got.seen!.body['stream_options']).toMatchObject({ include_usage: true });
        const event = await reportedEvent(got);
        expect([event['outputTokenCount'], event.attributes['usageState']]).toEqual([5, 'reported']);
      }
    },
  );
});

describe('I3: the exception, aliases', () => {
  const renamed: readonly (readonly [string, RawRequest, string | Buffer])[] = [
    [
      'in JSON, with other texts that look the same',
      {
        name: 'fast',
        upstream: 'openai',
        path: '/v1/chat/completions',
        body: '{"messages":[{"role":"user","content":"\\"model\\":\\"fast\\""}],"metadata":{"model":"fast"}, "model" : "\\u0066ast" }',
      },
      '{"messages":[{"role":"user","content":"\\"model\\":\\"fast\\""}],"metadata":{"model":"fast"}, "model" : "gpt-4o-mini" }',
    ],
    [
      'of Anthropic',
      {
        name: 'smart',
        upstream: 'anthropic',
        path: '/v1/messages',
        body: '{"model":"smart","max_tokens":3,"messages":[{"role":"user","content":"Grüße"}]}',
      },
      '{"model":"claude-sonnet-4-5","max_tokens":3,"messages":[{"role":"user","content":"Grüße"}]}',
    ],
    [
      'of Ollama',
      { name: 'lokal', upstream: 'ollama', path: '/api/generate', body: '{"prompt":"lokal","model":"lokal"}' },
      '{"prompt":"lokal","model":"llama3.2"}',
    ],
    [
      'of what is shown',
      { name: 'lokal', upstream: 'ollama', path: '/api/show', body: '{"name":"lokal"}', isFree: true },
      '{"name":"llama3.2"}',
    ],
    [
      'in a form',
      {
        name: 'ohr',
        upstream: 'openai',
        path: '/v1/audio/transcriptions',
        body: formOf({ prompt: 'name="model" ohr', model: 'ohr' }, 'file'),
        contentType: 'multipart/form-data; boundary=xYzZY',
      },
      formOf({ prompt: 'name="model" ohr', model: 'gpt-4o-mini-transcribe' }, 'file'),
    ],
  ];
  it.each(renamed)('%s: only the name is another one', async (_how, request, sent) => {
    const bare = await askRaw(whole, { ...request, body: sent }, undefined);
    const got = await askRaw(whole, request, payer.key);
    expect(got.seen!.bytes.toString('latin1')).toBe(Buffer.from(sent).toString('latin1'));
    expect([got.status, got.body.toString('latin1')]).toEqual([200, bare.body.toString('latin1')]);
    if (request.isFree === true) return;
    const event = await reportedEvent(got);
    expect(event['model']).toMatch(/^(gpt-4o-mini|claude-sonnet-4-5|llama3.2)/);
  });
});

describe('I3: errors of an upstream', () => {
  const errors: readonly RawRequest[] = [
    { name: 'an unknown model', upstream: 'ollama', path: '/api/chat', body: '{"model":"missing","messages":[]}' },
    {
      name: 'no limit',
      upstream: 'anthropic',
      path: '/v1/messages',
      body: '{"model":"claude-sonnet-4-5","messages":[]}',
    },
  ];
  it.each(errors)('$name: the same bytes', async (request) => {
    const got = await compared(request);
    expect(got.status).toBeGreaterThanOrEqual(400);
    const event = await whole.eventOf(got.headers.get('fusewire-transaction-id')!);
    expect([event.amountNanoUsd, event.body['errorCode']]).toEqual([0n, got.status]);
  });
});
