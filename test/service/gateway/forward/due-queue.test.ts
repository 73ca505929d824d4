import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DueQueue } from '../../../../service/gateway/forward/due-queue.js';
import { createFakeClock } from '../../../../src/testing/fake-clock.js';

describe('a queue of things that are due', () => {
  it('tells each a fixed time after it was last put in, unless it was taken out, as a timer each would', async () => {
    const steps = fc.array(
      fc.record({ act: fc.constantFrom('add', 'delete', 'wait'), thing: fc.nat(4), ms: fc.nat(70) }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (acts) => {
        const clock = createFakeClock();
        const oracle = createFakeClock();
        const told: string[] = [];
        const expected: string[] = [];
        const queue = new DueQueue<number>(50, clock, (thing) => told.push(`${thing} at ${clock.monotonicNow()}`));
        const timers = new Map<number, { cancel(): void }>();
        for (const { act, thing, ms } of acts) {
          if (act === 'wait') {
            await clock.advance(ms);
            await oracle.advance(ms);
            continue;
          }
          timers.get(thing)?.cancel();
          timers.delete(thing);
          if (act === 'delete') queue.delete(thing);
          else {
            queue.add(thing);
            const due = () => {
              timers.delete(thing);
              expected.push(`${thing} at ${oracle.monotonicNow()}`);
            };
            timers.set(thing, oracle.setTimer(due, 50));
          }
          expect(queue.size).toBe(timers.size);
          expect(clock.pending()).toBeLessThanOrEqual(1);
        }
        await clock.advance(200);
        await oracle.advance(200);
        expect(told).toEqual(expected);
        expect(queue.size).toBe(0);
        expect(clock.pending()).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('is flushed: everything is due, and no timer is left', () => {
    const clock = createFakeClock();
    const told: string[] = [];
    const queue = new DueQueue<string>(50, clock, (thing) => {
      told.push(thing);
    });
    queue.add('a');
    queue.add('b');
    queue.flush();
    expect(told).toEqual(['a', 'b']);
    expect([queue.size, clock.pending()]).toEqual([0, 0]);
  });
});
