import { describe, expect, it } from 'vitest';
import { createMemoryOutbox } from '../../src/metering/memory-outbox.js';
import { fakeRuntime } from '../cache/support/fake-runtime.js';
import { describeOutbox } from './outbox-contract.js';
import { sampleEvent } from './support/events.js';

describeOutbox('memory', (runtime, bounds) => createMemoryOutbox({ runtime, ...bounds }));

describe('the outbox in memory', () => {
  it('never asks for the estimate of a note', () => {
    const outbox = createMemoryOutbox({ runtime: fakeRuntime().runtime });
    outbox.note('a1', () => {
      throw new Error('asked');
    });
    expect(outbox.depth()).toBe(0);
  });

  it('keeps 1000 events by default', () => {
    const outbox = createMemoryOutbox({ runtime: fakeRuntime().runtime });
    for (let i = 0; i < 1005; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
    expect(outbox.depth()).toBe(1000);
    expect(outbox.counters().dropped).toBe(5);
  });
});
