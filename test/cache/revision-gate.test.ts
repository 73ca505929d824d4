import { describe, expect, it } from 'vitest';
import { RevisionGate } from '../../cache/revision-gate.js';

const MINUTE = 60_000;

describe('I8: the revision gate', () => {
  it('accepts what is newer, the same, or says nothing', () => {
    const gate = new RevisionGate(MINUTE);
    expect(gate.judge(undefined, 3, 0)).toBe('accept');
    expect(gate.judge(7, 8, 0)).toBe('accept');
    expect(gate.judge(7, 7, 0)).toBe('accept');
    expect(gate.judge(7, undefined, 0)).toBe('accept');
    expect(gate.judge(undefined, undefined, 0)).toBe('accept');
  });

  it('takes three older answers in a row over two intervals for a service that was set up anew', () => {
    const gate = new RevisionGate(MINUTE);
    expect(gate.judge(900, 1, 0)).toBe('refuse');
    expect(gate.judge(900, 2, 1 * MINUTE)).toBe('refuse');
    expect(gate.judge(900, 2, 2 * MINUTE)).toBe('reset');
  });

  it('does not take a burst of late answers for a reset', () => {
    const gate = new RevisionGate(MINUTE);
    for (let second = 0; second < 60; second += 1) expect(gate.judge(900, 899, second * 1000)).toBe('refuse');
  });

  it('begins to count again when a good answer comes in between', () => {
    const gate = new RevisionGate(MINUTE);
    gate.judge(900, 899, 0);
    gate.judge(900, 899, MINUTE);
    expect(gate.judge(900, 901, 2 * MINUTE)).toBe('accept');
    expect(gate.judge(901, 899, 3 * MINUTE)).toBe('refuse');
    expect(gate.judge(901, 899, 4 * MINUTE)).toBe('refuse');
  });

  it('begins to count again when the older answers go back among themselves', () => {
    const gate = new RevisionGate(MINUTE);
    gate.judge(900, 899, 0);
    gate.judge(900, 899, MINUTE);
    expect(gate.judge(900, 890, 2 * MINUTE)).toBe('refuse');
    expect(gate.judge(900, 899, 3 * MINUTE)).toBe('refuse');
    expect(gate.judge(900, 899, 4 * MINUTE)).toBe('reset');
  });
});
