import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import type { TestStore } from '../../helpers/stores.js';

const NOW = new Date().toISOString();
const common = { requestTime: NOW, responseTime: NOW, requestDuration: 7_800, costType: 'AI', stopReason: 'END' };
const IMAGE = {
  ...common,
  operationType: 'IMAGE',
  operationSubtype: 'generation',
  model: 'dall-e-3',
  provider: 'OpenAI',
  inputTokenCount: null,
  outputTokenCount: null,
  totalTokenCount: null,
  requestedImageCount: 3,
  actualImageCount: 2,
  billingUnit: 'PER_IMAGE',
  resolution: '1024x1024',
  attributes: { billing_unit: 'per_image' },
};
const AUDIO = {
  ...common,
  operationType: 'AUDIO',
  operationSubtype: 'tts',
  model: 'tts-1',
  provider: 'OpenAI',
  characterCount: 23,
  billingUnit: 'PER_CHARACTER',
};
const VIDEO = {
  ...common,
  operationType: 'VIDEO',
  operationSubtype: 'generation',
  model: 'fal-ai/kling-video/v2/master/text-to-video',
  provider: 'fal_ai',
  durationSeconds: 10,
  billingUnit: 'PER_SECOND',
};
const BODIES = { 'ai/images': IMAGE, 'ai/audio': AUDIO, 'ai/video': VIDEO } as const;
type MediaType = keyof typeof BODIES;

/** Runs on each of the stores. */
export function mediaSuite(stores: readonly TestStore[]): void {
  describe.each(stores)('ingest of media, $name', ({ open }) => {
    let service: ServiceFixture;
    let next = 0;
    beforeAll(async () => {
      service = await openServiceFixture(open);
    });
    afterAll(() => service.close());

    const send = (type: MediaType, changes: Record<string, unknown> = {}, prefix = '/meter/v2') => {
      next += 1;
      const json = { transactionId: `media-${next}`, ...BODIES[type], ...changes };
      return service.ask({ path: `${prefix}/${type}`, json, key: service.keys.metering });
    };
    const stored = async (transactionId: string) =>
      (await service.store.findEvents(service.team.id, { transactionId, page: 0, size: 9 })).items[0];
    const countAll = async () => (await service.store.findEvents(service.team.id, { page: 0, size: 1 })).totalElements;

    it.each(['ai/images', 'ai/audio', 'ai/video'] as const)('takes %s under both addresses', async (type) => {
      for (const prefix of ['/meter/v2', '/v2']) {
        const transactionId = `${type} ${prefix}`;
        const got = await send(type, { transactionId }, prefix);
        expect([got.status, got.json.label, got.json.resourceType]).toEqual([201, transactionId, 'metering']);
        expect(got.headers['fusewire-revision']).toMatch(/^\d+$/);
        const event = await stored(transactionId);
        const kinds = { 'ai/images': 'image', 'ai/audio': 'audio', 'ai/video': 'video' };
        expect(event?.kind).toBe(kinds[type]);
        for (const [name, value] of Object.entries(BODIES[type])) {
          if (value !== null) expect(event?.body[name], name).toEqual(value);
          else expect(event?.body).not.toHaveProperty(name);
        }
      }
    });

    it('names a transaction that has no id, and gives each route its operation type', async () => {
      for (const [type, operationType] of [
        ['ai/images', 'IMAGE'],
        ['ai/audio', 'AUDIO'],
        ['ai/video', 'VIDEO'],
      ] as const) {
        const got = await send(type, { transactionId: undefined, operationType: undefined });
        expect(got.json.label).toMatch(/^[0-9a-f]{8}-/);
        expect((await stored(got.json.label))?.body['operationType']).toBe(operationType);
      }
    });

    it('answers refusals with the revision too, once it is known', async () => {
      expect((await send('ai/images')).status).toBe(201);
      const got = await send('ai/images', { model: '' });
      expect([got.status, got.headers['fusewire-revision']]).toEqual([400, expect.stringMatching(/^\d+$/)]);
    });

    const UNITS = '[PER_IMAGE, PER_MINUTE, PER_SECOND, PER_CHARACTER, PER_TOKEN, CREDITS]';
    const wrong: readonly (readonly [MediaType, Record<string, unknown>, string, string | RegExp])[] = [
      ['ai/images', { model: undefined }, 'model', 'model is required'],
      ['ai/images', { provider: '' }, 'provider', 'provider is required'],
      ['ai/images', { requestTime: undefined }, 'requestTime', 'requestTime is required'],
      ['ai/images', { responseTime: null }, 'responseTime', 'responseTime is required'],
      ['ai/images', { requestDuration: undefined }, 'requestDuration', 'requestDuration is required'],
      ['ai/images', { requestDuration: '5' }, 'requestDuration', 'must be a number'],
      ['ai/images', { actualImageCount: null, requestedImageCount: undefined }, 'actualImageCount', /is required$/],
      ['ai/images', { actualImageCount: 1.5 }, 'actualImageCount', 'must be a whole number'],
      ['ai/images', { requestedImageCount: -1 }, 'requestedImageCount', 'must not be negative'],
      [
        'ai/images',
        { billingUnit: 'per_image' },
        'billingUnit',
        `Value 'per_image' is not valid. Allowed values: ${UNITS}`,
      ],
      [
        'ai/images',
        { operationSubtype: 'tts' },
        'operationSubtype',
        /\[generation, edit, variation, upscale, inpainting\]$/,
      ],
      [
        'ai/images',
        { skipReason: 'QUOTA_EXCEEDED' },
        'skipReason',
        /\[FREE_TIER, RATE_LIMITED, ERROR_RESPONSE, INTERNAL_TEST\]$/,
      ],
      [
        'ai/images',
        { operationType: 'PICTURE' },
        'operationType',
        /^Value 'PICTURE' is not valid\. Allowed values: \[CHAT,/,
      ],
      ['ai/images', { stopReason: 'stop' }, 'stopReason', /^Value 'stop' is not valid/],
      ['ai/images', { resolution: { w: 1 } }, 'resolution', 'must be text'],
      ['ai/images', { revisedPromptProvided: 1 }, 'revisedPromptProvided', 'must be true or false'],
      ['ai/images', { agenticJobId: 'types' }, 'agenticJobId', /^must begin/],
      [
        'ai/audio',
        { operationSubtype: 'song' },
        'operationSubtype',
        /\[transcription, translation, synthesis, speech, tts, realtime\]$/,
      ],
      [
        'ai/audio',
        { billingUnit: 'PER_IMAGE' },
        'billingUnit',
        /\[PER_MINUTE, PER_SECOND, PER_CHARACTER, PER_TOKEN, CREDITS\]$/,
      ],
      ['ai/audio', { durationSeconds: '3' }, 'durationSeconds', 'must be a number'],
      ['ai/audio', { durationSeconds: -1 }, 'durationSeconds', 'must not be negative'],
      ['ai/audio', { characterCount: 0.5 }, 'characterCount', 'must be a whole number'],
      ['ai/audio', { inputAudioTokenCount: -1 }, 'inputAudioTokenCount', 'must not be negative'],
      ['ai/audio', { speed: 'fast' }, 'speed', 'must be a number'],
      ['ai/audio', { sampleRate: 44.1 }, 'sampleRate', 'must be a whole number'],
      ['ai/audio', { isRealtime: 'no' }, 'isRealtime', 'must be true or false'],
      ['ai/video', { completionStatus: 'DONE' }, 'completionStatus', /\[SUCCESS, PARTIAL_TIMEOUT, FAILED\]$/],
      ['ai/video', { operationSubtype: 'variation' }, 'operationSubtype', /\[generation, upscale, extend, edit\]$/],
      ['ai/video', { billingUnit: 'PER_MINUTE' }, 'billingUnit', /\[PER_SECOND, CREDITS\]$/],
      ['ai/video', { durationSeconds: '10' }, 'durationSeconds', 'must be a number'],
      ['ai/video', { creditsConsumed: -1 }, 'creditsConsumed', 'must not be negative'],
      ['ai/video', { creditsConsumed: 1e7 }, 'creditsConsumed', /^must be at most/],
      ['ai/video', { fps: 29.97 }, 'fps', 'must be a whole number'],
    ];
    it.each(wrong)('refuses %s with %j and names the field', async (type, changes, field, problem) => {
      const before = await countAll();
      const got = await send(type, changes);
      expect([got.status, got.json.error]).toEqual([400, 'validation_failed']);
      expect(got.json[field]).toEqual(typeof problem === 'string' ? problem : expect.stringMatching(problem));
      expect(await countAll()).toBe(before);
    });

    it('answers 422 for a video that does not say how long it is, and keeps nothing', async () => {
      const before = await countAll();
      for (const durationSeconds of [undefined, null]) {
        const got = await send('ai/video', { durationSeconds });
        expect([got.status, got.json.durationSeconds]).toEqual([422, 'durationSeconds is required']);
        expect(got.json.message).toContain('durationSeconds');
      }
      expect((await send('ai/video', { durationSeconds: 0 })).status).toBe(201);
      expect((await send('ai/audio', { durationSeconds: null })).status).toBe(201);
      expect(await countAll()).toBe(before + 2);
    });

    it('takes the names of operations that older callers send, and keeps those of today', async () => {
      for (const [old, today] of [
        ['speech_synthesis', 'tts'],
        ['audio_generation', 'synthesis'],
      ]) {
        const transactionId = `legacy ${old}`;
        expect((await send('ai/audio', { transactionId, operationSubtype: old })).status).toBe(201);
        expect((await stored(transactionId))?.body['operationSubtype']).toBe(today);
      }
    });

    it('drops unknown and deprecated names, prompts too, and nests the flat subscriber', async () => {
      const transactionId = 'dropped';
      const got = await send('ai/images', {
        transactionId,
        organizationId: 'o',
        productId: 'p',
        realtime: true,
        systemPrompt: 'secret',
        subscriberEmail: 'rita@example.org',
        subscriberId: 88,
        subscriberCredential: 'sk-live-0123456789',
        quality: 7,
      });
      expect(got.status).toBe(201);
      const body = (await stored(transactionId))?.body ?? {};
      for (const name of [
        'organizationId',
        'productId',
        'realtime',
        'systemPrompt',
        'subscriberEmail',
        'subscriberId',
      ]) {
        expect(body).not.toHaveProperty(name);
      }
      expect(body).toMatchObject({ quality: '7', subscriber: { id: '88', email: 'rita@example.org' } });
      expect(JSON.stringify(body)).not.toContain('sk-live-0123456789');
      const audio = await send('ai/audio', { transactionId: 'speed', speed: 1.25, isRealtime: true });
      expect(audio.status).toBe(201);
      expect((await stored('speed'))?.body).toMatchObject({ speed: 1.25, isRealtime: true });
    });

    it('I5: an audio event without any unit is one whose usage nobody knows', async () => {
      await send('ai/audio', { transactionId: 'nothing said', characterCount: undefined });
      expect(await stored('nothing said')).toMatchObject({
        priceState: 'unknown',
        body: { attributes: { usageState: 'unknown' } },
      });
      await send('ai/audio', { transactionId: 'known units' });
      expect((await stored('known units'))?.body).not.toHaveProperty('attributes');
    });

    it('I4: an image and a completion under one transaction id are a conflict, and the first counts', async () => {
      const transactionId = 'two kinds';
      const first = await send('ai/images', { transactionId });
      const second = await send('ai/audio', { transactionId });
      expect([first.status, second.status, second.json.id]).toEqual([201, 201, first.json.id]);
      expect((await stored(transactionId))?.kind).toBe('image');
      const conflicts = (await service.ask({ path: '/v2/api/fusewire/conflicts' })).json._embedded.objectList;
      expect(conflicts.some((one: { transactionId: string }) => one.transactionId === transactionId)).toBe(true);
    });
  });

  describe.each(stores)('metrics of media, $name', ({ open }) => {
    let service: ServiceFixture;
    beforeAll(async () => {
      service = await openServiceFixture(open);
    });
    afterAll(() => service.close());

    it('count images that came, videos and sound that were made, characters and credits, now and when back-filled', async () => {
      const send = async (type: MediaType, changes: Record<string, unknown>) => {
        const json = { ...BODIES[type], ...changes };
        expect((await service.ask({ path: `/meter/v2/${type}`, json, key: service.keys.metering })).status).toBe(201);
      };
      const control = async (metricType: string, name: string) => {
        const json = {
          teamId: service.team.id,
          name,
          description: '',
          metricType,
          windowType: 'DAILY',
          action: 'BLOCK',
          hardLimit: 1_000_000,
          shadowMode: false,
        };
        expect((await service.ask({ path: '/v2/api/ai/cost-controls', json })).status).toBe(201);
      };
      const METRICS = [
        'IMAGE_COUNT',
        'VIDEO_COUNT',
        'AUDIO_COUNT',
        'CHARACTER_COUNT',
        'CREDITS_CONSUMED',
        'ERROR_COUNT',
      ];
      for (const metric of METRICS) await control(metric, `before ${metric}`);
      await send('ai/images', {});
      await send('ai/images', { actualImageCount: undefined });
      await send('ai/images', { actualImageCount: undefined, stopReason: 'ERROR' });
      await send('ai/images', { actualImageCount: 1, stopReason: 'ERROR' });
      await send('ai/audio', {});
      await send('ai/audio', { characterCount: 7 });
      await send('ai/audio', { characterCount: undefined, stopReason: 'ERROR' });
      await send('ai/video', { creditsConsumed: 1.5 });
      await send('ai/video', { creditsConsumed: 0.25, completionStatus: 'PARTIAL_TIMEOUT' });
      await send('ai/video', { completionStatus: 'FAILED' });
      for (const metric of METRICS) await control(metric, `after ${metric}`);
      const verified = await service.store.verifyBalances();
      expect(verified.wrong).toEqual([]);
      expect(verified.checked).toBeGreaterThanOrEqual(12);
      const feed = await service.ask({ path: `/v2/api/ai/enforcement-rules/${service.team.id}` });
      const values = Object.fromEntries(
        feed.json.rules.map((rule: { name: string; currentValue: number }) => [rule.name, rule.currentValue]),
      );
      const expected = [6, 2, 2, 30, 1.75, 4];
      for (const [at, metric] of METRICS.entries()) {
        expect([values[`before ${metric}`], values[`after ${metric}`]], metric).toEqual([expected[at], expected[at]]);
      }
    });
  });
}
