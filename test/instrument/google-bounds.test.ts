/** I10: what is kept of sessions that never end. */
import { describe, expect, it } from 'vitest';
import { guardLive } from '../../src/instrument/google-live.js';
import { GoogleWork } from '../../src/instrument/google-work.js';
import { OUTPUT_TEXT_MAX } from '../../src/providers/openai-reader.js';
import { createRecordingPath } from '../helpers/recording-path.js';

describe('a live session of Google', () => {
  it('I10: that goes on for ever keeps no more of its text than any other answer', async () => {
    const { path, runtime, open } = createRecordingPath();
    let onmessage: ((message: unknown) => void) | undefined;
    const live = {
      connect: async (params: { callbacks: { onmessage(message: unknown): void } }) => {
        ({ onmessage } = params.callbacks);
      },
    };
    guardLive(live, false, { path, runtime, work: new GoogleWork(), warnOnce: () => undefined });
    await live.connect({ model: 'm', callbacks: { onmessage: () => undefined } } as never);
    const text = 'a'.repeat(300_000);
    for (let turn = 0; turn < 10; turn += 1) onmessage?.({ serverContent: { modelTurn: { parts: [{ text }] } } });
    expect([...open].map(({ answer }) => answer.outputText.length)).toEqual([OUTPUT_TEXT_MAX]);
  });
});
