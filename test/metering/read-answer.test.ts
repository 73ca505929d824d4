import { describe, expect, it } from 'vitest';
import { type DeliveryVerdict, readAnswer } from '../../src/metering/read-answer.js';

const NOW = Date.parse('2026-11-20T09:00:00Z');

function read(status: number, headers: Record<string, string> = {}, body = ''): DeliveryVerdict {
  return readAnswer({ kind: 'answer', status, headers, body }, NOW);
}
/** In few words: the outcome, `now` where another try at once makes sense, `keep` where it is kept after those. */
function words(verdict: DeliveryVerdict): string {
  if (verdict.outcome !== 'retryable') return verdict.outcome;
  return ['retry', verdict.atOnce ? 'now' : '', verdict.keep ? 'keep' : ''].filter((word) => word !== '').join(' ');
}

describe('an answer of the service', () => {
  it.each([
    [200, 'accepted'],
    [201, 'accepted'],
    [202, 'accepted'],
    [204, 'accepted'],
    [301, 'retry keep'],
    [302, 'retry keep'],
    [400, 'rejected'],
    [401, 'unauthorized'],
    [402, 'rejected'],
    [403, 'unauthorized'],
    [404, 'rejected'],
    [408, 'retry now keep'],
    [409, 'retry now'],
    [410, 'rejected'],
    [413, 'rejected'],
    [422, 'rejected'],
    [429, 'retry now keep'],
    [500, 'retry now keep'],
    [502, 'retry now keep'],
    [503, 'retry now keep'],
    [504, 'retry now keep'],
    [599, 'retry now keep'],
  ])('with status %i means: %s', (status, expected) => {
    expect(words(read(status))).toBe(expected);
  });

  it('that is a web page was given by somebody else: the event is kept, whatever the status says', () => {
    for (const type of ['text/html', 'Text/HTML; charset=utf-8']) {
      const verdict = read(200, { 'content-type': type });
      expect(words(verdict)).toBe('retry keep');
      expect(verdict).toMatchObject({ reason: 'HTTP 200 with a web page' });
    }
    expect(words(read(200, { 'content-type': 'text/plain' }))).toBe('accepted');
  });

  it.each([
    [400, 'true', 'retry now keep'],
    [404, 'TRUE', 'retry now keep'],
    [409, 'true', 'retry now keep'],
    [500, 'false', 'rejected'],
    [429, 'false', 'rejected'],
    [409, 'false', 'rejected'],
    [500, 'maybe', 'retry now keep'],
    [401, 'false', 'unauthorized'],
    [200, 'true', 'accepted'],
  ])('with status %i and x-should-retry: %s means: %s', (status, value, expected) => {
    expect(words(read(status, { 'x-should-retry': value }))).toBe(expected);
  });

  it('with Retry-After is kept whatever the status, for 60 s at most', () => {
    expect(read(409, { 'retry-after': '1' })).toMatchObject({ outcome: 'retryable', keep: true, afterMs: 1000 });
    expect(read(400, { 'retry-after': '7' })).toMatchObject({ outcome: 'retryable', atOnce: false, afterMs: 7000 });
    expect(read(503, { 'retry-after': '3600' })).toMatchObject({ afterMs: 60_000 });
    expect(read(503, { 'retry-after': '-5' })).toMatchObject({ afterMs: 0 });
    expect(read(503, { 'retry-after': 'Fri, 20 Nov 2026 09:00:30 GMT' })).toMatchObject({ afterMs: 30_000 });
    expect(read(503, { 'retry-after': 'soon' })).not.toHaveProperty('afterMs');
    expect(words(read(422, { 'retry-after': 'soon' }))).toBe('rejected');
  });

  it('409 while the same key is still being worked on is kept; a key used for another body is refused for good', () => {
    expect(words(read(409, {}, '{"code":"idempotency_key_in_progress"}'))).toBe('retry now keep');
    expect(words(read(409, {}, '{"code":"idempotency_key_mismatch"}'))).toBe('rejected');
    expect(words(read(409, { 'retry-after': '1' }, '{"code":"idempotency_key_mismatch"}'))).toBe('rejected');
  });

  it('that never came is tried again', () => {
    expect(words(readAnswer({ kind: 'none', reason: 'ECONNREFUSED' }, NOW))).toBe('retry now keep');
  });

  it('names status and body in its reason, cut to 500 characters', () => {
    expect(read(400, {}, "Value 'AUX' is not valid")).toEqual({
      outcome: 'rejected',
      reason: "HTTP 400 Value 'AUX' is not valid",
    });
    expect((read(500, {}, 'x'.repeat(5000)) as { reason: string }).reason).toHaveLength(500);
  });

  it('carries a revision only where it is a whole number', () => {
    expect(read(200, { 'fusewire-revision': '42' })).toEqual({ outcome: 'accepted', revision: 42 });
    for (const value of ['', ' ', '-1', '1.5', '1e3', 'NaN', '99999999999999999999']) {
      expect(read(200, { 'fusewire-revision': value })).toEqual({ outcome: 'accepted' });
    }
  });
});
