import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Outbox, OutboxEntry } from '../../src/metering/outbox.js';
import type { FakeClock } from '../../src/testing/fake-clock.js';
import { fakeRuntime, type TestRuntime } from '../cache/support/fake-runtime.js';
import { sampleEstimate, sampleEvent } from './support/events.js';

/** Bounds of the outbox under test. */
export interface OutboxBounds {
  readonly capacity: number;
  readonly maxAgeMs: number;
}

/** What every outbox does. `open` opens a fresh one. */
export function describeOutbox(name: string, open: (runtime: TestRuntime, bounds: OutboxBounds) => Outbox): void {
  const opened: Outbox[] = [];
  afterEach(async () => {
    for (const outbox of opened.splice(0)) await outbox.close();
  });
  const make = (bounds: Partial<OutboxBounds> = {}): { outbox: Outbox; runtime: TestRuntime; clock: FakeClock } => {
    const { runtime, clock } = fakeRuntime();
    const outbox = open(runtime, { capacity: 100, maxAgeMs: 86_400_000, ...bounds });
    opened.push(outbox);
    return { outbox, runtime, clock };
  };
  const ids = (entries: readonly OutboxEntry[]) => entries.map((entry) => entry.event.transactionId);
  const fill = (outbox: Outbox, count: number) => {
    for (let i = 1; i <= count; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
  };

  describe(`the outbox (${name})`, () => {
    it('hands out events oldest first, each to one only, under the id of its attempt', () => {
      const { outbox } = make();
      fill(outbox, 3);
      expect(outbox.depth()).toBe(3);
      expect(ids(outbox.claim(2))).toEqual(['t1', 't2']);
      const [third] = outbox.claim(5);
      expect(third).toMatchObject({ idempotencyKey: 'a3', event: { transactionId: 't3' } });
      expect(outbox.claim(5)).toEqual([]);
      expect(outbox.depth()).toBe(3);
    });

    it('keeps an entry until it is acknowledged, and then for no longer', () => {
      const { outbox } = make();
      fill(outbox, 2);
      const [first] = outbox.claim(1);
      outbox.acknowledge(first!);
      outbox.acknowledge(first!);
      expect(outbox.depth()).toBe(1);
      expect(outbox.counters()).toMatchObject({ appended: 2, acknowledged: 1 });
      outbox.release(first!);
      expect(ids(outbox.claim(9))).toEqual(['t2']);
    });

    it('hands a released entry out again in its old place, after its delay', async () => {
      const { outbox, clock } = make();
      fill(outbox, 3);
      const [first, second] = outbox.claim(2);
      outbox.release(second!);
      outbox.release(first!, 1000);
      expect(ids(outbox.claim(9))).toEqual(['t2', 't3']);
      expect(outbox.claim(9)).toEqual([]);
      await clock.advance(999);
      expect(outbox.claim(9)).toEqual([]);
      await clock.advance(1);
      expect(ids(outbox.claim(9))).toEqual(['t1']);
      outbox.release(first!, 5000);
      expect(ids(outbox.claim(9, true))).toEqual(['t1']);
    });

    it('gives a rejected entry up, counts it, and names the reason in the log', () => {
      const { outbox, runtime } = make();
      fill(outbox, 1);
      outbox.reject(outbox.claim(1)[0]!, 'HTTP 422 because');
      expect(outbox.depth()).toBe(0);
      expect(outbox.counters()).toMatchObject({ rejected: 1, acknowledged: 0 });
      expect(runtime.lines.filter((line) => line.startsWith('error'))).toHaveLength(1);
    });

    it('notes and forgets attempts without an event', () => {
      const { outbox } = make();
      outbox.note('a1', () => sampleEstimate('a1'));
      outbox.note('a2', () => sampleEstimate('a2'));
      outbox.forget('a1');
      outbox.forget('never noted');
      expect(outbox.depth()).toBe(0);
      outbox.append('a2', sampleEvent('t2'));
      expect(ids(outbox.claim(9))).toEqual(['t2']);
    });

    it('keeps a second event under the same id, under a key of its own', () => {
      const { outbox } = make();
      outbox.append('a1', sampleEvent('t1'));
      outbox.append('a1', sampleEvent('t1', { model: 'another' }));
      const entries = outbox.claim(9);
      expect(ids(entries)).toEqual(['t1', 't1']);
      expect(new Set(entries.map((entry) => entry.idempotencyKey)).size).toBe(2);
    });

    it('makes a key of its own for an id that cannot be a header', () => {
      const { outbox } = make();
      outbox.append('line\nbreak "quote" ü', sampleEvent('t1'));
      outbox.append('x'.repeat(300), sampleEvent('t2'));
      for (const entry of outbox.claim(9)) expect(entry.idempotencyKey).toMatch(/^[0-9a-f-]{36}$/);
    });

    it('calls its listener at each append', () => {
      const { outbox } = make();
      let calls = 0;
      outbox.onAppend(() => {
        calls += 1;
      });
      fill(outbox, 2);
      expect(calls).toBe(2);
    });

    it('I10: drops the oldest waiting entry above its capacity, counts it, and logs once', () => {
      const { outbox, runtime } = make({ capacity: 10 });
      fill(outbox, 25);
      expect(outbox.depth()).toBe(10);
      expect(outbox.counters().dropped).toBe(15);
      expect(runtime.lines.filter((line) => line.includes('full'))).toHaveLength(1);
      const claimed = outbox.claim(10);
      expect(ids(claimed)[0]).toBe('t16');
      for (const entry of claimed) outbox.acknowledge(entry);
      expect(runtime.lines.filter((line) => line.includes('has room'))).toHaveLength(1);
    });

    it('tells of each entry that a bound removes', () => {
      const { outbox } = make({ capacity: 2 });
      const dropped: string[] = [];
      outbox.onDrop?.((entry) => void dropped.push(entry.idempotencyKey));
      for (const id of ['t1', 't2', 't3', 't4']) outbox.append(id, sampleEvent(id));
      expect(dropped).toEqual(['t1', 't2']);
    });

    it('I10: keeps what comes in bulk beside its capacity, as long as it is there', () => {
      const { outbox } = make({ capacity: 10 });
      for (let i = 1; i <= 500; i += 1) outbox.append(`b${i}`, sampleEvent(`bulk${i}`), true);
      fill(outbox, 10);
      expect(outbox.counters()).toMatchObject({ appended: 510, dropped: 0 });
      for (const entry of outbox.claim(500)) outbox.acknowledge(entry);
      for (let i = 11; i <= 13; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
      expect(outbox.depth()).toBe(10);
      expect(outbox.counters()).toMatchObject({ acknowledged: 500, dropped: 3 });
    });

    it('I10: never drops what is on its way, nor the newest', () => {
      const { outbox } = make({ capacity: 2 });
      fill(outbox, 2);
      const claimed = outbox.claim(2);
      outbox.append('a3', sampleEvent('t3'));
      outbox.append('a4', sampleEvent('t4'));
      for (const entry of claimed) outbox.acknowledge(entry);
      expect(outbox.counters()).toMatchObject({ acknowledged: 2, dropped: 1 });
      expect(ids(outbox.claim(9))).toEqual(['t4']);
    });

    it('I10: drops what is older than its age; a wall clock that jumps changes nothing (I9)', async () => {
      const { outbox, clock } = make({ maxAgeMs: 60_000 });
      fill(outbox, 1);
      await clock.advance(59_000);
      outbox.append('young', sampleEvent('young'));
      clock.jump(clock.now() + 365 * 86_400_000);
      const early = outbox.claim(9);
      expect(ids(early)).toEqual(['t1', 'young']);
      for (const entry of early) outbox.release(entry);
      await clock.advance(2_000);
      expect(ids(outbox.claim(9))).toEqual(['young']);
      expect(outbox.counters().dropped).toBe(1);
    });

    it('is still an outbox after it was closed, and does not throw', async () => {
      const { outbox } = make();
      fill(outbox, 1);
      const [entry] = outbox.claim(1);
      await outbox.close();
      await outbox.close();
      outbox.note('n', () => sampleEstimate('n'));
      outbox.append('late', sampleEvent('late'));
      outbox.acknowledge(entry!);
      outbox.forget('n');
      expect(ids(outbox.claim(9))).toEqual(['late']);
    });

    it('I4: loses and doubles nothing over any sequence of operations', () => {
      const operation = fc.oneof(
        fc.constant({ kind: 'append' as const }),
        fc.record({ kind: fc.constant('claim' as const), max: fc.integer({ min: 1, max: 4 }), delayed: fc.boolean() }),
        fc.record({ kind: fc.constantFrom('acknowledge', 'reject', 'release'), pick: fc.nat(20) }),
      );
      fc.assert(
        fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
          const { outbox } = make({ capacity: 12 });
          const claimed: OutboxEntry[] = [];
          const out = new Set<string>();
          let appended = 0;
          for (const step of operations) {
            if (step.kind === 'append') {
              appended += 1;
              outbox.append(`a${appended}`, sampleEvent(`t${appended}`));
            } else if ('max' in step) {
              for (const entry of outbox.claim(step.max, step.delayed)) {
                expect(out.has(entry.idempotencyKey)).toBe(false);
                expect(claimed).not.toContain(entry);
                claimed.push(entry);
              }
            } else if (claimed.length > 0) {
              const [entry] = claimed.splice(step.pick % claimed.length, 1);
              if (step.kind === 'release') outbox.release(entry!, step.pick * 10);
              else out.add(entry!.idempotencyKey);
              if (step.kind === 'acknowledge') outbox.acknowledge(entry!);
              if (step.kind === 'reject') outbox.reject(entry!, 'no');
            }
            const { acknowledged, rejected, dropped, recovered, appended: counted } = outbox.counters();
            expect(counted).toBe(appended);
            expect(counted + recovered).toBe(outbox.depth() + acknowledged + rejected + dropped);
            expect(outbox.depth()).toBeLessThanOrEqual(12 + claimed.length);
          }
        }),
        { numRuns: 60 },
      );
    });
  });
}
