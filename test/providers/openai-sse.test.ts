import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseDecoder, type SseEvent } from '../../src/providers/sse.js';
import { LINE_BYTES_MAX } from '../../src/providers/sse-lines.js';
import { stripInjectedUsage } from '../../src/providers/sse-usage.js';

function cutInto(bytes: Buffer, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const length of lengths) {
    pieces.push(new Uint8Array(bytes.subarray(at, at + length)));
    at += length;
  }
  pieces.push(new Uint8Array(bytes.subarray(at)));
  return pieces;
}

function read(pieces: readonly Uint8Array[], rewrite?: typeof stripInjectedUsage) {
  const events: SseEvent[] = [];
  const decoder = new SseDecoder((event) => events.push(event), rewrite);
  const passed = pieces.map((piece) => Buffer.from(decoder.push(piece)));
  passed.push(Buffer.from(decoder.end()));
  return { events, text: Buffer.concat(passed).toString() };
}

function strip(text: string): string {
  return read([Buffer.from(text)], stripInjectedUsage).text;
}

const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
const content = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.constantFrom('"usage":null', '🌊水', '\\"'));
/** An event, as a server with `include_usage` sends it and as one without sends it. */
const event = content.chain((text) =>
  fc.constantFrom(
    { with: { id: 'a', text, usage: null }, without: { id: 'a', text } },
    { with: { usage: null, id: 'a', text }, without: { id: 'a', text } },
    { with: { id: 'a', usage: null, text: { usage: null, text } }, without: { id: 'a', text: { usage: null, text } } },
    { with: { id: 'a', choices: [], usage: { total_tokens: 3, note: text } }, without: undefined },
    {
      with: { choices: [], prompt_filter_results: [text], usage: null },
      without: { choices: [], prompt_filter_results: [text] },
    },
    {
      with: { id: 'a', choices: [{ text }], usage: { total_tokens: 3 } },
      without: { id: 'a', choices: [{ text }], usage: { total_tokens: 3 } },
    },
  ),
);

describe('event streams', () => {
  it('I3: are read alike however they are cut, and pass byte for byte', () => {
    fc.assert(
      fc.property(fc.array(event), lineEnd, fc.array(fc.nat(9)), (events, end, lengths) => {
        const text = events.map((one) => `data: ${JSON.stringify(one.with)}${end}${end}`).join('');
        const seen = read(cutInto(Buffer.from(text), lengths));
        expect(seen.text).toBe(text);
        expect(seen.events.map(({ data }) => JSON.parse(data))).toEqual(events.map((one) => one.with));
      }),
    );
  });

  it('I3: lose exactly the traces of injected usage, however they are cut', () => {
    fc.assert(
      fc.property(fc.array(event), lineEnd, fc.array(fc.nat(9)), (events, end, lengths) => {
        const of = (bodies: readonly unknown[]) =>
          bodies
            .map((body) => (body === undefined ? '' : `event: x${end}data: ${JSON.stringify(body)}${end}${end}`))
            .join('');
        const text = of(events.map((one) => one.with));
        const seen = read(cutInto(Buffer.from(text), lengths), stripInjectedUsage);
        expect(seen.text).toBe(of(events.map((one) => one.without)));
        expect(seen.events).toHaveLength(events.length);
      }),
    );
  });

  it('I3: keep white space, comments, ids and the order of keys', () => {
    expect(strip(': hello\n\ndata: { "a" : 1 , "usage" : null , "b" : [ 1.50 ] }\n\n')).toBe(
      ': hello\n\ndata: { "a" : 1 , "b" : [ 1.50 ] }\n\n',
    );
    expect(strip('id: 7\ndata:{"usage":null,"a":1}\nretry: 3\n\n')).toBe('id: 7\ndata:{"a":1}\nretry: 3\n\n');
    expect(strip('data: {"usage":null}\n\n')).toBe('data: {}\n\n');
    expect(strip('data: {"choices": [ ], "usage": {"total_tokens": 1}}\n\ndata: [DONE]\n\n')).toBe('data: [DONE]\n\n');
  });

  it.each([
    'data: {"choices":[],"usage":{"total_tokens":1},"error":{"message":"x"}}\n\n',
    'data: {"choices":[],"prompt_filter_results":[],"usage":{"total_tokens":1}}\n\n',
    'data: {"a":"\\"usage\\":null"}\n\n',
    'data: {"a":{"usage":null}}\n\n',
    'data: {"usage":nul\n\n',
    'data: {"usage"\n\n',
    'data: {\ndata: "usage":null}\n\n',
    'data: "usage"\n\n',
  ])('I3: leave alone what is no trace: %j', (text) => {
    expect(strip(text)).toBe(text);
  });

  it('name events, join data lines, and read one that has no blank line at the end', () => {
    const text = 'event: error\ndata: a\ndata:b\n\ndata\n\n:c\ndata: last';
    expect(read([Buffer.from(text)]).events).toEqual([
      { name: 'error', data: 'a\nb' },
      { name: '', data: '' },
      { name: '', data: 'last' },
    ]);
  });

  it('give back what was held when the connection breaks', () => {
    const decoder = new SseDecoder(() => undefined, stripInjectedUsage);
    expect(Buffer.from(decoder.push(Buffer.from('data: {"usage":null}\n\ndata: {"us'))).toString()).toBe(
      'data: {}\n\n',
    );
    expect(Buffer.from(decoder.abandon()).toString()).toBe('data: {"us');
    expect(decoder.abandon()).toHaveLength(0);
  });

  it('I10: stop watching at a line without an end, and pass everything', () => {
    const decoder = new SseDecoder(() => undefined, stripInjectedUsage);
    const piece = new Uint8Array(LINE_BYTES_MAX / 2).fill(97);
    expect(decoder.push(piece)).toHaveLength(0);
    expect(decoder.push(piece)).toHaveLength(0);
    expect(decoder.push(new Uint8Array([98]))).toHaveLength(LINE_BYTES_MAX + 1);
    expect(decoder.push(piece)).toBe(piece);
  });
});
