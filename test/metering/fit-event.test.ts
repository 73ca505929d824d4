// Whatever a server or a caller says, the event is one that a service takes: a refused event is money nobody counts.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMetadataResolver } from '../../src/metadata/resolver.js';
import { buildUsageEvent } from '../../src/metering/build-usage-event.js';
import { checkEvent } from '../../src/metering/check-event.js';
import type { OperationType, RequestReading, UsageReading } from '../../src/providers/adapter.js';
import { createRuntime } from '../../src/runtime.js';
import { audioEventSchema, imageEventSchema, videoEventSchema } from '../../src/wire/media-event-schema.js';
import type { UsageEvent } from '../../src/wire/usage-event.js';
import { usageEventSchema } from '../../src/wire/usage-event-schema.js';

const SCHEMAS = { IMAGE: imageEventSchema, AUDIO: audioEventSchema, VIDEO: videoEventSchema };
const ESTIMATOR = { estimateTokens: (text: string) => text.length, middlewareSource: 'test' };

function built(
  reading: Partial<UsageReading>,
  metadata: object = {},
  request: Partial<RequestReading> = {},
): UsageEvent {
  const silent = { debug() {}, info() {}, warn() {}, error() {}, isDebug: () => false };
  const facts = {
    attemptId: 'attempt-1',
    request: {
      ...{ endpoint: 'x', known: true, provider: 'P', modelSource: 'P', model: 'm', streaming: false, kind: 'call' },
      ...{ operationType: 'CHAT', promptText: () => 'prompt', idsAreUnique: true, ...request },
    } as RequestReading,
    metadata: createMetadataResolver({ env: {}, log: silent }).resolve(metadata),
    ...{ bypassed: false, requestedAtMs: 0, firstTokenMs: 1, answeredMs: 1, durationMs: 2 },
  };
  return buildUsageEvent(facts, 'completed', { finished: true, outputText: '', ...reading }, {}, ESTIMATOR);
}

function problemsOf(event: UsageEvent): unknown {
  const schema = SCHEMAS[event.operationType as keyof typeof SCHEMAS] ?? usageEventSchema;
  const read = schema.safeParse(JSON.parse(JSON.stringify(event)));
  return read.success ? [] : read.error.issues.map(({ path, message }) => [path, message]);
}

describe('I4, I5: an event is one that a service takes', () => {
  it.each<[string, Partial<UsageReading>]>([
    ['more tokens than can be', { inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: 1 }],
    ['an impossible cache', { inputTokens: 1, outputTokens: 1, cacheReadTokens: 9e15 }],
    ['a broken count', { inputTokens: 1.5, outputTokens: 1 }],
    ['fewer tokens than none', { inputTokens: -5, outputTokens: 1 }],
  ])('%s leave the usage unknown', (_name, reading) => {
    const event = built(reading);
    expect(problemsOf(event)).toEqual([]);
    expect(event.attributes?.['usageState']).toBe('unknown');
  });

  it.each([1e300, -1, Number.NaN, Number.POSITIVE_INFINITY])('a cost of %d that a server names is none', (cost) => {
    const event = built({ inputTokens: 1, outputTokens: 1, totalCostUsd: cost });
    expect(problemsOf(event)).toEqual([]);
    expect(event).not.toHaveProperty('totalCost');
    expect(event.attributes?.['usageState']).toBe('reported');
  });

  it('names and ids that are too long are cut, or are not the id', () => {
    const event = built({ responseId: 'x'.repeat(513), model: 'm'.repeat(300), inputTokens: 1, outputTokens: 1 });
    expect(problemsOf(event)).toEqual([]);
    expect(event).toMatchObject({ transactionId: 'attempt-1', model: 'm'.repeat(256) });
  });

  it('a character that no database takes is replaced, whoever wrote it', () => {
    const metadata = { agent: 'a\0', subscriber: { id: '\0' }, attributes: { 'n\0': ['v\0'] } };
    const event = built(
      { responseId: 'r\0', model: 'm\0', inputTokens: 1, outputTokens: 1, outputText: 'said \0' },
      metadata,
      { provider: 'P\0', modelSource: 'S\0' },
    );
    expect(JSON.stringify(event)).not.toContain('\\u0000');
    expect(event).toMatchObject({ model: 'm\ufffd', agent: 'a\ufffd', subscriber: { id: '\ufffd' } });
    expect(event.attributes).toMatchObject({ 'n\ufffd': ['v\ufffd'] });
  });

  it('what a caller says in metadata costs no event', () => {
    const costs = { totalCost: -1, inputTokenCost: 1e12, cacheReadTokenCost: -3, mediationLatency: -2 };
    const event = built(
      { inputTokens: 1, outputTokens: 1 },
      { ...costs, pricingTier: 'gold', promptLength: 1.5, retryNumber: 1e300 },
    );
    expect(problemsOf(event)).toEqual([]);
    expect(event).not.toHaveProperty('totalCost');
    expect(event).not.toHaveProperty('pricingTier');
    expect(built({}, { pricingTier: 'batch' }).pricingTier).toBe('BATCH');
  });

  it('a factor that makes no sense is not the factor 1', () => {
    const event = built({ inputTokens: 1, outputTokens: 1 }, { costMultiplier: -1 });
    expect(problemsOf(event)).toEqual([]);
    expect(event.attributes?.['usageState']).toBe('unknown');
    const given = { model: 'm', provider: 'p', costMultiplier: -1 };
    expect(() => checkEvent(given, createRuntime(), 'test')).toThrow('costMultiplier');
    expect(() => checkEvent({ model: 'm'.repeat(257), provider: 'p' }, createRuntime(), 'test')).toThrow('model');
  });

  it('a speed that is a word does not cost an event of sound', () => {
    const event = built({ media: { durationSeconds: 3 } }, { speed: 'fast' }, { operationType: 'AUDIO' });
    expect(problemsOf(event)).toEqual([]);
  });

  it('a caller cannot say how many of the tokens were images', () => {
    const event = built({ inputTokens: 9, outputTokens: 1 }, { attributes: { inputImageTokens: 9, mine: 1 } });
    expect(event.attributes).toMatchObject({ mine: 1 });
    expect(event.attributes).not.toHaveProperty('inputImageTokens');
  });

  it('whatever the counts and costs are', () => {
    const odd = fc.option(
      fc.oneof(fc.double(), fc.integer(), fc.constantFrom(-0, 1e12, 1e12 + 1, 1e300, Number.MAX_SAFE_INTEGER)),
      { nil: undefined },
    );
    const names = ['inputTokens', 'outputTokens', 'totalTokens', 'cacheReadTokens', 'totalCostUsd'] as const;
    const mediaNames = ['actualImageCount', 'durationSeconds', 'characterCount', 'creditsConsumed', 'fps'] as const;
    const record = <K extends string>(keys: readonly K[]) =>
      fc.record(Object.fromEntries(keys.map((key) => [key, odd])) as Record<K, typeof odd>);
    const kinds = fc.constantFrom<OperationType>('CHAT', 'IMAGE', 'AUDIO', 'VIDEO', 'EMBED');
    const metadataNames = ['totalCost', 'outputTokenCost', 'costMultiplier', 'promptLength', 'retryNumber'] as const;
    const property = fc.property(
      record(names),
      record(mediaNames),
      record(metadataNames),
      kinds,
      (counts, media, metadata, operationType) => {
        const reading = { ...counts, media } as Partial<UsageReading>;
        expect(problemsOf(built(reading, metadata, { operationType }))).toEqual([]);
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});
