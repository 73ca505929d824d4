import { describe, expect, it } from 'vitest';
import { type EventKind, mediaCountsOf, mediaFactsOf } from '../../../service/ledger/media-facts.js';

const counts = (kind: EventKind, body: Record<string, unknown>, failed = false) =>
  mediaCountsOf(kind, mediaFactsOf(kind, body), failed);

describe('what an event says of its media', () => {
  it('is nothing for the kinds that make none', () => {
    for (const kind of ['completion', 'tool', 'event'] as const) {
      expect(mediaFactsOf(kind, { actualImageCount: 3 })).toBeUndefined();
      expect(counts(kind, { actualImageCount: 3 })).toEqual({
        imageCount: 0,
        videoCount: 0,
        audioCount: 0,
        characterCount: 0,
        creditsNano: 0n,
      });
    }
  });

  it('I5: is undefined where it was not said, and 0 where it was said to be 0', () => {
    expect(mediaFactsOf('audio', {})).toMatchObject({ durationMs: undefined, characters: undefined });
    expect(mediaFactsOf('audio', { durationSeconds: 0, characterCount: 0 })).toMatchObject({
      durationMs: 0,
      characters: 0,
    });
  });

  it('I6: reads seconds and credits from their decimal text, rounded half up', () => {
    const facts = mediaFactsOf('video', { durationSeconds: 1.0005, creditsConsumed: 0.1, creditRate: 1e-7 });
    expect(facts).toMatchObject({ durationMs: 1_001, creditsNano: 100_000_000n, creditRateNanoUsd: 100n });
    expect(mediaFactsOf('video', { creditsConsumed: 1e300 })?.creditsNano).toBe(10n ** 15n);
    expect(mediaFactsOf('video', { creditsConsumed: -1 })?.creditsNano).toBeUndefined();
  });

  it('counts the images that came, else those that were asked for; a failure counts what it says it made', () => {
    expect(counts('image', { actualImageCount: 2, requestedImageCount: 4 }).imageCount).toBe(2);
    expect(counts('image', { actualImageCount: 0, requestedImageCount: 4 }).imageCount).toBe(0);
    expect(counts('image', { requestedImageCount: 4 }).imageCount).toBe(4);
    expect(counts('image', { requestedImageCount: 4 }, true).imageCount).toBe(0);
    expect(counts('image', { actualImageCount: 1, requestedImageCount: 4 }, true).imageCount).toBe(1);
  });

  it('counts each video and each sound once, where it was made', () => {
    expect(counts('video', { durationSeconds: 9 })).toMatchObject({ videoCount: 1, audioCount: 0, imageCount: 0 });
    expect(counts('video', { durationSeconds: 9 }, true).videoCount).toBe(0);
    expect(counts('audio', { characterCount: 9 })).toMatchObject({ audioCount: 1, characterCount: 9, videoCount: 0 });
    expect(counts('audio', {}, true).audioCount).toBe(0);
  });
});
