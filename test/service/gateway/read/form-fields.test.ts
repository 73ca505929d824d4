import { describe, expect, it } from 'vitest';
import { Failure } from '../../../../service/gateway/http/failure.js';
import { readForm } from '../../../../service/gateway/read/form-fields.js';
import { arrived, reader, upstreamOf } from '../read-support.js';

const TYPE = 'multipart/form-data; boundary=X-1';
const TRANSCRIPTIONS = '/v1/audio/transcriptions';

function part(name: string, value: string, more = ''): string {
  return `--X-1\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
}

const file = (bytes: number) =>
  `--X-1\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n${'m'.repeat(bytes)}\r\n`;
const END = '--X-1--\r\n';

async function formOf(fill: (form: FormData) => void): Promise<{ body: Buffer; type: string }> {
  const form = new FormData();
  fill(form);
  const response = new Response(form);
  return { body: Buffer.from(await response.arrayBuffer()), type: response.headers.get('content-type')! };
}

describe('a form', () => {
  it('is read as the clients of OpenAI write it, and not one byte is another', async () => {
    const { body, type } = await formOf((form) => {
      form.set('model', 'whisper-1');
      form.set('language', 'de');
      form.set('file', new Blob([Buffer.alloc(5_000)]), 'speech.mp3');
    });
    const call = reader()(arrived(TRANSCRIPTIONS, body, { headers: { 'content-type': type } }));
    expect(call).not.toBeInstanceOf(Failure);
    expect(call).toMatchObject({ reading: { endpoint: 'audio.transcriptions', model: 'whisper-1', streaming: false } });
    expect((call as { body: Buffer }).body).toBe(body);
    // 5,000 bytes are at most 10 seconds of speech.
    expect(call).toMatchObject({ bound: { mediaSeconds: 11 } });
  });

  it('of images says how many are asked for and how many are sent', async () => {
    const { body, type } = await formOf((form) => {
      form.set('model', 'gpt-image-1');
      form.set('n', '3');
      form.set('size', '1024x1024');
      form.append('image[]', new Blob([Buffer.alloc(1_000)]), 'a.png');
      form.append('image[]', new Blob([Buffer.alloc(1_000)]), 'b.png');
    });
    const call = reader()(arrived('/v1/images/edits', body, { headers: { 'content-type': type } }));
    expect(call).toMatchObject({ bound: { images: 3 }, reading: { media: { requestedImageCount: 3 } } });
    const { inputTokensMax, outputTokensMax } = (call as { bound: { inputTokensMax: number; outputTokensMax: number } })
      .bound;
    expect(inputTokensMax).toBeGreaterThan(20_000);
    expect(outputTokensMax).toBe(30_000);
  });

  it('gets another model by an alias in place, and nothing else', () => {
    const near = upstreamOf('near', 'openai', 'https://near.example', '/v1');
    const routes = {
      aliases: new Map([['ears', { upstream: near, model: 'whisper-large-v3' }]]),
      exact: new Map(),
      patterns: [],
    };
    const body = `${file(10)}${part('model', 'ears')}${part('prompt', 'ears')}${END}`;
    const call = reader({ routes })(arrived(TRANSCRIPTIONS, body, { headers: { 'content-type': TYPE } }));
    expect((call as { body: Buffer }).body.toString()).toBe(
      `${file(10)}${part('model', 'whisper-large-v3')}${part('prompt', 'ears')}${END}`,
    );
  });

  it.each([
    ['a model twice', `${part('model', 'whisper-1')}${part('model', 'gpt-4o-transcribe')}${file(1)}${END}`],
    ['a model in capitals', `${part('Model', 'whisper-1')}${file(1)}${END}`],
    ['something before it', `hello\r\n${part('model', 'whisper-1')}${END}`],
    ['something behind it', `${part('model', 'whisper-1')}${END}--X-1`],
    ['no end', part('model', 'whisper-1')],
    ['a longer boundary inside', `${part('model', 'whisper-1\r\n--X-12\r\nx')}${END}`],
    ['lines that end in LF', part('model', 'whisper-1').replaceAll('\r\n', '\n') + END],
    ['a name without quotes', part('model', 'whisper-1').replace('"model"', 'model') + END],
    ['a name in another notation', part('x', 'whisper-1', "; name*=utf-8''model") + END],
    ['two names', part('x', 'whisper-1', '; name="model"') + END],
    ['an escaped name', part('mod\\"el', 'whisper-1') + END],
    [
      'two dispositions',
      part('model', 'a\r\n').replace('\r\n\r\n', '\r\nContent-Disposition: form-data; name="x"\r\n\r\n') + END,
    ],
    [
      'another encoding',
      part('model', 'bW9kZWw=').replace('\r\n\r\n', '\r\nContent-Transfer-Encoding: base64\r\n\r\n') + END,
    ],
    ['a charset', `${part('_charset_', 'utf-16')}${part('model', 'whisper-1')}${END}`],
    ['a folded header', part('model', 'whisper-1').replace('; name', ';\r\n name') + END],
    ['too many parts', `${part('a', 'b').repeat(200)}${END}`],
    ['nothing', ''],
  ])('is not sent with %s', (_, body) => {
    const call = reader()(arrived(TRANSCRIPTIONS, body, { headers: { 'content-type': TYPE } }));
    expect(call).toMatchObject({ status: 400, code: expect.stringMatching(/invalid_body|missing_model/) });
  });

  it('is not sent with a boundary that can be read in two ways', () => {
    for (const type of [
      'multipart/form-data',
      'multipart/form-data; boundary=',
      'multipart/mixed; boundary=X-1',
      'multipart/form-data; boundary=X-1; boundary=Y',
      'multipart/form-data; boundary="X-1\\""',
    ]) {
      expect(readForm(Buffer.from(`${part('model', 'a')}${END}`), type), type).toEqual(expect.any(String));
    }
  });
});
