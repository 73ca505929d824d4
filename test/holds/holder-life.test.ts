import { describe, expect, it } from 'vitest';
import type { HoldDesk } from '../../src/holds/hold-types.js';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { type FakeControl, FakeLedger } from './fake-ledger.js';
import { askFor, holderOn, ticketOf, used } from './support.js';

function world(limit: bigint, more: Partial<FakeControl> = {}) {
  const clock = createFakeClock();
  const ledger = new FakeLedger(() => clock.monotonicNow(), [{ id: 'c', metric: 'TOTAL_COST', limit, ...more }]);
  let isDown = false;
  const desk: HoldDesk = {
    operate: (operations) => (isDown ? Promise.reject(new Error('down')) : ledger.operate(operations)),
  };
  const setDown = (value: boolean) => {
    isDown = value;
  };
  return { clock, ledger, desk, control: ledger.controls[0]!, setDown };
}

describe('two holders on one budget', () => {
  it('give back what they do not need when the other one runs short', async () => {
    const { clock, ledger, desk } = world(1_000n);
    const one = holderOn(desk, clock, 'one');
    const two = holderOn(desk, clock, 'two');
    const tickets = await Promise.all(Array.from({ length: 8 }, () => one.take(askFor(100))));
    for (const ticket of tickets.slice(1).map(ticketOf)) ticket.release();
    expect(await two.take(askFor(900))).toMatchObject({ outcome: 'refused', refusal: { isHeldByOthers: true } });
    // Near the limit money that lies idle goes back soon, and a recall is heard within a second.
    await clock.advance(1_100);
    expect(await two.take(askFor(900))).toMatchObject({ outcome: 'held' });
    ticketOf(tickets[0]!).release();
    await Promise.all([one.close(), two.close()]);
    expect(ledger.held()).toBe(900n);
  });

  it('of one process give to each other at once', async () => {
    const { clock, ledger, desk } = world(1_000n);
    const holder = holderOn(desk, clock);
    ticketOf(await holder.take(askFor(800, 'a'))).release();
    expect(await holder.take(askFor(900, 'b'))).toMatchObject({ outcome: 'held' });
    expect(ledger.held()).toBe(900n);
    await holder.close();
  });
});

describe('a hold in time', () => {
  it('is drawn from until half of its time by the monotonic clock, wherever the wall clock jumps', async () => {
    const { clock, ledger, desk, setDown } = world(1_000_000n);
    const holder = holderOn(desk, clock);
    const first = ticketOf(await holder.take(askFor(100)));
    first.release();
    clock.jump(clock.now() + 86_400_000);
    const second = holder.draw(askFor(100));
    expect(second).toMatchObject({ holdId: first.holdId });
    if (second !== undefined && second !== 'free') second.release();
    clock.jump(clock.now() - 2 * 86_400_000);
    setDown(true);
    for (let seconds = 4; seconds < 60; seconds += 4) {
      await clock.advance(4_000);
      const drawn = holder.draw(askFor(100));
      expect(drawn).toMatchObject({ holdId: first.holdId });
      if (drawn !== undefined && drawn !== 'free') drawn.release();
    }
    await clock.advance(4_500);
    expect(holder.draw(askFor(100))).toBeUndefined();
    setDown(false);
    await clock.advance(3_000);
    expect(await holder.take(askFor(100))).toMatchObject({ outcome: 'held' });
    expect(ledger.charged).toBe(0n);
    await holder.close();
  });

  it('is renewed for as long as a call is under way, and settles into its own window after that has turned', async () => {
    const { clock, ledger, desk, control } = world(1_000n, { windowMs: 100_000 });
    await clock.advance(100_000 - (clock.monotonicNow() % 100_000) - 1_000);
    const before = clock.monotonicNow();
    const holder = holderOn(desk, clock);
    const old = ticketOf(await holder.take(askFor(700)));
    await clock.advance(2_000);
    expect(holder.draw(askFor(600))).toBeUndefined();
    const fresh = ticketOf(await holder.take(askFor(600)));
    expect(fresh.holdId).not.toBe(old.holdId);
    await clock.advance(400_000);
    expect(ledger.charged).toBe(0n);
    old.settle(used(650), 'e1');
    ledger.record('e1', old.holdId, 650);
    holder.acknowledged(['e1']);
    fresh.release();
    await clock.advance(10_000);
    expect(ledger.spend(control, before)).toBe(650n);
    expect(ledger.spend(control, before + 2_000)).toBe(0n);
    expect(ledger.held()).toBe(0n);
    expect(holder.status().holds).toBe(0);
    await holder.close();
  });

  it('whose event is lost is left to its expiry, and new calls draw from another one', async () => {
    const { clock, ledger, desk } = world(10_000n);
    const holder = holderOn(desk, clock);
    const first = ticketOf(await holder.take(askFor(100)));
    first.settle(used(80), 'e1');
    holder.lost(['e1']);
    const second = ticketOf(await holder.take(askFor(100)));
    expect(second.holdId).not.toBe(first.holdId);
    second.release();
    await clock.advance(130_000);
    ledger.sweep();
    expect(ledger.charged).toBe(80n);
    expect(ledger.held()).toBe(0n);
    await holder.close();
  });
});

describe('a service that was away for longer than its holds last', () => {
  it('takes back what it charged a living owner for: what is spare at once, the rest of a call when that has ended', async () => {
    const { clock, ledger, desk, control, setDown } = world(10_000n);
    const holder = holderOn(desk, clock);
    const tickets = await Promise.all(Array.from({ length: 4 }, () => holder.take(askFor(500))));
    const [long, metered, ...others] = tickets.map(ticketOf);
    for (const other of others) other.release();
    metered!.settle(used(120), 'e1');
    setDown(true);
    await clock.advance(300_000);
    // It comes back and ends what was not renewed, before anybody can ask it not to.
    ledger.sweep();
    expect(ledger.charged).toBeGreaterThanOrEqual(2_000n);
    setDown(false);
    await clock.advance(3_000);
    expect(ledger.charged).toBe(500n + 120n);
    ledger.record('e1', metered!.holdId, 100);
    holder.acknowledged(['e1']);
    long!.settle(used(60), 'e2');
    ledger.record('e2', long!.holdId, 50);
    holder.acknowledged(['e2']);
    await clock.advance(60_000);
    expect(ledger.charged).toBe(0n);
    expect(ledger.spend(control)).toBe(150n);
    expect(holder.status().holds).toBe(0);
    await holder.close();
  });

  it('and a hold that expires under its owner, who asks for more, is given back all the same', async () => {
    const { clock, ledger, desk } = world(10_000n);
    const holder = holderOn(desk, clock);
    const one = ticketOf(await holder.take(askFor(500)));
    // The clock of the service jumped.
    for (const hold of ledger.holds.values()) hold.expiresAtMs = clock.monotonicNow();
    ledger.sweep();
    expect(ledger.charged).toBeGreaterThan(0n);
    const two = ticketOf(await holder.take(askFor(500)));
    expect(two.holdId).not.toBe(one.holdId);
    one.release();
    two.release();
    await clock.advance(10_000);
    expect([ledger.charged, ledger.held()]).toEqual([0n, 0n]);
    await holder.close();
  });
});

describe('a service that does not answer', () => {
  it('makes calls unavailable at once, and is found again without hands', async () => {
    const { clock, ledger, desk, setDown } = world(1_000n);
    const holder = holderOn(desk, clock);
    setDown(true);
    expect(await holder.take(askFor(10))).toMatchObject({ outcome: 'unavailable', reason: 'down' });
    const { roundTrips } = holder.status();
    expect(await holder.take(askFor(10))).toMatchObject({ outcome: 'unavailable' });
    expect(holder.status().roundTrips).toBe(roundTrips);
    await clock.advance(10_000);
    expect(holder.status().roundTrips).toBeLessThan(30);
    setDown(false);
    await clock.advance(3_000);
    expect(await holder.take(askFor(10))).toMatchObject({ outcome: 'held' });
    await holder.close();
    expect(ledger.held()).toBe(10n);
  });
});

describe('what is known of kinds of calls', () => {
  it('is that they are free, for ten seconds or until it is forgotten', async () => {
    const { clock, ledger, desk, control } = world(1_000n);
    ledger.controls.length = 0;
    const holder = holderOn(desk, clock);
    expect(await holder.take(askFor(10))).toEqual({ outcome: 'free' });
    expect(holder.draw(askFor(10))).toBe('free');
    ledger.controls.push(control);
    await clock.advance(9_000);
    expect(holder.draw(askFor(10))).toBe('free');
    await clock.advance(1_100);
    expect(holder.draw(askFor(10))).toBeUndefined();
    ledger.controls.length = 0;
    await holder.take(askFor(10));
    holder.forget();
    expect(holder.draw(askFor(10))).toBeUndefined();
    await holder.close();
  });

  it('is old with another version: the next call takes anew, and the old hold goes back but for what is under way', async () => {
    const { clock, ledger, desk } = world(10_000n);
    const holder = holderOn(desk, clock);
    const first = ticketOf(await holder.take(askFor(100)));
    ticketOf(await holder.take(askFor(100))).release();
    ledger.version = '2';
    holder.forget();
    await clock.advance(200);
    expect(holder.draw(askFor(100))).toBeUndefined();
    const second = ticketOf(await holder.take(askFor(100)));
    expect(second.holdId).not.toBe(first.holdId);
    expect(ledger.holds.get(first.holdId)?.parts[0]).toMatchObject({ amount: 100n, drawn: 0n });
    first.release();
    second.release();
    await clock.advance(10_000);
    expect(ledger.held()).toBe(0n);
    await holder.close();
  });

  it('I10: is bounded; the kinds that were used longest ago go first, and give back', async () => {
    const { clock, ledger, desk } = world(1_000_000n);
    const holder = holderOn(desk, clock, 'one', { scopesMax: 10 });
    for (let kind = 0; kind < 30; kind += 1) {
      ticketOf(await holder.take(askFor(10, `kind-${kind}`))).release();
      await clock.advance(10);
    }
    await clock.advance(200);
    expect(holder.status().holds).toBeLessThanOrEqual(10);
    expect(holder.draw(askFor(10, 'kind-0'))).toBeUndefined();
    expect(holder.draw(askFor(10, 'kind-29'))).toBeDefined();
    await holder.close();
    expect(ledger.held()).toBe(10n);
  });
});

describe('a stream that outgrows what was held', () => {
  it('gets more from the slice, else from the service, else nothing', async () => {
    const { clock, ledger, desk } = world(2_000n);
    const holder = holderOn(desk, clock);
    const ticket = ticketOf(await holder.take(askFor(100)));
    expect(ticket.grow(100)).toBe(true);
    expect(await ticket.grow(500)).toBe(true);
    expect(ticket.outputTokensMax).toBeGreaterThanOrEqual(500);
    expect(await ticket.grow(2_000)).toBe(true);
    expect(await ticket.grow(2_001)).toBe(false);
    expect(ledger.held()).toBe(2_000n);
    ticket.settle(used(2_000), 'e');
    expect(ticket.grow(1)).toBe(false);
    ledger.record('e', ticket.holdId, 2_000);
    holder.acknowledged(['e']);
    await holder.close();
    expect(ledger.held()).toBe(0n);
    expect(ledger.overrun).toBe(0n);
  });

  it('makes no call unavailable, however many of them want more at once, one after the other', async () => {
    const { clock, ledger, desk } = world(20_000n);
    const slow: HoldDesk = {
      operate: (operations) =>
        new Promise((resolve, reject) => {
          clock.setTimer(() => void desk.operate(operations).then(resolve, reject), 10);
        }),
    };
    const [other, holder] = [holderOn(desk, clock, 'other'), holderOn(slow, clock, 'one')];
    ticketOf(await other.take(askFor(19_000)));
    const takes = Promise.all(Array.from({ length: 40 }, () => holder.take(askFor(10))));
    for (let turn = 0; turn < 10; turn += 1) await clock.advance(20);
    const grown = Promise.all((await takes).map((answer) => ticketOf(answer).grow(2_000)));
    const asked = holder.take(askFor(300));
    const before = ledger.operations;
    for (let turn = 0; turn < 100; turn += 1) await clock.advance(10);
    expect(await asked).toMatchObject({ outcome: 'held' });
    expect(new Set(await grown)).toEqual(new Set([false]));
    // There was something to wait for.
    expect(ledger.operations - before).toBeGreaterThan(30);
  });

  it('goes on while the service does not answer only where calls do', async () => {
    for (const isFailOpen of [true, false]) {
      const { clock, desk, setDown } = world(2_000n);
      const holder = holderOn(desk, clock, 'one', { isFailOpen });
      const ticket = ticketOf(await holder.take(askFor(100)));
      setDown(true);
      expect(await ticket.grow(1_000)).toBe(isFailOpen);
      ticket.release();
      setDown(false);
      await clock.advance(20_000);
      await holder.close();
    }
  });

  it('covers what is expected first where controls estimate', async () => {
    const { clock, desk } = world(2_000n, { estimate: 'expected' });
    const holder = holderOn(desk, clock);
    const ticket = ticketOf(await holder.take(askFor(1_000, 'a', 50)));
    expect(ticket.outputTokensMax).toBe(50);
    expect(await ticket.grow(60)).toBe(true);
    ticket.release();
    await holder.close();
  });
});
