import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../../service/gateway/http/failure.js';
import { SURFACES } from '../../../../service/gateway/http/surfaces.js';
import { readMembers } from '../../../../service/gateway/read/json-members.js';
import { arrived, reader } from '../read-support.js';

const PATHS = SURFACES.filter(({ method, kind }) => method === 'POST' && (kind === 'call' || kind === 'free')).map(
  ({ path }) => path,
);
const TYPES = ['application/json', 'multipart/form-data; boundary=X', 'text/plain', ''];
const NAMES = [
  'model',
  'messages',
  'input',
  'prompt',
  'stream',
  'stream_options',
  'n',
  'max_tokens',
  'tools',
  'options',
  'images',
  'image',
  'thinking',
  'prediction',
  'system',
  'metadata',
  'constructor',
  '__proto__',
  'Model',
];
const MODELS = ['gpt-4o', 'claude-haiku-4-5', 'llama3', 'dall-e-3', 'whisper-1', 'gpt-image-1', '', '../x'];

const fields = fc
  .dictionary(fc.constantFrom(...NAMES), fc.oneof(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(...MODELS)), {
    noNullPrototype: true,
  })
  .chain((given) => fc.constantFrom(...MODELS).map((model) => ({ ...given, model })));
const bodies = fc.oneof(
  { arbitrary: fields, weight: 8 },
  { arbitrary: fc.string(), weight: 1 },
  { arbitrary: fc.json(), weight: 1 },
  { arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)), weight: 1 },
);
const types = fc.oneof(
  { arbitrary: fc.constant('application/json'), weight: 6 },
  { arbitrary: fc.constantFrom(...TYPES), weight: 1 },
);

describe('whatever arrives', () => {
  it('is a call or a failure of the caller, and never thrown', () => {
    const read = reader();
    let sent = 0;
    fc.assert(
      fc.property(fc.constantFrom(...PATHS), types, bodies, (path, type, body) => {
        const request = arrived(path, body, { headers: { 'content-type': type } });
        const result = read(request);
        if (result instanceof Failure) {
          expect(result.status).toBeGreaterThanOrEqual(400);
          expect(result.status).toBeLessThan(500);
          return;
        }
        sent += 1;
        const { bound, reading } = result;
        // What is sent is what was read: the same value, but for the one member that is asked for.
        const { stream_options: _, ...before } = JSON.parse(request.body.toString()) as Record<string, unknown>;
        const { stream_options: __, ...after } = JSON.parse(result.body.toString()) as Record<string, unknown>;
        expect(after).toEqual(before);
        for (const count of [
          bound.inputTokensMax,
          bound.outputTokensMax,
          bound.images,
          bound.characters,
          bound.mediaSeconds,
        ]) {
          expect(Number.isFinite(count) && count >= 0).toBe(true);
        }
        expect(reading.known || reading.kind === 'free').toBe(true);
      }),
      { numRuns: 2_000 },
    );
    expect(sent).toBeGreaterThan(100);
  });

  it('as a form names the model that another parser finds there, or is not sent', async () => {
    const read = reader();
    const headers = { 'content-type': 'multipart/form-data; boundary=X' };
    const piece = fc.constantFrom(
      '--X',
      '\r\n',
      '--',
      'Content-Disposition: form-data; name="model"',
      'Content-Disposition: form-data; name="x"',
      ' ',
      '; filename="f"',
      'whisper-1',
      '\n',
      '--X--',
      'Content-Type: text/plain',
      '\r\n\r\n',
    );
    const whole =
      '--X\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--X\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nabc\r\n--X--\r\n';
    let sent = 0;
    const check = async (at: number, cut: number, pieces: readonly string[]) => {
      const body = `${whole.slice(0, at)}${pieces.join('')}${whole.slice(at + cut)}`;
      const result = read(arrived('/v1/audio/transcriptions', body, { headers }));
      if (result instanceof Failure) return;
      sent += 1;
      const form = await new Response(body, { headers }).formData().catch(() => undefined);
      if (form !== undefined) expect(form.getAll('model')).toEqual([result.reading.model]);
    };
    await fc.assert(fc.asyncProperty(fc.nat(whole.length), fc.nat(12), fc.array(piece, { maxLength: 5 }), check), {
      numRuns: 2_000,
      examples: [[whole.length, 0, []]],
    });
    expect(sent).toBeGreaterThan(50);
  });

  it('has its members where JSON.parse finds them', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space);
        const raw = Buffer.from(text);
        const found = readMembers(raw);
        if (!found.ok) {
          // Names that are the same but for their letter case.
          const folded = Object.keys(value).map((name) =>
            name.toLowerCase().replace('\u212a', 'k').replace('\u017f', 's'),
          );
          expect(new Set(folded).size).toBeLessThan(folded.length);
          return;
        }
        expect(found.members.map(({ name }) => name)).toEqual(Object.keys(JSON.parse(text) as object));
        for (const { name, valueStart, valueEnd } of found.members) {
          expect(JSON.parse(raw.toString('utf8', valueStart, valueEnd))).toEqual(
            (JSON.parse(text) as Record<string, unknown>)[name],
          );
        }
      }),
    );
  });
});
