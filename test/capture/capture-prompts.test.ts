import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { capturePrompts } from '../../src/capture/capture-prompts.js';
import type { CapturedPrompts, RequestReading } from '../../src/providers/adapter.js';

const ON = { enabled: true, sizeMax: 50_000 };

function capture(prompts: CapturedPrompts, outputText = '', settings = ON, wanted?: boolean) {
  const request = { prompts: () => prompts } as unknown as RequestReading;
  return capturePrompts(request, { finished: true, outputText }, wanted, settings);
}

describe('prompt capture', () => {
  it('I12: is off unless somebody switches it on, and then does not even look', () => {
    const request = {
      prompts: () => {
        throw new Error('was asked');
      },
    } as unknown as RequestReading;
    expect(capturePrompts(request, { finished: true, outputText: 'x' }, undefined, { ...ON, enabled: false })).toBe(
      undefined,
    );
    expect(capturePrompts(request, { finished: true, outputText: 'x' }, false, ON)).toBe(undefined);
  });

  it('the call beats the setting, both ways', () => {
    expect(capture({ systemPrompt: 's' }, '', { ...ON, enabled: false }, true)).toEqual({ systemPrompt: 's' });
    expect(capture({ systemPrompt: 's' }, '', ON, false)).toBe(undefined);
  });

  it('I4: what cannot be captured costs nothing but itself', () => {
    const prompts = () => {
      throw new Error('of a shape that nobody knows');
    };
    const kept = capturePrompts(
      { prompts } as unknown as RequestReading,
      { finished: true, outputText: 'x' },
      true,
      ON,
    );
    expect(kept).toEqual({ outputResponse: 'x' });
    const getter = {
      get content(): string {
        throw new Error('no');
      },
    };
    expect(capture({ systemPrompt: 's', inputMessages: [getter] }, 'x')).toEqual({
      outputResponse: 'x',
      systemPrompt: 's',
    });
  });

  it('I12: a secret by its name is one whatever it is', () => {
    const kept = capture({
      inputMessages: [{ password: 12345678, api_key: { value: 'plainword' }, secret: ['otherword'] }],
    });
    expect(kept?.inputMessages).not.toMatch(/12345678|plainword|otherword/);
  });

  it('keeps system, messages and answer, each redacted', () => {
    const kept = capture(
      { systemPrompt: 'Use sk-0123456789abcdef.', inputMessages: [{ role: 'user', content: 'password=abcd1234' }] },
      'Bearer abcdef0123456789',
    );
    expect(kept).toEqual({
      systemPrompt: 'Use sk-***REDACTED***.',
      inputMessages: '[{"role":"user","content":"password=***REDACTED***"}]',
      outputResponse: 'Bearer ***REDACTED***',
    });
  });

  it('leaves out media, and secrets by the name of their member', () => {
    const data = 'iVBORw0KGgo'.repeat(40);
    const kept = capture({
      inputMessages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } },
          ],
        },
        { role: 'user', parts: [{ inlineData: { mimeType: 'audio/wav', data } }, { url: 'data:audio/wav;base64,AA' }] },
        { role: 'user', content: 'llava', images: [data] },
        { role: 'tool', args: { apiKey: 'abc', nested: { password: 'x' } } },
        { raw: new Uint8Array(3) },
      ],
    });
    expect(kept?.inputMessages).not.toContain('iVBOR');
    expect(JSON.parse(kept?.inputMessages ?? '')).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'look' },
          { type: 'image_url', image: '[IMAGE]' },
        ],
      },
      { role: 'user', parts: [{ inlineData: { mimeType: 'audio/wav', data: '[MEDIA]' } }, { url: '[MEDIA]' }] },
      { role: 'user', content: 'llava', images: ['[IMAGE]'] },
      { role: 'tool', args: { apiKey: '***REDACTED***', nested: { password: '***REDACTED***' } } },
      { raw: '[MEDIA]' },
    ]);
    expect(kept?.promptsTruncated).toBe(undefined);
  });

  it('cuts a text at the limit, its mark included, and says so', () => {
    const kept = capture({ systemPrompt: 'a'.repeat(60) }, 'b'.repeat(50), { enabled: true, sizeMax: 50 });
    expect(kept?.systemPrompt).toBe(`${'a'.repeat(36)}...[TRUNCATED]`);
    expect(kept?.outputResponse).toBe('b'.repeat(50));
    expect(kept?.promptsTruncated).toBe(true);
  });

  it('I12: a key that straddles the limit does not leak half', () => {
    for (let before = 0; before < 60; before += 1) {
      const kept = capture({ systemPrompt: `${'a'.repeat(before)} sk-${'0123456789'.repeat(4)}` }, '', {
        enabled: true,
        sizeMax: 50,
      });
      expect(kept?.systemPrompt).not.toContain('0123');
    }
  });

  it('cuts messages so that they stay JSON, and within the limit, whatever they are', () => {
    const message = fc.record({ role: fc.constantFrom('user', 'assistant'), content: fc.string({ maxLength: 400 }) });
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 20, max: 2_000 }),
        (messages, sizeMax) => {
          const kept = capture({ inputMessages: messages }, '', { enabled: true, sizeMax });
          const text = kept?.inputMessages ?? '[]';
          expect(text.length).toBeLessThanOrEqual(sizeMax);
          expect(Array.isArray(JSON.parse(text))).toBe(true);
          const isWhole = text === JSON.stringify(messages);
          expect(kept?.promptsTruncated ?? false).toBe(!isWhole);
        },
      ),
    );
  });

  it('keeps the newest messages where not all of them fit', () => {
    const messages = Array.from({ length: 50 }, (_, index) => ({ role: 'user', content: `message ${index}` }));
    const kept = JSON.parse(
      capture({ inputMessages: messages }, '', { enabled: true, sizeMax: 300 })?.inputMessages ?? '',
    );
    expect(kept[0]).toBe('...[TRUNCATED]');
    expect(kept.at(-1)).toEqual({ role: 'user', content: 'message 49' });
  });

  it('survives what cannot be JSON', () => {
    const endless: Record<string, unknown> = { role: 'user' };
    endless['self'] = endless;
    expect(() => capture({ inputMessages: [endless, 5n, Symbol('x'), () => 1, null] })).not.toThrow();
  });
});
