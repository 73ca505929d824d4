import { describe, expect, it } from 'vitest';
import { meteringUrl, parseMeteringBase, resourceOfEvent, resourceUrl } from '../../src/metering/metering-url.js';
import { sampleEvent, sampleToolEvent } from './support/events.js';

function completions(base: string | undefined): string {
  const parsed = parseMeteringBase(base);
  return parsed.ok ? meteringUrl(parsed.url, 'CHAT').href : parsed.reason;
}

describe('the metering address', () => {
  it.each([
    ['https://h.example', 'https://h.example/meter/v2/ai/completions'],
    ['https://h.example/', 'https://h.example/meter/v2/ai/completions'],
    ['https://h.example///', 'https://h.example/meter/v2/ai/completions'],
    ['https://h.example/meter', 'https://h.example/meter/v2/ai/completions'],
    ['https://h.example/METER/', 'https://h.example/meter/v2/ai/completions'],
    ['https://h.example/meter/v2', 'https://h.example/meter/v2/ai/completions'],
    ['https://h.example/Meter/V2//', 'https://h.example/meter/v2/ai/completions'],
    ['https://h.example/v2', 'https://h.example/meter/v2/ai/completions'],
    ['https://h.example/v2/', 'https://h.example/meter/v2/ai/completions'],
    ['http://127.0.0.1:8787', 'http://127.0.0.1:8787/meter/v2/ai/completions'],
    ['http://[::1]:8787/meter', 'http://[::1]:8787/meter/v2/ai/completions'],
    ['  https://h.example/meter  ', 'https://h.example/meter/v2/ai/completions'],
    ['https://h.example/revenium/meter/v2', 'https://h.example/revenium/meter/v2/ai/completions'],
    ['https://h.example/parameter', 'https://h.example/parameter/meter/v2/ai/completions'],
    ['https://user:secret@h.example/meter?x=1#y', 'https://h.example/meter/v2/ai/completions'],
    ['', 'https://api.revenium.ai/meter/v2/ai/completions'],
    ['   ', 'https://api.revenium.ai/meter/v2/ai/completions'],
    [undefined, 'https://api.revenium.ai/meter/v2/ai/completions'],
  ])('of %j is %s', (base, expected) => {
    expect(completions(base)).toBe(expected);
  });

  it.each(['ftp://h', 'file:///etc/passwd', 'javascript:alert(1)', 'h.example:8787'])('is refused: %s', (base) => {
    expect(completions(base)).toMatch(/^only http and https are possible/);
  });

  it.each(['h.example', 'not a url', 'http://'])('is not a URL: %s', (base) => {
    expect(completions(base)).toBe('not a URL');
  });

  it('is chosen by the operation type, from a base in any form', () => {
    for (const base of ['https://h', 'https://h/meter', 'https://h/meter/v2']) {
      const path = (type: string) => meteringUrl(new URL(base), type).pathname;
      expect(['IMAGE', 'AUDIO', 'VIDEO', 'CHAT', 'EMBED', 'TOOL_CALL', 'OTHER'].map(path)).toEqual([
        '/meter/v2/ai/images',
        '/meter/v2/ai/audio',
        '/meter/v2/ai/video',
        '/meter/v2/ai/completions',
        '/meter/v2/ai/completions',
        '/meter/v2/ai/completions',
        '/meter/v2/ai/completions',
      ]);
    }
  });

  it('of a tool event is one of its own (contract 5.7)', () => {
    const resource = resourceOfEvent(sampleToolEvent('t1'));
    expect(resourceUrl(new URL('https://h/revenium/meter'), resource).href).toBe(
      'https://h/revenium/meter/v2/tool/events',
    );
    expect(resourceOfEvent(sampleEvent('t1', { operationType: 'TOOL_CALL' }))).toBe('ai/completions');
  });
});
