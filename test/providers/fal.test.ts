import { describe, expect, it } from 'vitest';
import { falAdapter, readFalRequest } from '../../src/providers/fal.js';
import { guessFalOperation } from '../../src/providers/fal-media.js';

const ID = '764cabcf-b745-4b3e-ae38-1200304cf45b';

const read = (url: string, body: object = {}, method = 'POST') => readFalRequest({ method, url, body });
const readingOf = (endpoint: string, answer: unknown, input: object = {}, headers: Record<string, string> = {}) => {
  const reader = falAdapter.createUsageReader(read(`https://fal.run/${endpoint}`, input)!);
  reader.responseHead?.(200, (name) => headers[name]);
  reader.whole(answer);
  return reader.reading();
};

describe('which endpoint of fal makes what (contract 6.5)', () => {
  it.each([
    ['fal-ai/kling-video/v2/master/text-to-video', 'VIDEO'],
    ['fal-ai/veo3', 'VIDEO'],
    ['fal-ai/veo2/image-to-video', 'VIDEO'],
    ['fal-ai/sora-2/text-to-video', 'VIDEO'],
    ['fal-ai/luma-dream-machine', 'VIDEO'],
    ['fal-ai/wan-t2v', 'VIDEO'],
    ['owner/text-to-video', 'VIDEO'],
    ['fal-ai/whisper', 'AUDIO'],
    ['fal-ai/orpheus-tts', 'AUDIO'],
    ['fal-ai/kokoro/american-english', 'AUDIO'],
    ['fal-ai/dia-tts', 'AUDIO'],
    ['fal-ai/elevenlabs/speech-to-text', 'AUDIO'],
    ['fal-ai/stable-audio', 'AUDIO'],
    ['fal-ai/any-llm', 'CHAT'],
    ['fal-ai/any-llm/vision', 'CHAT'],
    ['openrouter/router', 'CHAT'],
    ['fal-ai/flux/schnell', 'IMAGE'],
    // Words of other words.
    ['acme/imagination-engine', 'IMAGE'],
    ['acme/taiwan-localizer', 'IMAGE'],
    ['acme/media-converter', 'IMAGE'],
    ['acme/india-translator', 'IMAGE'],
    ['acme/smaller', 'IMAGE'],
    ['acme/veolia-icons', 'IMAGE'],
  ])('%s: %s', (endpoint, operation) => {
    expect(guessFalOperation(endpoint)).toBe(operation);
  });

  it.each<[object, string | undefined]>([
    [{ video: { url: 'a' } }, 'VIDEO'],
    [{ file_url: 'https://v3.fal.media/a.mp4?x=1' }, 'VIDEO'],
    [{ audio: { url: 'a' } }, 'AUDIO'],
    [{ file_url: 'https://v3.fal.media/a.wav' }, 'AUDIO'],
    [{ text: 'hi', chunks: [{ timestamp: [0, 1], text: 'hi' }] }, 'AUDIO'],
    [{ usage: { total_tokens: 3 } }, 'CHAT'],
    [{ images: [] }, undefined],
    [{}, undefined],
    [{ file_url: 'https://v3.fal.media/a.glb' }, undefined],
  ])('the answer %j corrects a guess of IMAGE to %s', (answer, operation) => {
    expect(readingOf('acme/thing', answer).operationType).toBe(operation);
  });

  it('an image answer corrects the guess of a video, and its facts are those of images', () => {
    const reading = readingOf('fal-ai/wan-thumbnails', { images: [{}, {}] }, { num_images: 2, duration: 5 });
    expect(reading).toMatchObject({ operationType: 'IMAGE', operationSubtype: 'generation' });
    expect(reading.media).toMatchObject({ requestedImageCount: 2, actualImageCount: 2, billingUnit: 'PER_IMAGE' });
    expect(reading.media).not.toHaveProperty('requestedDurationSeconds');
  });

  it.each([
    ['fal-ai/whisper', {}, 'transcription'],
    ['fal-ai/whisper', { task: 'translate' }, 'translation'],
    ['fal-ai/elevenlabs/speech-to-text', {}, 'transcription'],
    ['fal-ai/kokoro', {}, 'tts'],
    ['fal-ai/text-to-speech/turbo', {}, 'tts'],
    ['fal-ai/minimax-tts/voice-clone', {}, 'synthesis'],
    ['fal-ai/stable-audio', {}, 'synthesis'],
    ['fal-ai/stable-audio-25/audio-to-audio', { audio_url: 'a' }, 'synthesis'],
  ])('sound: %s with %j is %s', (endpoint, input, subtype) => {
    expect(read(`https://fal.run/${endpoint}`, input)).toMatchObject({
      operationType: 'AUDIO',
      operationSubtype: subtype,
    });
  });

  it.each([
    ['fal-ai/flux/dev', {}, 'generation'],
    ['fal-ai/flux-pro/kontext', { image_url: 'a' }, 'edit'],
    ['fal-ai/flux-pro/v1/fill', { image_url: 'a' }, 'inpainting'],
    ['fal-ai/clarity-upscaler', { image_url: 'a' }, 'upscale'],
    ['fal-ai/flux/dev/redux', { image_url: 'a' }, 'variation'],
  ])('images: %s with %j is %s', (endpoint, input, subtype) => {
    expect(read(`https://fal.run/${endpoint}`, input)?.operationSubtype).toBe(subtype);
  });
});

describe('what a request to fal is', () => {
  it.each([
    ['POST', 'https://fal.run/fal-ai/flux/dev', 'call', 'run', 'fal-ai/flux/dev', false],
    ['GET', 'https://fal.run/fal-ai/flux/dev?prompt=a', 'call', 'run', 'fal-ai/flux/dev', false],
    ['POST', 'https://fal.run/fal-ai/flux/dev/stream?fal_jwt_token=t', 'call', 'stream', 'fal-ai/flux/dev', true],
    ['POST', 'https://queue.fal.run/fal-ai/flux/dev', 'call', 'queue.submit', 'fal-ai/flux/dev', false],
    ['POST', 'https://queue.fal.run/workflows/me/flow', 'call', 'queue.submit', 'workflows/me/flow', false],
    ['GET', `https://queue.fal.run/fal-ai/flux/requests/${ID}`, 'poll', 'queue.result', 'fal-ai/flux', false],
    [
      'GET',
      `https://queue.fal.run/workflows/me/flow/requests/${ID}`,
      'poll',
      'queue.result',
      'workflows/me/flow',
      false,
    ],
    [
      'GET',
      `https://queue.fal.run/fal-ai/flux/requests/${ID}/status?logs=1`,
      'free',
      'queue.status',
      'fal-ai/flux',
      false,
    ],
    [
      'GET',
      `https://queue.fal.run/fal-ai/flux/requests/${ID}/status/stream`,
      'free',
      'queue.status',
      'fal-ai/flux',
      false,
    ],
    ['PUT', `https://queue.fal.run/fal-ai/flux/requests/${ID}/cancel`, 'free', 'queue.cancel', 'fal-ai/flux', false],
    ['POST', 'https://rest.fal.ai/storage/upload/initiate', 'free', 'platform', 'storage/upload/initiate', false],
    ['POST', 'https://rest.fal.ai/tokens/', 'free', 'platform', 'tokens', false],
    ['POST', 'https://api.fal.ai/v1/models/pricing/estimate', 'free', 'platform', 'v1/models/pricing/estimate', false],
    ['POST', 'https://110602490-sdxl.gateway.alpha.fal.ai/x', 'call', 'run', 'x', false],
  ])('%s %s', (method, url, kind, endpoint, model, streaming) => {
    expect(read(url, {}, method)).toMatchObject({ kind, endpoint, model, streaming, known: true, provider: 'fal_ai' });
  });

  it('nobody else is fal; a part of it that nobody knows is a call that is flagged', () => {
    expect(read('https://fal.media/files/a.png')).toBeUndefined();
    expect(read('https://notfal.run/a/b')).toBeUndefined();
    expect(read('nonsense')).toBeUndefined();
    expect(read('https://new.fal.ai/things')).toMatchObject({ known: false, kind: 'call' });
  });

  it('a queued request is told where its result goes', () => {
    expect(read('https://queue.fal.run/fal-ai/flux?fal_webhook=https%3A%2F%2Fa.example')).toMatchObject({
      webhook: true,
    });
  });

  it('prompts are there for capture and for estimates', () => {
    const reading = read('https://fal.run/fal-ai/any-llm', {
      model: 'google/gemini-2.5-flash',
      system_prompt: 'Be brief.',
      prompt: 'Why?',
      image_url: 'https://a/b.png',
    })!;
    expect(reading).toMatchObject({ hasVisionContent: true, attributes: { languageModel: 'google/gemini-2.5-flash' } });
    expect(reading.promptText()).toBe('Be brief.\nWhy?');
    expect(reading.prompts?.()).toEqual({
      systemPrompt: 'Be brief.',
      inputMessages: [{ role: 'user', content: 'Why?' }],
    });
  });
});

describe('what an answer of fal says', () => {
  it('images: asked for, made, and how large', () => {
    expect(
      read('https://fal.run/fal-ai/flux/dev', { num_images: 3, image_size: { width: 512, height: 768 } })?.media,
    ).toEqual({
      requestedImageCount: 3,
      billingUnit: 'PER_IMAGE',
      resolution: '512x768',
    });
    const answer = { images: [{ url: 'a', width: 1024, height: 768 }, { url: 'b' }] };
    expect(readingOf('fal-ai/flux/dev', answer, { num_images: 3 })).toMatchObject({
      finished: true,
      media: { actualImageCount: 2, resolution: '1024x768' },
    });
    expect(readingOf('fal-ai/clarity-upscaler', { image: { url: 'a' } }).media).toEqual({ actualImageCount: 1 });
  });

  it('video: the length that was asked for, once the video is there; else nobody knows it', () => {
    expect(readingOf('fal-ai/veo3', { video: { url: 'a' } }, { duration: '8s' }).media).toMatchObject({
      durationSeconds: 8,
    });
    expect(readingOf('fal-ai/wan-t2v', { video: {} }, { num_frames: 81, fps: 16 }).media?.durationSeconds).toBe(5.063);
    expect(readingOf('fal-ai/veo3', { video: { url: 'a', duration: 7.5 } }).media?.durationSeconds).toBe(7.5);
    expect(readingOf('fal-ai/veo3', { video: { url: 'a' } }, { duration: 'auto' }).media).toBeUndefined();
  });

  it('a video of unknown length is billed by the units that fal names', () => {
    const headers = { 'x-fal-billable-units': '1.5' };
    const reading = readingOf('fal-ai/veo3', { video: { url: 'a' } }, {}, headers);
    expect(reading).toMatchObject({
      media: { creditsConsumed: 1.5, billingUnit: 'CREDITS' },
      attributes: { billableUnits: 1.5 },
    });
    expect(readingOf('fal-ai/veo3', { video: {} }, { duration: 5 }, headers).media).toEqual({
      durationSeconds: 5,
      creditsConsumed: 1.5,
    });
  });

  it.each(['', 'many', '-1', 'NaN'])('units of %j are none', (units) => {
    expect(
      readingOf('fal-ai/flux/dev', { images: [] }, {}, { 'x-fal-billable-units': units }).attributes,
    ).toBeUndefined();
  });

  it('speech: the characters of the text, or of what kokoro calls the prompt', () => {
    expect(read('https://fal.run/fal-ai/orpheus-tts', { text: 'héllo 👋' })?.media).toMatchObject({
      characterCount: 7,
      billingUnit: 'PER_CHARACTER',
    });
    expect(read('https://fal.run/fal-ai/kokoro', { prompt: 'hello' })?.media).toMatchObject({ characterCount: 5 });
  });

  it('language: tokens, the cost that it names, its stop reason; the text so far is not counted twice', () => {
    const usage = { prompt_tokens: 40, completion_tokens: 227, total_tokens: 267, cost: 0.0007 };
    expect(readingOf('openrouter/router', { output: 'blue', usage })).toMatchObject({
      inputTokens: 40,
      outputTokens: 227,
      totalTokens: 267,
      totalCostUsd: 0.0007,
      outputText: 'blue',
    });
    const reader = falAdapter.createUsageReader(read('https://fal.run/fal-ai/any-llm/stream')!);
    for (const output of ['b', 'bl', 'blue']) reader.chunk({ output, partial: true });
    expect(reader.reading()).toMatchObject({ outputText: 'blue' });
    const compatible = falAdapter.createUsageReader(
      read('https://fal.run/openrouter/router/openai/v1/chat/completions')!,
    );
    compatible.chunk({ choices: [{ delta: { content: 'bl' } }] });
    compatible.chunk({ choices: [{ delta: { content: 'ue' }, finish_reason: 'length' }] });
    expect(compatible.reading()).toMatchObject({ outputText: 'blue', stopReason: 'TOKEN_LIMIT' });
  });

  it('an id is unique only where it is one of fal’s own', () => {
    expect(readingOf('a/b', { images: [] }, {}, { 'x-fal-request-id': ID })).toMatchObject({
      responseId: ID,
      idsAreUnique: true,
    });
    expect(readingOf('a/b', { images: [] }, {}, { 'x-fal-request-id': 'req-1' }).responseId).toBeUndefined();
  });

  it('a submission is pending under the id that it names', () => {
    const reader = falAdapter.createUsageReader(read('https://queue.fal.run/fal-ai/flux/dev')!);
    reader.whole({ status: 'IN_QUEUE', request_id: ID, queue_position: 0 });
    expect(reader.reading()).toMatchObject({ pending: true, responseId: ID, finished: false });
  });

  it.each<[string, unknown]>([
    ['a mesh', { model_mesh: { url: 'a.glb' } }],
    ['a list', [1, 2]],
    ['a text', 'hello'],
    ['nothing', null],
  ])('I5: %s is of a shape that nobody knows', (_name, answer) => {
    expect(readingOf('acme/thing', answer)).toMatchObject({ isUnknownShape: true });
    expect(readingOf('acme/thing', answer).media?.actualImageCount).toBeUndefined();
  });

  it('an error inside the answer is one', () => {
    expect(readingOf('fal-ai/any-llm', { output: '', error: 'no model' })).toMatchObject({
      errorReason: 'no model',
      finished: false,
    });
  });
});
