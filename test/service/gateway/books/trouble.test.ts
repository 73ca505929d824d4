import { writeSync } from 'node:fs';
import { openDiskOutbox, type Runtime } from 'fusewire/internal';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OUTBOX_CAPACITY, OUTBOX_RESERVE } from '../../../../service/gateway/books/parts.js';
import type { GatewayBooks } from '../../../../service/gateway/types.js';
import { openSqliteStore } from '../../../../service/store/sqlite/open-sqlite-store.js';
import type { Store } from '../../../../service/store/store.js';
import { StoreError } from '../../../../service/store/store-error.js';
import { until } from '../../../helpers/until.js';
import { declared } from '../../pricing-support.js';
import { HOUR, NOON, tempFolder } from '../../store-support.js';
import { admitted, begin, callOf, control, finish, openBooks, quietRuntime } from './books-support.js';

const CENT = 10_000_000_000n;

describe('the books in trouble', () => {
  let nowMs: number;
  let runtime: Runtime;
  let folder: ReturnType<typeof tempFolder>;
  let real: Store;
  let isDead: boolean;
  let store: Store;
  let teamId: string;
  let opened: GatewayBooks[];

  beforeEach(async () => {
    nowMs = NOON;
    runtime = quietRuntime({ now: () => nowMs });
    folder = tempFolder();
    real = await openSqliteStore({ file: `${folder.path}/db`, runtime, inProcess: true });
    isDead = false;
    const dying = ['record', 'gatewayStanding', 'recordRefusals'] as const;
    const dead = Object.fromEntries(
      dying.map((name) => [
        name,
        (...input: never[]) =>
          isDead
            ? Promise.reject(new StoreError('UNAVAILABLE', 'the database is away'))
            : (real[name] as (...all: never[]) => Promise<unknown>)(...input),
      ]),
    );
    store = { ...real, ...dead } as Store;
    teamId = (await real.createTeam('t')).id;
    await real.setPrice(teamId, declared({}, { request: CENT }));
    opened = [];
  });

  afterEach(async () => {
    isDead = false;
    for (const books of opened) await books.close();
    await real.close();
    folder.remove();
  });

  const open = (more: Parameters<typeof openBooks>[3] = {}): GatewayBooks => {
    const books = openBooks(store, folder.path, runtime, more);
    opened.push(books);
    return books;
  };
  const cap = (hardLimit: string) => real.createControl(teamId, control({ hardLimit, windowType: 'HOURLY' }));
  const kept = async () => (await real.findEvents(teamId, { page: 0, size: 1 })).totalElements;
  const pay = async (books: GatewayBooks): Promise<string> => {
    const call = callOf(teamId);
    const admission = await books.admit(call);
    if (admission.outcome === 'admit') finish(books, call, admission.ticket);
    return admission.outcome;
  };

  it('a store that is away: budgets that are known go on deciding, to the cent; nothing is lost; then all is as before', async () => {
    await cap('0.05');
    const books = open();
    expect(await pay(books)).toBe('admit');
    await until(async () => (await kept()) === 1, 'the first is recorded');
    isDead = true;
    const outcomes: string[] = [];
    for (let i = 0; i < 6; i += 1) outcomes.push(await pay(books));
    expect(outcomes).toEqual(['admit', 'admit', 'admit', 'admit', 'refuse', 'refuse']);
    expect(await kept()).toBe(1);
    isDead = false;
    await until(async () => (await kept()) === 5, 'the others are recorded', 30_000);
    expect(await pay(books)).toBe('refuse');
    expect((await real.verifyBalances()).wrong).toEqual([]);
  });

  it('a budget that was never read is not decided on while the store is away, and no longer than that', async () => {
    await cap('0.05');
    isDead = true;
    const books = open();
    expect(await books.admit(callOf(teamId))).toMatchObject({ outcome: 'unavailable', retryAfterSeconds: 2 });
    isDead = false;
    await until(async () => (await pay(books)) === 'admit', 'it is decided on again', 30_000);
  });

  it('a disk that is full: no call that could not be metered, and by itself again when there is room', async () => {
    await cap('1');
    let isFull = false;
    const write = (fd: number, text: string): number => {
      if (isFull) throw new Error('ENOSPC');
      return writeSync(fd, text);
    };
    const owner = { origin: 'fusewire:gateway', teamId };
    const books = open({ openOutbox: () => openDiskOutbox({ directory: folder.path, owner, runtime, write }) });
    expect(await pay(books)).toBe('admit');
    const call = callOf(teamId);
    const [one] = admitted([await books.admit(call)]);
    const underWay = begin(books, call);
    isFull = true;
    underWay.end(one!.ticket);
    expect(await books.admit(call)).toMatchObject({ outcome: 'unavailable', reason: expect.stringMatching(/disk/) });
    expect(books.trouble()).toMatch(/disk/);
    await until(async () => (await kept()) === 2, 'what was under way is recorded from memory');
    isFull = false;
    // As its heartbeat would.
    await until(() => {
      books.sinkOf(teamId).outbox.forget('nothing');
      begin(books, call).drop();
      return books.trouble() === undefined;
    }, 'the disk is used again');
    expect(await pay(books)).toBe('admit');
  });

  it('I10: too many events that wait for the ledger: no call is admitted whose event might be dropped', async () => {
    await cap('1');
    let waiting = 0;
    const owner = { origin: 'fusewire:gateway', teamId };
    const openOutbox = () => {
      const outbox = openDiskOutbox({ directory: folder.path, owner, runtime });
      const depth = outbox.depth.bind(outbox);
      return Object.assign(outbox, { depth: () => depth() + waiting });
    };
    const books = open({ openOutbox });
    expect(await pay(books)).toBe('admit');
    waiting = OUTBOX_CAPACITY - OUTBOX_RESERVE;
    expect(await books.admit(callOf(teamId))).toMatchObject({ outcome: 'unavailable' });
    expect(books.trouble()).toMatch(/wait for the ledger/);
    waiting = 0;
    expect(await pay(books)).toBe('admit');
  });

  it('I13: when a window turns its verdict is void, and what was begun in the old one is paid from the old one', async () => {
    await cap('0.02');
    const books = open();
    const call = callOf(teamId);
    const [one] = admitted([await books.admit(call)]);
    const late = begin(books, call);
    expect(await pay(books)).toBe('admit');
    expect(await pay(books)).toBe('refuse');
    nowMs += HOUR;
    expect(await pay(books)).toBe('admit');
    late.end(one!.ticket);
    const [next] = admitted([await books.admit(call)]);
    expect(next?.budget).toMatchObject({ spend: '0.01', held: '0.01', remaining: '0' });
    next!.ticket.release();
    await until(async () => (await kept()) === 3, 'all are recorded');
    expect(await pay(books)).toBe('admit');
    expect(await pay(books)).toBe('refuse');
  });

  it('a call that is admitted just before a window ends is held in both, for it may begin in the next', async () => {
    await cap('0.02');
    const books = open();
    nowMs = NOON + HOUR - 10;
    const call = callOf(teamId);
    const both = admitted([await books.admit(call), await books.admit(call)]);
    expect(both).toHaveLength(2);
    nowMs = NOON + HOUR + 1;
    expect((await books.admit(call)).outcome).toBe('refuse');
    for (const { ticket } of both) finish(books, call, ticket);
    expect((await books.admit(call)).outcome).toBe('refuse');
    await until(async () => (await kept()) === 2, 'both are recorded');
    expect((await books.admit(call)).outcome).toBe('refuse');
  });

  it('a control that is made, a limit that is raised and a price that is declared are felt at once, calls under way included', async () => {
    const books = open();
    const call = callOf(teamId);
    const running = admitted([await books.admit(call), await books.admit(call), await books.admit(call)]);
    const { id } = await cap('0.04');
    await until(async () => {
      const admission = await books.admit(call);
      if (admission.outcome === 'admit') admission.ticket.release();
      return admission.outcome === 'admit' && admission.budget?.held === '0.04';
    }, 'the calls under way count on the new control');
    await real.setPrice(teamId, declared({}, { request: 2n * CENT }));
    await until(async () => {
      const admission = await books.admit(call);
      if (admission.outcome === 'admit') admission.ticket.release();
      return admission.outcome === 'refuse';
    }, 'they count at the new price');
    await real.updateControl(teamId, id, { hardLimit: '0.08' });
    const [fourth] = admitted([await books.admit(call)]);
    expect(fourth?.budget).toMatchObject({ limit: '0.08', held: '0.08' });
    for (const { ticket } of running) ticket.release();
    fourth!.ticket.release();
    const [last] = admitted([await books.admit(call)]);
    expect(last?.budget?.held).toBe('0.02');
    last!.ticket.release();
  });
});
