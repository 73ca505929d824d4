/** Whoever gives something wrong is told what it was, where, and what to give instead. */
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { fusewireMiddleware, guardEmbeddingModel, guardImageModel } from '../../src/ai-sdk.js';
import { createFusewire, trackAgent, trackSubscriber } from '../../src/index.js';
import { guardEmbeddings } from '../../src/langchain.js';

const fusewire = createFusewire({ logLevel: 'CRITICAL' });
const client = new OpenAI({ apiKey: 'k' });
/** Types forbid all of these: they are what programs without types give. */
const untyped = (value: unknown) => value as never;

const WRONG: readonly (readonly [string, () => unknown, RegExp])[] = [
  ['a class', () => fusewire.guard(OpenAI), /guard\(\) takes a client, not its class: guard\(new OpenAI\(…\)\)$/],
  [
    'a model of a layer',
    () => fusewire.guard({ doGenerate() {} }),
    /\(Object\).*fusewire\/langchain and fusewire\/ai-sdk/,
  ],
  ['options of guard()', () => fusewire.guard(client, untyped('x')), /^the options of guard\(\) must be an object$/],
  ['options first', () => fusewire.guardFetch(untyped({ hosts: {} })), /options come second: guardFetch\(undefined, /],
  ['no embeddings', () => guardEmbeddings(untyped({})), /takes an object with embedQuery and embedDocuments/],
  ['nothing to embed with', () => guardEmbeddings(untyped(undefined)), /takes an object with embedQuery/],
  [
    'the name of a model',
    () => guardEmbeddingModel(untyped('openai/text-embedding-3-small')),
    /^an embedding model with the method doEmbed is needed, and the name "openai\/text-embedding-3-small" was given/,
  ],
  [
    'a model of another kind',
    () => guardImageModel(untyped({ doEmbed() {} })),
    /^an image model with the method doGene/,
  ],
  ['options of the middleware', () => fusewireMiddleware(untyped('x')), /^the options must be an object$/],
  [
    'a source under its Python name',
    () => trackAgent(untyped({ name_from_arg: 'x' })),
    /^trackAgent\(\): .*fromArgument/,
  ],
];

describe('what is wrong is said', () => {
  it.each(WRONG)('%s', (_what, give, says) => {
    expect(give).toThrow(expect.objectContaining({ name: 'FusewireError', message: expect.stringMatching(says) }));
  });

  it('and what is right passes', () => {
    expect(() => trackAgent({ fromArgument: 'x' })).not.toThrow();
    expect(() => trackSubscriber({ credential: { name: 'key of triage' } })).not.toThrow();
    expect(
      guardEmbeddingModel(Object.assign({ modelId: 'm', provider: 'p' }, { doEmbed: async () => ({}) })).modelId,
    ).toBe('m');
  });
});
