import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodySizeOf } from '../../src/bound/body-size.js';
import { boundOfValue } from '../../src/bound/parsed-body.js';

const CHAT = { endpoint: 'chat.completions', operationType: 'CHAT', provider: 'OPENAI', model: 'gpt-4o' } as const;

/** Every text in a value, names of members included. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Array.isArray(value)
    ? value.flatMap(textsIn)
    : Object.entries(value).flatMap(([name, item]) => [name, ...textsIn(item)]);
}

describe('the size of a body that is not written yet', () => {
  it('is at least the bytes of every text in it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary', maxDepth: 5 }), (value) => {
        const bytes = textsIn(value).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
        expect(bodySizeOf({ value }).bytes).toBeGreaterThanOrEqual(bytes);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is at least its JSON where a server writes it as such again, escapes and all', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary', maxDepth: 4 }), (value) => {
        const written = JSON.stringify({ value }).replace(
          /[\u007f-\uffff]/g,
          (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
        );
        expect(bodySizeOf({ input: { value } }).bytes).toBeGreaterThanOrEqual(written.length);
      }),
      { numRuns: 1_000 },
    );
  });

  it('counts what every name has in bytes, those that it knows by heart too', () => {
    const known = fc.constantFrom('model', 'messages', 'role', 'content', 'input', 'images', 'cache_control', 'type');
    const name = fc.oneof(known, fc.string({ unit: 'binary' }));
    const named = fc.dictionary(name, fc.oneof(fc.nat(), fc.string({ unit: 'binary' })));
    fc.assert(
      fc.property(named, fc.boolean(), (inner, isData) => {
        const value: unknown = isData ? { input: inner } : inner;
        const bytes = textsIn(value).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
        expect(bodySizeOf(value).bytes).toBeGreaterThanOrEqual(bytes);
      }),
      { numRuns: 200 },
    );
  });

  it('hears of sound wherever a short text speaks of it, and nowhere else', () => {
    const word = fc.constantFrom('audio', 'AUDIO', 'aud', 'udio', 'Audio', 'aUDIO', ' ', 'é', 'a', 'u', 'd');
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), fc.boolean(), (words, isData) => {
        const text = words.join('').slice(0, 40);
        const value = isData ? { arguments: { text } } : { text };
        expect(bodySizeOf(value).mentionsSound).toBe(/audio|AUDIO/.test(text));
      }),
      { numRuns: 300 },
    );
  });

  it('is unknown where nobody can read it to its end, and then the call has no bound', () => {
    const circular: Record<string, unknown> = {};
    circular['again'] = [circular, circular];
    const throwing = {
      get content(): string {
        throw new Error('no');
      },
    };
    const wide = new Array(1_000_001).fill(1);
    for (const messages of [circular, throwing, wide]) {
      const bound = boundOfValue(CHAT, { messages }, 100);
      expect(bound.unbounded).toMatch(/a body/);
    }
  });

  it('finds caches and sound that are asked for', () => {
    const cached = (ttl?: string) => ({ cache_control: { type: 'ephemeral', ttl } });
    expect(bodySizeOf({ a: [{ text: 'x' }] }).caches).toBe('none');
    expect(bodySizeOf({ a: [cached()] }).caches).toBe('short');
    expect(bodySizeOf({ a: [cached('1h')] }).caches).toBe('long');
    expect(bodySizeOf({ modalities: ['text', 'audio'] }).mentionsSound).toBe(true);
    expect(
      bodySizeOf({ messages: [{ content: 'about audio, at some length, with words around' }] }).mentionsSound,
    ).toBe(false);
  });
});
