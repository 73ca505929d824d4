import { type UsageEvent, usageEventSchema } from 'fusewire/internal';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';

const EVENT: UsageEvent = {
  transactionId: 'chatcmpl-9x',
  model: 'gpt-4o-mini',
  provider: 'OPENAI',
  modelSource: 'OPENAI',
  costType: 'AI',
  operationType: 'CHAT',
  stopReason: 'END',
  isStreamed: false,
  inputTokenCount: 412,
  outputTokenCount: 96,
  totalTokenCount: 508,
  reasoningTokenCount: 0,
  cacheReadTokenCount: 128,
  requestTime: '2026-11-20T09:15:00.000Z',
  completionStartTime: '2026-11-20T09:15:01.000Z',
  responseTime: '2026-11-20T09:15:01Z',
  requestDuration: 1180,
  timeToFirstToken: 0,
  middlewareSource: 'revenium-openai-node',
  retryNumber: 0,
  subscriber: { id: 'u-88', email: 'rita@example.org', credential: { name: 'svc-key', value: 'k-redacted' } },
  attributes: { usageState: 'reported' },
};

describe('the usage event on the wire', () => {
  it('that the SDK builds is one that a service accepts, without a field lost', () => {
    expectTypeOf<UsageEvent>().toExtend<z.input<typeof usageEventSchema>>();
    expect(usageEventSchema.parse(EVENT)).toEqual(EVENT);
  });

  it('may hold null wherever it may be left out', () => {
    const required = new Set(['model', 'provider', 'requestTime']);
    for (const name of Object.keys(usageEventSchema.shape).filter((field) => !required.has(field))) {
      expect(usageEventSchema.safeParse({ ...EVENT, [name]: null }).success, name).toBe(true);
    }
    for (const name of required)
      expect(usageEventSchema.safeParse({ ...EVENT, [name]: null }).success, name).toBe(false);
  });
});
