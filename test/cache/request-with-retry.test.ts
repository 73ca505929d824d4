import { describe, expect, it } from 'vitest';
import type { FeedAnswer } from '../../cache/request-feed.js';
import { requestWithRetry } from '../../cache/request-with-retry.js';

const busy = (afterMs: number | undefined): FeedAnswer => ({ kind: 'retryable', reason: 'HTTP 503', afterMs });
const ok: FeedAnswer = { kind: 'body', status: 204, parts: [], etag: undefined, revision: undefined, isWhole: false };
const refused: FeedAnswer = { kind: 'rejected', reason: 'HTTP 401', status: 401 };

async function run(answers: readonly FeedAnswer[], goOn = true) {
  const left = [...answers];
  const waits: number[] = [];
  const result = await requestWithRetry(
    async () => left.shift()!,
    async (delayMs) => {
      waits.push(delayMs);
      return goOn;
    },
  );
  return { ...result, waits, asked: answers.length - left.length };
}

describe('retries of one refresh', () => {
  it('waits 0.5 s, doubling, between five attempts and no longer', async () => {
    const all = await run(Array.from({ length: 9 }, () => busy(undefined)));
    expect(all.asked).toBe(5);
    expect(all.waits).toEqual([500, 1_000, 2_000, 4_000]);
    expect(all.coolDownMs).toBeUndefined();
    expect(all.answer.kind).toBe('retryable');
  });

  it('stops at the first answer that trying again does not change', async () => {
    expect(await run([busy(undefined), ok])).toMatchObject({ answer: ok, asked: 2, waits: [500] });
    expect(await run([refused, ok])).toMatchObject({ answer: refused, asked: 1, waits: [] });
  });

  it('waits a Retry-After in full and takes it from 20 s', async () => {
    const two = await run([busy(12_000), busy(8_000), ok]);
    expect(two).toMatchObject({ answer: ok, waits: [12_000, 8_000] });
    expect(two.coolDownMs).toBeUndefined();
  });

  it('ends with a cool-down as soon as a Retry-After does not fit what is left', async () => {
    expect(await run([busy(12_000), busy(8_001), ok])).toMatchObject({
      asked: 2,
      waits: [12_000],
      coolDownMs: 8_001,
    });
    expect(await run([busy(20_001), ok])).toMatchObject({ asked: 1, waits: [], coolDownMs: 20_001 });
  });

  it('leaves a service alone for 300 s at most', async () => {
    expect(await run([busy(86_400_000)])).toMatchObject({ coolDownMs: 300_000 });
  });

  it('does not take its own back-off from the budget', async () => {
    const answers = [busy(undefined), busy(undefined), busy(undefined), busy(20_000), ok];
    expect(await run(answers)).toMatchObject({ answer: ok, waits: [500, 1_000, 2_000, 20_000] });
  });

  it('asks again at once where the service says 0', async () => {
    expect(await run([busy(0), busy(0), ok])).toMatchObject({ answer: ok, waits: [0, 0] });
  });

  it('honours what the last attempt asks for', async () => {
    const answers = [busy(undefined), busy(undefined), busy(undefined), busy(undefined), busy(90_000)];
    expect(await run(answers)).toMatchObject({ asked: 5, coolDownMs: 90_000 });
  });

  it('does not go on when the poller stops during a pause', async () => {
    expect(await run([busy(undefined), ok], false)).toMatchObject({ asked: 1 });
  });
});
