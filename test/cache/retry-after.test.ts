import { describe, expect, it } from 'vitest';
import { parseRetryAfter } from '../../cache/retry-after.js';

const NOW = Date.parse('2026-11-20T10:00:00Z');

describe('Retry-After', () => {
  it.each([
    ['7', 7_000],
    ['0', 0],
    ['1.5', 1_500],
    ['-3', 0],
    [' 12 ', 12_000],
    ['99999999999', 99_999_999_999_000],
    ['Fri, 20 Nov 2026 10:00:30 GMT', 30_000],
    ['Friday, 20-Nov-26 10:01:00 GMT', 60_000],
    ['Fri Nov 20 10:00:05 2026', 5_000],
    ['Fri, 20 Nov 2026 09:00:00 GMT', 0],
  ])('%j asks to wait %d ms', (header, expected) => {
    expect(parseRetryAfter(header, NOW)).toBe(expected);
  });

  it.each([
    undefined,
    '',
    'soon',
    'soon 1',
    '1e3',
    'NaN',
    'Infinity',
    '5 seconds',
    '2026-11-20',
    'Fri, 99 Nov 2026 77:00:00 GMT',
  ])('%j means nothing', (header) => {
    expect(parseRetryAfter(header, NOW)).toBeUndefined();
  });

  it('reads the first of several headers', () => {
    expect(parseRetryAfter(['3', '9'], NOW)).toBe(3_000);
  });
});
