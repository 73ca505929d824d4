import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ResolvedMetadata } from '../../src/metadata/resolver.js';
import { Attempt, type AttemptSink, IDLE_LIMIT_MS, UNREAD_LIMIT_MS } from '../../src/metering/attempt.js';
import type { Outbox } from '../../src/metering/outbox.js';
import type { RequestReading, UsageReading } from '../../src/providers/adapter.js';
import { createRuntime } from '../../src/runtime.js';
import { createFakeClock, type FakeClock } from '../../src/testing/fake-clock.js';
import type { UsageEvent } from '../../src/wire/usage-event.js';

const METADATA: ResolvedMetadata = { fields: { agent: 'a' }, dimensions: {} };
const REQUEST: RequestReading = {
  endpoint: 'chat.completions',
  known: true,
  provider: 'OPENAI',
  modelSource: 'OPENAI',
  operationType: 'CHAT',
  model: 'gpt-4o-mini',
  streaming: false,
  promptText: () => 'four words of prompt',
  idsAreUnique: true,
  kind: 'call',
};

let clock: FakeClock;
let events: UsageEvent[];
let noted: Map<string, () => UsageEvent>;
let forgotten: string[];
let sink: AttemptSink;
let errors: string[];

beforeEach(() => {
  clock = createFakeClock();
  events = [];
  noted = new Map();
  forgotten = [];
  errors = [];
  const outbox = {
    note: (id: string, estimate: () => UsageEvent) => void noted.set(id, estimate),
    forget: (id: string) => void forgotten.push(id),
    append: (_id: string, event: UsageEvent) => void events.push(event),
  } as unknown as Outbox;
  sink = {
    runtime: createRuntime({
      ...clock,
      log: { ...createRuntime().log, error: (message) => void errors.push(message) },
    }),
    outbox,
    middlewareSource: 'test',
    open: new Set(),
    started() {},
    refused() {},
    estimateTokens: (text) => text.split(' ').length,
  };
});

afterEach(() => expect(clock.pending()).toBe(0));

const begin = (request: Partial<RequestReading> = {}) =>
  new Attempt({ ...REQUEST, ...request }, METADATA, sink, { bypassed: false });
const reading = (part: Partial<UsageReading>): (() => UsageReading) => {
  return () => ({ finished: false, outputText: '', ...part });
};

describe('an attempt', () => {
  it('I12: a provider that repeats a key in its error does not bring it into the event', () => {
    const attempt = new Attempt(REQUEST, METADATA, sink, { bypassed: false });
    attempt.settle('failed', { status: 401, reason: 'Incorrect API key provided: sk-0123456789abcdef0123.' });
    expect(events[0]?.errorReason).toBe('Incorrect API key provided: sk-***REDACTED***.');
  });

  it('I4: is metered once, whatever comes after its first end', () => {
    const attempt = begin();
    attempt.answered(reading({ inputTokens: 3, outputTokens: 4, responseId: 'r-1', finished: true }));
    attempt.settle('completed');
    attempt.settle('failed', { status: 500 });
    attempt.settle('abandoned');
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ transactionId: 'r-1', stopReason: 'END', totalTokenCount: 7, agent: 'a' });
    expect(sink.open.size).toBe(0);
  });

  it('I4: takes the provider id as transaction id only where those are unique', () => {
    const attempt = begin({ idsAreUnique: false });
    attempt.answered(reading({ responseId: 'chatcmpl-7', inputTokens: 1, outputTokens: 1, finished: true }));
    expect(attempt.transactionId).toBe(attempt.id);
    attempt.settle('completed');
    expect(events[0]?.transactionId).toBe(attempt.id);
    expect(events[0]?.attributes).toMatchObject({ providerResponseId: 'chatcmpl-7' });
  });

  it('I4: an answer that nobody reads is metered after 60 s, and one that is being read is not', async () => {
    const unread = begin();
    const read = begin();
    unread.answered(reading({ responseId: 'r-1' }));
    read.answered(reading({ responseId: 'r-2' }));
    read.progressed();
    await clock.advance(UNREAD_LIMIT_MS - 1);
    expect(events).toHaveLength(0);
    await clock.advance(1);
    expect(events.map((event) => event.transactionId)).toEqual(['r-1']);
    expect(events[0]).toMatchObject({
      stopReason: 'CANCELLED',
      attributes: { usageState: 'estimated', end: 'abandoned' },
    });
    read.settle('completed');
  });

  it('I4: an answer that is dropped half-read is metered in the end, one that is read slowly is not cut off', async () => {
    const slow = begin({ streaming: true });
    const dropped = begin({ streaming: true });
    for (const attempt of [slow, dropped])
      attempt.answered(reading({ responseId: attempt.id, outputText: 'two words' }));
    dropped.progressed();
    for (let minutes = 0; minutes < 28; minutes += 14) {
      slow.progressed();
      await clock.advance(14 * 60_000);
    }
    expect(events.map((event) => event.transactionId)).toEqual([dropped.id]);
    expect(events[0]).toMatchObject({ stopReason: 'CANCELLED', outputTokenCount: 2, attributes: { end: 'abandoned' } });
    slow.progressed();
    await clock.advance(IDLE_LIMIT_MS - 1);
    expect(events).toHaveLength(1);
    slow.settle('completed');
    expect(events).toHaveLength(2);
  });

  it('I5: a cancelled answer without usage is an estimate of what was sent and received, and says so', () => {
    const attempt = begin({ streaming: true });
    attempt.answered(reading({ outputText: 'two words' }));
    attempt.settle('cancelled');
    expect(events[0]).toMatchObject({
      stopReason: 'CANCELLED',
      inputTokenCount: 4,
      outputTokenCount: 2,
      totalTokenCount: 6,
      attributes: { usageState: 'estimated' },
    });
  });

  it('I5: a count that is missing beside one that came is estimated, not zero; an embedding has no output to count', () => {
    const cached = begin();
    cached.answered(reading({ outputTokens: 7, outputText: 'two words', finished: true }));
    cached.settle('completed');
    const early = begin();
    early.answered(reading({ inputTokens: 9, outputText: 'two words' }));
    early.settle('cancelled');
    const embedding = begin({ operationType: 'EMBED' });
    embedding.answered(reading({ inputTokens: 9, finished: true }));
    embedding.settle('completed');
    const counts = events.map((event) => [
      event.inputTokenCount,
      event.outputTokenCount,
      event.attributes?.['usageState'],
    ]);
    expect(counts).toEqual([
      [4, 7, 'estimated'],
      [9, 2, 'estimated'],
      [9, 0, 'reported'],
    ]);
  });

  it('a cancel after the last event of the provider is its end, with its own stop reason', () => {
    const attempt = begin({ streaming: true });
    attempt.answered(reading({ inputTokens: 1, outputTokens: 2, stopReason: 'TOKEN_LIMIT', finished: true }));
    attempt.settle('cancelled');
    expect(events[0]).toMatchObject({ stopReason: 'TOKEN_LIMIT', attributes: { usageState: 'reported' } });
  });

  it('I5: an error answer consumed nothing, a broken connection is unknown', () => {
    const refused = begin();
    refused.answered(reading({}));
    refused.settle('failed', { status: 429, reason: 'slow down' });
    begin().settle('failed', { reason: 'ECONNRESET' });
    expect(events[0]).toMatchObject({
      stopReason: 'ERROR',
      errorCode: 429,
      errorReason: 'slow down',
      totalTokenCount: 0,
    });
    expect(events.map((event) => event.attributes?.['usageState'])).toEqual(['reported', 'unknown']);
  });

  it('a client time limit is metered as TIMEOUT, with the input estimated', () => {
    begin().settle('timed-out');
    expect(events[0]).toMatchObject({ stopReason: 'TIMEOUT', inputTokenCount: 4, outputTokenCount: 0 });
  });

  it('a background response is not metered before its end is read, and a poll only when it found the end', () => {
    const started = begin();
    started.answered(reading({ pending: true, responseId: 'resp_1' }));
    started.settle('completed');
    const early = begin({ kind: 'poll' });
    early.answered(reading({ pending: true, responseId: 'resp_1' }));
    early.settle('completed');
    const late = begin({ kind: 'poll' });
    late.answered(reading({ responseId: 'resp_1', inputTokens: 1, outputTokens: 1, finished: true }));
    late.settle('completed');
    expect(events.map((event) => event.transactionId)).toEqual(['resp_1']);
    expect(forgotten).toContain(started.id);
  });

  it('notes an estimate before it is sent, marked as recovered', () => {
    const attempt = begin();
    const estimate = noted.get(attempt.id)?.();
    expect(estimate).toMatchObject({
      transactionId: attempt.id,
      stopReason: 'CANCELLED',
      inputTokenCount: 5,
      attributes: { recovered: true, usageState: 'estimated' },
    });
    attempt.settle('completed');
  });

  it('keeps the times apart: request, first token, answer', async () => {
    const attempt = begin({ streaming: true });
    await clock.advance(100);
    attempt.answered(reading({ inputTokens: 1, outputTokens: 1, finished: true }));
    await clock.advance(50);
    attempt.firstToken();
    attempt.progressed();
    await clock.advance(350);
    attempt.firstToken();
    attempt.settle('completed');
    expect(events[0]).toMatchObject({ requestDuration: 500, timeToFirstToken: 150 });
    const start = Date.parse(events[0]!.requestTime);
    expect(Date.parse(events[0]!.completionStartTime) - start).toBe(150);
    expect(Date.parse(events[0]!.responseTime) - start).toBe(500);
  });

  it('I2: a reader that throws costs the counts, not the event, and reaches nobody', () => {
    const attempt = begin();
    attempt.answered(() => {
      throw new Error('a bug of ours');
    });
    expect(() => attempt.settle('completed')).not.toThrow();
    expect(events[0]).toMatchObject({ transactionId: attempt.id, attributes: { usageState: 'estimated' } });
    expect(errors.length).toBeGreaterThan(0);
  });
});

describe('an attempt that is not to be metered', () => {
  it('is counted as sent, and leaves no note, no event, none of its parts and nothing open, however it ends', () => {
    const started: boolean[] = [];
    sink = { ...sink, started: (_request, metered) => void started.push(metered) };
    for (const end of ['completed', 'failed', 'cancelled', 'abandoned'] as const) {
      const attempt = new Attempt(REQUEST, METADATA, sink, { bypassed: false, metered: false });
      attempt.answered(reading({ finished: true, inputTokens: 3, outputTokens: 2 }));
      attempt.meterPart({ request: REQUEST, metadata: METADATA, reading: { finished: true, outputText: '' }, end });
      expect(sink.open.size).toBe(0);
      attempt.settle(end);
    }
    expect(started).toEqual([false, false, false, false]);
    expect([noted.size, events.length]).toEqual([0, 0]);
  });
});
