// Events that the ledger does not take: they go on to count, also after a restart, until somebody brings them into it.
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openDiskOutbox, type Runtime } from 'fusewire/internal';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LETTERS_MAX } from '../../../../service/gateway/books/dead-letter-book.js';
import { outboxFolder } from '../../../../service/gateway/books/outbox-folder.js';
import { replayLetters } from '../../../../service/gateway/books/replay-letters.js';
import type { GatewayBooks } from '../../../../service/gateway/types.js';
import { openSqliteStore } from '../../../../service/store/sqlite/open-sqlite-store.js';
import type { IncomingItem, ItemOutcome, Store } from '../../../../service/store/store.js';
import { StoreError } from '../../../../service/store/store-error.js';
import { until } from '../../../helpers/until.js';
import { sampleEvent } from '../../../metering/support/events.js';
import { declared } from '../../pricing-support.js';
import { HOUR, NOON, tempFolder } from '../../store-support.js';
import { callOf, control, finish, openBooks, quietRuntime } from './books-support.js';

const CENT = 10_000_000_000n;
const LOOK_MS = 10_000;

describe('events that the ledger does not take', () => {
  let nowMs: number;
  let skippedMs: number;
  let runtime: Runtime;
  let folder: ReturnType<typeof tempFolder>;
  let real: Store;
  let refuses: (item: IncomingItem) => boolean;
  let isDead: boolean;
  let store: Store;
  let teamId: string;
  let opened: GatewayBooks[];

  beforeEach(async () => {
    nowMs = NOON;
    skippedMs = 0;
    const { setTimer } = quietRuntime();
    runtime = quietRuntime({
      now: () => nowMs,
      monotonicNow: () => performance.now() + skippedMs,
      // What looks every ten seconds whether files are others looks soon.
      setTimer: (task, delayMs, options) => setTimer(task, delayMs === LOOK_MS ? 20 : delayMs, options),
    });
    folder = tempFolder();
    real = await openSqliteStore({ file: `${folder.path}/db`, runtime, inProcess: true });
    refuses = () => false;
    isDead = false;
    store = { ...real, record };
    teamId = (await real.createTeam('t')).id;
    await real.setPrice(teamId, declared({}, { request: CENT }));
    opened = [];
  });
  afterEach(async () => {
    isDead = false;
    refuses = () => false;
    await Promise.all(opened.map((books) => books.close()));
    await real.close();
    folder.remove();
  });

  async function record(team: string, items: readonly IncomingItem[]): Promise<readonly ItemOutcome[]> {
    if (isDead) throw new StoreError('UNAVAILABLE', 'the database is away');
    const taken = items.filter((item) => !refuses(item));
    const outcomes = taken.length === 0 ? [] : await real.record(team, taken);
    const rest = outcomes[Symbol.iterator]();
    return items.map((item): ItemOutcome => {
      if (refuses(item)) return { state: 'failed', error: new Error('value out of range') };
      return rest.next().value!;
    });
  }

  const open = async (more: Parameters<typeof openBooks>[3] = {}): Promise<GatewayBooks> => {
    const books = openBooks(store, folder.path, runtime, more);
    opened.push(books);
    await books.recover();
    return books;
  };
  const place = () => outboxFolder(join(folder.path, 'data'), teamId);
  const file = () => join(place(), 'dead-letters.jsonl');
  const letters = () => (existsSync(file()) ? readFileSync(file(), 'utf8').trim().split('\n') : []);
  const cap = (hardLimit: string) => real.createControl(teamId, control({ hardLimit, windowType: 'HOURLY' }));
  const kept = async () => (await real.findEvents(teamId, { page: 0, size: 1 })).totalElements;
  const pay = async (books: GatewayBooks): Promise<string> => {
    const call = callOf(teamId);
    const admission = await books.admit(call);
    if (admission.outcome === 'admit') finish(books, call, admission.ticket);
    return admission.outcome;
  };
  const spend = async (books: GatewayBooks): Promise<string | undefined> => {
    const admission = await books.admit(callOf(teamId));
    if (admission.outcome === 'admit') admission.ticket.release();
    return admission.outcome === 'unavailable' ? undefined : admission.budget?.spend;
  };
  /** Time goes on until so many were put aside. */
  const aside = (books: GatewayBooks, count: number) =>
    until(
      () => {
        skippedMs += 600_000;
        return books.deadLetters() === count;
      },
      'it was put aside',
      20_000,
    );
  const replay = () => {
    const tools = { newId: runtime.newId, protect: (value: string) => value };
    return replayLetters({ store, teamId, folder: place(), tools });
  };

  /** A cent that the ledger refuses, of three. */
  async function oneAside(): Promise<GatewayBooks> {
    await cap('0.03');
    const books = await open();
    refuses = () => true;
    expect(await pay(books)).toBe('admit');
    await aside(books, 1);
    refuses = () => false;
    expect(letters()).toHaveLength(1);
    expect(JSON.parse(letters()[0]!)).toMatchObject({ reason: 'Error: value out of range', createdAtMs: NOON });
    return books;
  }

  it('count on in the budgets, together with what is recorded', async () => {
    const books = await oneAside();
    expect(await spend(books)).toBe('0.01');
    const outcomes: string[] = [];
    for (let i = 0; i < 3; i += 1) outcomes.push(await pay(books));
    expect(outcomes).toEqual(['admit', 'admit', 'refuse']);
    await until(async () => (await kept()) === 2, 'the others are recorded');
    expect(await pay(books)).toBe('refuse');
    expect(books.trouble()).toBeUndefined();
  });

  it('count while they are tried again, found ones of an earlier process too', async () => {
    await cap('0.03');
    const before = await open();
    isDead = true;
    expect(await pay(before)).toBe('admit');
    const closing = before.close();
    skippedMs += 2 * LOOK_MS;
    await closing;
    isDead = false;
    refuses = () => true;
    const books = openBooks(store, folder.path, runtime);
    opened.push(books);
    const recovering = books.recover();
    await until(async () => (await spend(books)) === '0.01', 'what was found counts');
    expect(await kept()).toBe(0);
    refuses = () => false;
    skippedMs += 600_000;
    await recovering;
    await until(async () => (await kept()) === 1, 'recorded in the end');
    expect(await spend(books)).toBe('0.01');
  });

  it('count after a restart, in their own window and in no other', async () => {
    const before = await oneAside();
    await before.close();
    const books = await open();
    expect(books.deadLetters()).toBe(1);
    expect(await spend(books)).toBe('0.01');
    nowMs += HOUR;
    expect(await spend(books)).toBe('0');
    nowMs -= HOUR;
    expect([await pay(books), await pay(books), await pay(books)]).toEqual(['admit', 'admit', 'refuse']);
  });

  it('a replay brings them into the ledger, once, and they count once at any time', async () => {
    const books = await oneAside();
    refuses = () => true;
    expect(await replay()).toMatchObject({
      ...{ recorded: 0, known: 0, left: 1 },
      problems: [{ problem: 'Error: value out of range' }],
    });
    expect(letters()).toHaveLength(1);
    refuses = () => false;
    expect(await replay()).toEqual({ recorded: 1, known: 0, left: 0, problems: [] });
    expect(await kept()).toBe(1);
    expect(letters()).toEqual([]);
    await until(async () => {
      // Twice for a moment rather than not at all.
      expect(['0.01', '0.02']).toContain(await spend(books));
      return books.deadLetters() === 0;
    }, 'the books see it');
    await until(async () => (await spend(books)) === '0.01', 'counted once');
    expect(await replay()).toEqual({ recorded: 0, known: 0, left: 0, problems: [] });
    expect((await real.verifyBalances()).wrong).toEqual([]);
  });

  it('one that the ledger has already is taken out and counted once', async () => {
    const books = await oneAside();
    const [line] = letters();
    await replay();
    appendFileSync(file(), `${line}\n`);
    expect(await replay()).toEqual({ recorded: 0, known: 1, left: 0, problems: [] });
    await until(() => books.deadLetters() === 0, 'the books see it');
    await until(async () => (await spend(books)) === '0.01', 'counted once');
  });

  it('a line that is removed by hand is forgiven', async () => {
    const books = await oneAside();
    rmSync(file());
    await until(async () => (await spend(books)) === '0', 'it does not count');
    expect(books.deadLetters()).toBe(0);
  });

  it('one that cannot be put aside either stays, counts, and is put aside when it can', async () => {
    await cap('0.03');
    const books = await open();
    expect(await pay(books)).toBe('admit');
    await until(async () => (await kept()) === 1, 'the first is recorded');
    mkdirSync(file());
    let tries = 0;
    refuses = () => {
      tries += 1;
      return true;
    };
    expect(await pay(books)).toBe('admit');
    const triedOn = () => {
      skippedMs += 600_000;
      return tries > 25;
    };
    await until(triedOn, 'more tries than ten', 20_000);
    expect(await spend(books)).toBe('0.02');
    rmSync(file(), { recursive: true });
    await aside(books, 1);
    expect(await spend(books)).toBe('0.02');
    expect(letters()).toHaveLength(1);
  });

  it('I10: what a bound of the outbox removes goes there too', async () => {
    await cap('0.04');
    const owner = { origin: 'fusewire:gateway', teamId };
    const directory = join(folder.path, 'data', 'gateway-outbox');
    const books = await open({ openOutbox: () => openDiskOutbox({ directory, owner, runtime, capacity: 2 }) });
    expect(await spend(books)).toBe('0');
    isDead = true;
    for (let i = 0; i < 4; i += 1) expect(await pay(books)).toBe('admit');
    expect(books.deadLetters()).toBe(2);
    expect(letters()).toHaveLength(2);
    expect(await pay(books)).toBe('refuse');
    isDead = false;
    await until(async () => (await kept()) === 2, 'the two that stayed are recorded');
    expect(await pay(books)).toBe('refuse');
    expect((await replay()).recorded).toBe(2);
  });

  it('I10: with more of them than can be counted nothing is let through', async () => {
    const before = await oneAside();
    await before.close();
    const line = (i: number) => {
      const idempotencyKey = `a${i}`;
      return `${JSON.stringify({ at: '', reason: '', idempotencyKey, createdAtMs: NOON, event: sampleEvent(`t${i}`) })}\n`;
    };
    appendFileSync(file(), Array.from({ length: LETTERS_MAX }, (_, i) => line(i)).join(''));
    const books = await open();
    expect(books.trouble()).toMatch(/could not be recorded \(fusewire dead-letters replay\)/);
    expect(await pay(books)).toBe('unavailable');
    rmSync(file());
    await until(() => books.trouble() === undefined, 'let through again');
    await until(async () => (await pay(books)) === 'admit', 'nothing of them counts');
  });
});
