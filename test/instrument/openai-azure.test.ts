/** Azure OpenAI: deployments and the models behind them, through `guard` and the real class. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FusewireError } from '../../src/index.js';
import { createFusewireOn, type Fusewire } from '../../src/instance.js';
import { type FakeService, startFakeService } from '../../src/testing/fake-service.js';
import { MAJORS } from '../helpers/openai-clients.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';

let stub: StubProvider;
let service: FakeService;
let fusewire: Fusewire;
let lines: string[];
beforeAll(async () => {
  stub = await startStubProvider();
});
afterAll(() => stub.close());
beforeEach(async () => {
  lines = [];
  stub.reset();
  service = await startFakeService();
});
afterEach(async () => {
  await fusewire.close();
  await service.close();
});

const note = (message: string) => void lines.push(message);
const log = { debug: () => undefined, info: () => undefined, warn: note, error: note, isDebug: () => false };
const instance = (env: Record<string, string> = {}) => {
  fusewire = createFusewireOn({ env }, { ...service.options, log });
  return fusewire;
};
const eventOf = async () => {
  expect(await fusewire.flush()).toBe(true);
  return service.events.at(-1) as Record<string, unknown> & { attributes: Record<string, unknown> };
};
const MESSAGES = [{ role: 'user' as const, content: 'hi' }];

describe.each(MAJORS)('openai $major', ({ Azure, OpenAI }) => {
  const client = (options: object = {}) =>
    new Azure({ apiKey: 'k', baseURL: `${stub.url}/openai`, apiVersion: '2024-10-21', ...options });
  const ask = (options: object, given: object = {}) =>
    fusewire.guard(client(options), given).chat.completions.create({ model: 'Chat-Prod', messages: MESSAGES });

  it('the name says the model, where nobody says it better', async () => {
    instance();
    await ask({ deployment: 'team-gpt-4o-mini' });
    expect(await eventOf()).toMatchObject({
      provider: 'Azure',
      modelSource: 'OPENAI',
      attributes: { requestedModel: 'gpt-4o-mini', deployment: 'team-gpt-4o-mini' },
    });
  });

  it('a map in code beats the variable, that beats the name, and the answer’s own model beats them all', async () => {
    instance({ FUSEWIRE_AZURE_DEPLOYMENTS: '{"chat-prod":"gpt-4o","other":"gpt-4.1"}' });
    const requested = async () => {
      const { model, attributes } = await eventOf();
      // The stub answers with the deployment's name and a date.
      expect(model).toBe('Chat-Prod-2026-01-01');
      return attributes['requestedModel'];
    };
    await ask({});
    expect(await requested()).toBe('gpt-4o');
    await ask({}, { deployments: { 'CHAT-PROD': 'gpt-5' } });
    expect(await requested()).toBe('gpt-5');
    await ask({}, { deployments: { elsewhere: 'gpt-5' } });
    expect(await requested()).toBe('gpt-4o');
    expect(stub.requests.map(({ path }) => path)).toEqual(
      Array.from({ length: 3 }, () => '/openai/deployments/Chat-Prod/chat/completions?api-version=2024-10-21'),
    );
  });

  it.each(['no JSON', '[]', '{"a":1}', '"x"'])('I2: a variable such as %s is reported and ignored', async (text) => {
    instance({ FUSEWIRE_AZURE_DEPLOYMENTS: text });
    await ask({ deployment: 'gpt-4o' });
    expect((await eventOf()).attributes['requestedModel']).toBe('gpt-4o');
    expect(lines.filter((line) => line.includes('FUSEWIRE_AZURE_DEPLOYMENTS'))).toHaveLength(1);
  });

  it.each([{ a: 1 }, { a: '' }, [], 'x', new Map()])(
    'a wrong map in code throws where it is given: %j',
    (deployments) => {
      instance();
      expect(() => fusewire.guard(client(), { deployments } as never)).toThrow(FusewireError);
    },
  );

  it('images and sound go to their deployments and say their models', async () => {
    instance();
    const guarded = fusewire.guard(client(), { deployments: { ears: 'whisper-1' } });
    await guarded.images.generate({ model: 'my-dalle3', prompt: 'x' });
    expect(await eventOf()).toMatchObject({ operationType: 'IMAGE', model: 'dall-e-3', provider: 'Azure' });
    const file = new File([Buffer.from('RIFF')], 'a.wav');
    await guarded.audio.transcriptions.create({ model: 'ears', file });
    expect(await eventOf()).toMatchObject({ operationType: 'AUDIO', model: 'whisper-1', provider: 'Azure' });
    expect(stub.requests.map(({ path }) => path.replace(/\?.*/, ''))).toEqual([
      '/openai/deployments/my-dalle3/images/generations',
      '/openai/deployments/ears/audio/transcriptions',
    ]);
  });

  it('isInitialized tells Azure from OpenAI', () => {
    instance();
    fusewire.guard(new OpenAI({ apiKey: 'k' }));
    expect([fusewire.isInitialized('openai'), fusewire.isInitialized('azure')]).toEqual([true, false]);
    fusewire.guard(client());
    expect(fusewire.isInitialized('azure')).toBe(true);
  });
});
