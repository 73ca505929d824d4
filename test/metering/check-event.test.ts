import { describe, expect, it } from 'vitest';
import { FusewireError } from '../../src/errors.js';
import { checkEvent } from '../../src/metering/check-event.js';
import { fakeRuntime } from '../cache/support/fake-runtime.js';

const { runtime } = fakeRuntime(Date.parse('2026-11-20T09:15:30.500Z'));
const check = (input: unknown) => checkEvent(input, runtime, 'fusewire-node@test');
const least = { model: 'gpt-4o-mini', provider: 'OPENAI' };

function problems(input: unknown): readonly string[] {
  try {
    check(input);
  } catch (error) {
    expect(FusewireError.is(error)).toBe(true);
    expect(error).toMatchObject({ code: 'INVALID_EVENT' });
    return (error as FusewireError).problems;
  }
  return [];
}

describe('an event that a program meters itself', () => {
  it('is completed', () => {
    const event = check({ ...least, inputTokenCount: 10, outputTokenCount: 5 });
    expect(event).toEqual({
      model: 'gpt-4o-mini',
      provider: 'OPENAI',
      transactionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      costType: 'AI',
      operationType: 'CHAT',
      stopReason: 'END',
      isStreamed: false,
      inputTokenCount: 10,
      outputTokenCount: 5,
      totalTokenCount: 15,
      requestTime: '2026-11-20T09:15:30.500Z',
      responseTime: '2026-11-20T09:15:30.500Z',
      completionStartTime: '2026-11-20T09:15:30.500Z',
      requestDuration: 0,
      middlewareSource: 'fusewire-node@test',
      attributes: { usageState: 'reported' },
    });
  });

  it('keeps what it gives', () => {
    const given = {
      ...least,
      transactionId: 'mine-1',
      operationType: 'EMBED',
      stopReason: 'TOKEN_LIMIT',
      isStreamed: true,
      totalTokenCount: 99,
      inputTokenCount: 90,
      reasoningTokenCount: 0,
      cacheReadTokenCount: 3,
      temperature: 0.2,
      attributes: { usageState: 'estimated', batch: 7 },
    };
    expect(check(given)).toMatchObject({ ...given, outputTokenCount: 9 });
  });

  it('I5: says that its usage is not known where it gives no count', () => {
    expect(check(least)).toMatchObject({ totalTokenCount: 0, attributes: { usageState: 'unknown' } });
    expect(check({ ...least, inputTokenCount: 0 })).toMatchObject({ attributes: { usageState: 'reported' } });
  });

  it('derives each time from the others', () => {
    const at = (input: object) => {
      const { requestTime, completionStartTime, responseTime, requestDuration } = check({ ...least, ...input });
      return [requestTime, completionStartTime, responseTime, requestDuration]
        .map(String)
        .map((t) => t.slice(11, 23) || t);
    };
    const start = '2026-11-20T09:15:00.000Z';
    expect(at({ requestTime: start, requestDuration: 1500 })).toEqual([
      '09:15:00.000',
      '09:15:01.500',
      '09:15:01.500',
      '1500',
    ]);
    expect(at({ requestTime: new Date(start) })).toEqual(['09:15:00.000', '09:15:30.500', '09:15:30.500', '30500']);
    expect(at({ responseTime: Date.parse(start), requestDuration: 1000.4 })).toEqual([
      '09:14:58.999',
      '09:15:00.000',
      '09:15:00.000',
      '1000',
    ]);
    expect(at({ requestTime: start, responseTime: '2026-11-20T09:15:02Z', timeToFirstToken: 250.4 })).toEqual([
      '09:15:00.000',
      '09:15:00.250',
      '09:15:02.000',
      '2000',
    ]);
    expect(at({ requestTime: '2026-11-20T11:00:00Z' })).toEqual(['11:00:00.000', '11:00:00.000', '11:00:00.000', '0']);
  });

  it('with an error reason ended in an error, unless it says otherwise', () => {
    expect(check({ ...least, errorReason: 'overloaded' })).toMatchObject({ stopReason: 'ERROR' });
    expect(check({ ...least, errorReason: 'slow', stopReason: 'TIMEOUT' })).toMatchObject({ stopReason: 'TIMEOUT' });
  });

  it('takes usage metadata in all spellings, and null as absent', () => {
    const event = check({
      ...least,
      organization_name: 'Northwind',
      agent: 'triage',
      taskType: null,
      subscriber: { id: 'u-1', credential: { name: 'svc', value: 'k' } },
      stopReason: null,
    });
    expect(event).toMatchObject({
      organizationName: 'Northwind',
      agent: 'triage',
      subscriber: { id: 'u-1', credential: { name: 'svc', value: 'k' } },
      stopReason: 'END',
    });
    expect(event).not.toHaveProperty('organization_name');
    expect(event).not.toHaveProperty('taskType');
  });

  it('I2: that is wrong throws where it is given, with every problem', () => {
    expect(
      problems({
        provider: ' ',
        inputTokens: 5,
        inputTokenCount: -1,
        outputTokenCount: 1.5,
        stopReason: 'stop',
        operationType: 'chat',
        costType: 'HUMAN',
        isStreamed: 'yes',
        requestTime: 'yesterday',
        requestDuration: Number.POSITIVE_INFINITY,
        errorCode: '500',
        temperature: 'hot',
        transactionId: 'x'.repeat(256),
        traceType: 'not a word!',
      }),
    ).toEqual([
      'provider must be a text that is not empty',
      'inputTokens is not a field of a usage event',
      'inputTokenCount must be a whole number of 0 or more',
      'outputTokenCount must be a whole number of 0 or more',
      expect.stringMatching(/^stopReason must be one of END, END_SEQUENCE, /),
      expect.stringMatching(/^operationType must be one of CHAT, GENERATE, /),
      'costType must be one of AI',
      'isStreamed must be true or false',
      'requestTime must be an ISO-8601 time, a Date or milliseconds since the epoch',
      'requestDuration must be a number of milliseconds, 0 or more',
      'errorCode must be a whole number',
      'temperature must be a number',
      'transactionId must have at most 255 characters',
      'model is missing',
      'traceType has a value that it cannot have',
    ]);
  });

  it.each([undefined, null, 'event', 42, [], () => undefined])('is no event: %j', (input) => {
    expect(problems(input)).toHaveLength(1);
  });

  it('cannot end before it began, nor outside the calendar', () => {
    const times = { requestTime: '2026-11-20T09:15:02Z', responseTime: '2026-11-20T09:15:01Z' };
    expect(problems({ ...least, ...times })).toEqual(['responseTime is before requestTime']);
    expect(problems({ ...least, requestDuration: 1e300 })).toEqual(['the times are outside the calendar']);
  });
});
