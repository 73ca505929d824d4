import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../src/testing/fake-clock.js';
import { FakeLedger } from './fake-ledger.js';
import { askFor, chance, holderOn, ticketOf, used } from './support.js';

function ledgerOf(limit: bigint, clock = createFakeClock(), windowMs?: number) {
  const ledger = new FakeLedger(
    () => clock.now(),
    [{ id: 'c', metric: 'TOTAL_COST', limit, ...(windowMs === undefined ? {} : { windowMs }) }],
  );
  return { clock, ledger, control: ledger.controls[0]! };
}

describe('a holder', () => {
  it('takes a hold for the first call and draws the next one without a round trip', async () => {
    const { clock, ledger } = ledgerOf(1_000_000n);
    const holder = holderOn(ledger, clock);
    expect(holder.draw(askFor(10))).toBeUndefined();
    const first = ticketOf(await holder.take(askFor(10)));
    expect(ledger.held()).toBe(10n);
    first.release();
    const second = holder.draw(askFor(10));
    expect(second).toMatchObject({ holdId: first.holdId, outputTokensMax: 10, whenExhausted: 'cut' });
    expect(holder.status()).toMatchObject({ holds: 1, callsUnderWay: 1, drawnLocally: 1, roundTrips: 1 });
    await holder.close();
  });

  it.each([1, 8, 64, 512])(
    'lets exactly those of %i callers through whom a budget for a tenth fits',
    async (callers) => {
      const { clock, ledger, control } = ledgerOf(BigInt(Math.max(1, callers / 10) * 100) + 99n);
      const holder = holderOn(ledger, clock);
      const answers = await Promise.all(Array.from({ length: callers }, () => holder.take(askFor(100))));
      const tickets = answers.flatMap((answer) => (answer.outcome === 'held' ? [answer.ticket] : []));
      expect(tickets).toHaveLength(Number(control.limit / 100n));
      const refused = answers.filter((answer) => answer.outcome === 'refused');
      expect(refused).toHaveLength(callers - tickets.length);
      for (const answer of refused) {
        expect(answer).toMatchObject({
          refusal: { asked: '100' },
          affordable: { outputTokensMax: Number(control.limit % 100n) },
        });
      }
      expect(holder.status().roundTrips).toBeLessThan(12);
      tickets.forEach((ticket, index) => {
        ticket.settle(used(100), `e${index}`);
        ledger.record(`e${index}`, ticket.holdId, 100);
        holder.acknowledged([`e${index}`]);
      });
      await clock.advance(10_000);
      expect(ledger.held()).toBe(0n);
      expect(ledger.overspend()).toBe(0n);
      expect(holder.status().holds).toBe(0);
      await holder.close();
    },
  );

  it('serves the small one where the large one does not fit, and says what the large one could have', async () => {
    const { clock, ledger } = ledgerOf(100n);
    const holder = holderOn(ledger, clock);
    const [large, small, third] = await Promise.all([
      holder.take(askFor(1_000)),
      holder.take(askFor(60)),
      holder.take(askFor(50)),
    ]);
    expect(large).toMatchObject({ outcome: 'refused' });
    const held = [small, third].filter((answer) => answer.outcome === 'held');
    expect(held).toHaveLength(1);
    await holder.close();
  });

  it('needs under 0.05 round trips for a call far from the limit, and nobody waits but at the start', async () => {
    const { clock, ledger } = ledgerOf(10n ** 15n);
    const holder = holderOn(ledger, clock);
    const random = chance(1);
    let waited = 0;
    const calls = 4_000;
    for (let call = 0; call < calls; call += 1) {
      const drawn = holder.draw(askFor(1_000));
      if (drawn === undefined) waited += 1;
      const ticket = drawn === undefined || drawn === 'free' ? ticketOf(await holder.take(askFor(1_000))) : drawn;
      const tokens = Math.floor(random() * 1_000);
      ticket.settle(used(tokens), `e${call}`);
      ledger.record(`e${call}`, ticket.holdId, tokens);
      holder.acknowledged([`e${call}`]);
      if (call % 10 === 0) await clock.advance(20);
    }
    expect(holder.status().roundTrips / calls).toBeLessThan(0.05);
    expect(waited).toBeLessThan(20);
    await holder.close();
    expect(ledger.held()).toBe(0n);
  });

  it('gives back what nobody draws from after five seconds, and keeps what is under way or not in the ledger', async () => {
    const { clock, ledger } = ledgerOf(1_000_000n);
    const holder = holderOn(ledger, clock);
    const [one, two, three] = (await Promise.all([10, 20, 30].map((tokens) => holder.take(askFor(tokens))))).map(
      ticketOf,
    );
    two!.settle(used(7), 'e2');
    three!.release();
    await clock.advance(4_000);
    expect(ledger.held()).toBeGreaterThanOrEqual(60n);
    await clock.advance(2_000);
    expect(ledger.held()).toBe(17n);
    ledger.record('e2', two!.holdId, 7);
    holder.acknowledged(['e2']);
    one!.release();
    await clock.advance(2_000);
    expect(ledger.held()).toBe(0n);
    expect(clock.pending()).toBe(0);
    await holder.close();
  });

  it('draws nothing twice while it is not known whether the ledger has an event', async () => {
    const { clock, ledger } = ledgerOf(100n);
    const holder = holderOn(ledger, clock);
    const first = ticketOf(await holder.take(askFor(60)));
    first.settle(used(60), 'e1');
    expect(await holder.take(askFor(60))).toMatchObject({ outcome: 'refused' });
    ledger.record('e1', first.holdId, 60);
    expect(await holder.take(askFor(40))).toMatchObject({ outcome: 'held' });
    expect(ledger.held()).toBeGreaterThanOrEqual(40n);
    holder.acknowledged(['e1']);
    expect(await holder.take(askFor(1))).toMatchObject({ outcome: 'refused' });
    await holder.close();
  });
});
