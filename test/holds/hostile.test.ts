import { describe, expect, it } from 'vitest';
import type { Holder, HoldTicket } from '../../src/holds/holder-types.js';
import { createFakeClock, type FakeClock } from '../../src/testing/fake-clock.js';
import { type FakeControl, FakeLedger } from './fake-ledger.js';
import { hostileDesk, type Network } from './hostile-desk.js';
import { askFor, chance, holderOn, used } from './support.js';

const SEEDS = 60;
const STEPS = 60;

interface World {
  readonly clock: FakeClock;
  readonly ledger: FakeLedger;
  readonly network: Network;
  readonly random: () => number;
  readonly holders: Holder[];
  readonly controls: FakeControl[];
  events: number;
  held: number;
}

function makeWorld(seed: number): World {
  const random = chance(seed);
  const clock = createFakeClock();
  const windowMs = random() < 0.5 ? 7_000 : undefined;
  const controls: FakeControl[] = [
    { id: 'cost', metric: 'TOTAL_COST', limit: 2_000n, ...(windowMs === undefined ? {} : { windowMs }) },
    { id: 'tokens', metric: 'OUTPUT_TOKEN_COUNT', limit: 3_000n },
  ];
  const ledger = new FakeLedger(() => clock.monotonicNow(), controls, BigInt(1 + Math.floor(random() * 4)));
  const network: Network = {
    loseRequest: random() * 0.3,
    loseAnswer: random() * 0.3,
    doubleRequest: random() * 0.5,
    delayMs: Math.floor(random() * 300),
    timeoutMs: 400,
  };
  const desk = hostileDesk(ledger, network, clock, random);
  const options = { timeoutMs: 1_000, ttlSeconds: 120, closeTimeoutMs: 60_000 };
  const holders = ['one', 'two'].map((owner) => holderOn(desk, clock, owner, options));
  return { clock, ledger, network, random, holders, controls, events: 0, held: 0 };
}

/** A call from its question to its event: it takes a while, grows now and then, and its event comes late. */
async function call(world: World): Promise<void> {
  const { random, clock, ledger } = world;
  const holder = world.holders[Math.floor(random() * world.holders.length)]!;
  const bound = 10 + Math.floor(random() * 150);
  const ask = askFor(bound, random() < 0.7 ? 'a' : 'b');
  const drawn = holder.draw(ask) ?? (await holder.take(ask));
  let ticket: HoldTicket;
  if (drawn === 'free') throw new Error('nothing is free here');
  if ('outcome' in drawn) {
    if (drawn.outcome !== 'held') return;
    ticket = drawn.ticket;
  } else ticket = drawn;
  world.held += 1;
  await wait(clock, random() * 2_000);
  if (random() < 0.1) return ticket.release();
  const wanted = random() < 0.2 ? bound * 2 : bound;
  const most = (await ticket.grow(wanted)) ? wanted : bound;
  const tokens = Math.floor(random() * most);
  world.events += 1;
  const key = `e${world.events}`;
  ticket.settle(used(tokens), key);
  clock.setTimer(() => {
    ledger.record(key, ticket.holdId, tokens);
    clock.setTimer(() => holder.acknowledged([key]), random() * 500);
  }, random() * 1_000);
}

function wait(clock: FakeClock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(resolve, ms));
}

async function run(seed: number): Promise<World> {
  const world = makeWorld(seed);
  const { clock, ledger, random, network } = world;
  const calls: Promise<void>[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    const callers = Math.floor(random() * 4);
    for (let caller = 0; caller < callers; caller += 1) calls.push(call(world));
    if (random() < 0.05) clock.jump(clock.now() + (random() - 0.5) * 7_200_000);
    if (random() < 0.05) ledger.version = String(Number(ledger.version) + 1);
    if (random() < 0.05) for (const holder of world.holders) holder.forget();
    await clock.advance(Math.floor(random() * 400));
    expect(ledger.overspend(), `seed ${seed}`).toBe(0n);
  }
  Object.assign(network, { loseRequest: 0, loseAnswer: 0, doubleRequest: 0, delayMs: 20 });
  await clock.advance(20_000);
  await Promise.all(calls);
  return world;
}

describe('holders on a network that loses, doubles, delays and turns round', () => {
  it.each(Array.from({ length: 6 }, (_, part) => part))('never overspend and leak nothing, part %i', async (part) => {
    let held = 0;
    for (let seed = part * (SEEDS / 6) + 1; seed <= (part + 1) * (SEEDS / 6); seed += 1) {
      const world = await run(seed);
      // Idle holds went back by themselves, and no request that was lost left one behind that would be charged.
      await world.clock.advance(130_000);
      world.ledger.sweep();
      expect(world.ledger.held(), `seed ${seed}`).toBe(0n);
      expect(world.ledger.charged, `seed ${seed}`).toBe(0n);
      expect(world.ledger.overrun, `seed ${seed}`).toBe(0n);
      expect(world.ledger.overspend(), `seed ${seed}`).toBe(0n);
      for (const holder of world.holders) {
        expect(holder.status(), `seed ${seed}`).toMatchObject({ holds: 0, callsUnderWay: 0 });
        await holder.close();
      }
      held += world.held;
    }
    expect(held).toBeGreaterThan(100);
  });
});
