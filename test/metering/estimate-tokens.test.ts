import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTokenEstimator } from '../../src/metering/estimate-tokens.js';

const PROSE = 'The quick brown fox jumps over the lazy dog, and nobody is surprised. ';

describe('the token estimate', () => {
  it('is bytes over four until tokenx is loaded, and tokenx after that', async () => {
    const { estimate, loaded } = createTokenEstimator();
    expect(estimate(PROSE)).toBe(Math.ceil(PROSE.length / 4));
    expect(estimate('日本語')).toBe(Math.ceil(9 / 4));
    await loaded;
    const { estimateTokenCount } = await import('tokenx');
    expect(estimate(PROSE)).toBe(estimateTokenCount(PROSE));
  });

  it('stays with bytes over four where tokenx cannot be loaded, or fails', async () => {
    const absent = createTokenEstimator(() => Promise.reject(new Error('not installed')));
    await absent.loaded;
    expect(absent.estimate('12345678')).toBe(2);
    const broken = createTokenEstimator(() =>
      Promise.resolve(() => {
        throw new Error('broken');
      }),
    );
    await broken.loaded;
    expect(broken.estimate('12345678')).toBe(2);
    const absurd = createTokenEstimator(() => Promise.resolve(() => Number.NaN));
    await absurd.loaded;
    expect(absurd.estimate('12345678')).toBe(2);
  });

  it('of a long text reads samples of it only, and is scaled to its length', async () => {
    let read = 0;
    const { estimate, loaded } = createTokenEstimator(() =>
      Promise.resolve((text: string) => {
        read += text.length;
        return text.length / 5;
      }),
    );
    await loaded;
    expect(estimate('x'.repeat(10_000_000))).toBe(2_000_000);
    expect(read).toBe(16 * 1024);
  });

  it('of a long text is near that of the whole', async () => {
    const { estimate, loaded } = createTokenEstimator();
    await loaded;
    const { estimateTokenCount } = await import('tokenx');
    const long = PROSE.repeat(5000);
    const whole = estimateTokenCount(long);
    expect(Math.abs(estimate(long) - whole) / whole).toBeLessThan(0.05);
  });

  it('I5: never throws, and is 0 for the empty text only', async () => {
    const { estimate, loaded } = createTokenEstimator();
    await loaded;
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const tokens = estimate(text);
        expect(Number.isSafeInteger(tokens)).toBe(true);
        expect(tokens > 0).toBe(text !== '');
      }),
    );
    expect(estimate(undefined as unknown as string)).toBe(0);
  });
});
