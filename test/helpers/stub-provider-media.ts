/** What the stub provider says on its media endpoints: OpenAI's wire format, written by hand, and answered by the request. */
import type { Fields } from './stub-provider-answers.js';

/** An answer of the stub, by how it is sent. */
export type StubAnswer =
  | { readonly kind: 'json'; readonly body: Fields }
  | { readonly kind: 'events'; readonly events: readonly Fields[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly type: string; readonly bytes: Buffer };

const CREATED = 1_790_000_000;
export const IMAGE_USAGE = {
  input_tokens: 210,
  input_tokens_details: { text_tokens: 16, image_tokens: 194 },
  output_tokens: 1_056,
  total_tokens: 1_266,
};
export const HEARD_USAGE = {
  type: 'tokens',
  input_tokens: 37,
  input_token_details: { text_tokens: 2, audio_tokens: 35 },
  output_tokens: 12,
  total_tokens: 49,
};
export const SPOKEN_USAGE = { input_tokens: 14, output_tokens: 101, total_tokens: 115 };
/** No sound, but bytes that no text survives. */
export const SOUND = Buffer.from([0xff, 0xfb, 0x90, 0x00, 0xfe, 0x80, 0x0d, 0x0a, 0x7b, 0x22]);
export const SUBTITLES =
  '1\n00:00:00,000 --> 00:00:02,500\nBudgets fail\n\n2\n00:00:02,500 --> 00:01:03,400\nquietly.\n';
export const HEARD = 'Budgets fail quietly.';

/** The answer of a media endpoint to these fields; `undefined` where the endpoint is none of these. */
export function mediaAnswer(endpoint: string, fields: Fields, count: number): StubAnswer | undefined {
  if (endpoint.startsWith('/images/')) return images(endpoint, fields);
  if (endpoint === '/audio/speech') return speech(fields);
  if (endpoint === '/audio/transcriptions' || endpoint === '/audio/translations') return heard(fields);
  if (endpoint === '/moderations') {
    return { kind: 'json', body: { id: `modr-${count}`, model: 'omni-moderation-2024-09-26', results: [] } };
  }
  return endpoint.startsWith('/videos') ? { kind: 'json', body: video(endpoint, fields, count) } : undefined;
}

function images(endpoint: string, fields: Fields): StubAnswer {
  const n = Number(fields['n'] ?? 1);
  const isNew = String(fields['model']).startsWith('gpt-image');
  if (fields['stream'] === true || fields['stream'] === 'true') {
    const kind = endpoint === '/images/edits' ? 'image_edit' : 'image_generation';
    const look = { b64_json: 'aGk=', created_at: CREATED, size: '1024x1024', quality: 'medium', output_format: 'png' };
    const previews = Array.from({ length: Number(fields['partial_images'] ?? 0) }, (_, index) => ({
      type: `${kind}.partial_image`,
      partial_image_index: index,
      ...look,
    }));
    const done = Array.from({ length: n }, () => ({ type: `${kind}.completed`, ...look, usage: IMAGE_USAGE }));
    return { kind: 'events', events: [...previews, ...done] };
  }
  const data = Array.from({ length: n }, () =>
    isNew ? { b64_json: 'aGk=' } : { url: 'https://images.example/1', revised_prompt: 'a grey cat' },
  );
  const look = { background: 'opaque', output_format: 'png', quality: 'medium', size: '1024x1536' };
  return { kind: 'json', body: { created: CREATED, data, ...(isNew ? { ...look, usage: IMAGE_USAGE } : {}) } };
}

function speech(fields: Fields): StubAnswer {
  if (fields['stream_format'] !== 'sse') return { kind: 'bytes', type: 'audio/mpeg', bytes: SOUND };
  const deltas = [1, 2].map(() => ({ type: 'speech.audio.delta', audio: SOUND.toString('base64') }));
  return { kind: 'events', events: [...deltas, { type: 'speech.audio.done', usage: SPOKEN_USAGE }] };
}

function heard(fields: Fields): StubAnswer {
  const format = fields['response_format'];
  const isNew = String(fields['model']).startsWith('gpt-');
  if (fields['stream'] === 'true') {
    const deltas = HEARD.split(' ').map((delta) => ({ type: 'transcript.text.delta', delta: `${delta} ` }));
    return { kind: 'events', events: [...deltas, { type: 'transcript.text.done', text: HEARD, usage: HEARD_USAGE }] };
  }
  if (format === 'srt') return { kind: 'text', text: SUBTITLES };
  if (format === 'vtt') return { kind: 'text', text: `WEBVTT\n\n00:00.000 --> 00:42.120\n${HEARD}\n` };
  if (format === 'text') return { kind: 'text', text: `${HEARD}\n` };
  if (format === 'verbose_json') {
    const usage = { type: 'duration', seconds: 43 };
    return { kind: 'json', body: { task: 'transcribe', language: 'english', duration: 42.12, text: HEARD, usage } };
  }
  return { kind: 'json', body: { text: HEARD, ...(isNew ? { usage: HEARD_USAGE } : {}) } };
}

function video(endpoint: string, fields: Fields, count: number): Fields {
  const job = { object: 'video', created_at: CREATED, completed_at: null, expires_at: null, error: null };
  const seconds = String(fields['seconds'] ?? '4');
  const status = endpoint === '/videos' || endpoint.endsWith('/remix') ? 'queued' : 'completed';
  const model = String(fields['model'] ?? 'sora-2');
  return { ...job, id: `video_${count}`, model, status, progress: 0, seconds, size: fields['size'] ?? '720x1280' };
}
