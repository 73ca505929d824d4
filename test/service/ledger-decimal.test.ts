import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { divide, formatScaled, parseScaled } from '../../service/ledger/decimal.js';

describe('decimal text', () => {
  test.each([
    ['0.1', 9, 100_000_000n],
    ['250', 9, 250_000_000_000n],
    ['1e-7', 9, 100n],
    ['1.5E2', 0, 150n],
    ['0.0000000005', 9, 1n],
    ['0.00000000049', 9, 0n],
    ['-2.5', 1, -25n],
    ['+7', 0, 7n],
  ])('%s with %i digits is %s', (text, digits, value) => {
    expect(parseScaled(text, digits)).toBe(value);
  });

  test('a limit between two integers is rounded up', () => {
    expect(parseScaled('0.5', 0, 'ceiling')).toBe(1n);
    expect(parseScaled('1.0', 0, 'ceiling')).toBe(1n);
  });

  test.each(['', 'NaN', 'Infinity', '1,5', '0x10', '1e', '.5', ' ', '1e9999', '9'.repeat(100)])(
    '%j is no number',
    (text) => {
      expect(parseScaled(text, 9)).toBeUndefined();
    },
  );

  test('I6: no digit is lost between integers and text', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }),
        fc.integer({ min: 0, max: 12 }),
        (value, digits) => {
          expect(parseScaled(formatScaled(value, digits), digits)).toBe(value);
        },
      ),
    );
  });

  test('division rounds a half up', () => {
    expect([4n, 5n, 14n, 15n].map((value) => divide(value, 10n))).toEqual([0n, 1n, 1n, 2n]);
  });
});
