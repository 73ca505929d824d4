import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cell } from '../../../../service/gateway/books/cell.js';
import { judge, NEAR_STALE_MS, REFRESH_MS, STALE_MS } from '../../../../service/gateway/books/judge.js';
import { Standing } from '../../../../service/gateway/books/standing.js';
import type { GatewayStanding } from '../../../../service/ledger/gateway-standing.js';
import { createCatalogue } from '../../../../service/pricing/catalogue.js';
import { openSqliteStore } from '../../../../service/store/sqlite/open-sqlite-store.js';
import type { Store } from '../../../../service/store/store.js';
import { declared } from '../../pricing-support.js';
import { event, type HandClock, handClock, tempFolder } from '../../store-support.js';
import { callOf, control } from './books-support.js';

const ALLOWED = { outcome: 'allow', code: 'ALLOWED' } as const;
const CENT = 10_000_000_000n;

describe('how old numbers may be', () => {
  let folder: ReturnType<typeof tempFolder>;
  let clock: HandClock;
  let store: Store;
  let teamId: string;
  let standing: Standing;
  let reads: number;
  let refreshed: Cell[];

  beforeEach(async () => {
    folder = tempFolder();
    clock = handClock();
    store = await openSqliteStore({ file: `${folder.path}/db`, runtime: clock.runtime, inProcess: true });
    teamId = (await store.createTeam('t')).id;
    await store.setPrice(teamId, declared({}, { request: CENT }));
    await store.createControl(teamId, control({ hardLimit: '1' }));
    standing = new Standing(createCatalogue());
    reads = 0;
    refreshed = [];
  });

  afterEach(async () => {
    await store.close();
    folder.remove();
  });

  const read = async (): Promise<GatewayStanding> => {
    const ask = standing.ask([...standing.cells()], []);
    const answer = await store.gatewayStanding(teamId, ask);
    reads += 1;
    standing.read(answer, ask, clock.monotonicMs, reads);
    return answer;
  };
  const decide = (arrived = reads, canRead = true) => {
    const arrival = { readNumber: arrived, canRead, atMs: clock.monotonicMs, nowMs: clock.nowMs };
    return judge(standing, callOf(teamId), ALLOWED, arrival, (cell) => refreshed.push(cell));
  };
  const spend = (totalCost: number) => store.recordEvents(teamId, [event(clock.nowMs, { totalCost })]);

  it('a budget that was never read is read first', async () => {
    await read();
    expect(decide()).toMatchObject({ kind: 'read', isNeeded: true });
    expect(decide(reads, false)).toMatchObject({ kind: 'read', isNeeded: true });
    await read();
    expect(decide().kind).toBe('admit');
  });

  it('numbers of the last moment are used, older ones are read again meanwhile, old ones are waited for', async () => {
    await read();
    decide();
    await read();
    clock.advance(REFRESH_MS);
    expect([decide().kind, refreshed.length]).toEqual(['admit', 0]);
    clock.advance(1);
    expect([decide().kind, refreshed.length]).toEqual(['admit', 1]);
    clock.advance(STALE_MS - REFRESH_MS);
    expect(decide()).toMatchObject({ kind: 'read', isNeeded: false });
    expect(decide(reads, false).kind).toBe('admit');
  });

  it('less than a tenth of the limit left: numbers of a quarter of a second at the most', async () => {
    await spend(0.895);
    await read();
    decide();
    await read();
    clock.advance(NEAR_STALE_MS);
    expect(decide().kind).toBe('admit');
    clock.advance(1);
    expect(decide()).toMatchObject({ kind: 'read', isNeeded: false });
    await read();
    expect(decide().kind).toBe('admit');
  });

  it('nobody is refused by numbers from before the call, unless nothing can be read', async () => {
    await spend(0.995);
    await read();
    decide();
    const arrived = reads;
    await read();
    expect(decide(arrived).kind).toBe('refuse');
    expect(decide(reads)).toMatchObject({ kind: 'read', isNeeded: false });
    expect(decide(reads, false).kind).toBe('refuse');
  });

  it('what is as known does not come again, and what moved does', async () => {
    expect(await read()).toMatchObject({ controls: [{ name: 'cap' }] });
    const prices = (await store.listPrices(teamId, { all: true })).length;
    const same = await read();
    expect([same.controls, same.prices]).toEqual([undefined, undefined]);
    await store.setPrice(teamId, declared({ model: 'x' }, { request: CENT }));
    const priced = await read();
    expect([priced.controls, priced.prices?.overrides.length]).toEqual([undefined, prices + 1]);
    await store.createControl(teamId, control({ name: 'other' }));
    expect((await read()).controls).toHaveLength(2);
  });

  it('departments: a person of whom nothing is known is read first, and moves with the directory', async () => {
    const { id } = await store.createDepartment(teamId, { name: 'Research', parentId: null });
    await store.createControl(
      teamId,
      control({ name: 'd', hardLimit: '0', filters: [{ dimension: 'DEPARTMENT', operator: 'IS', value: String(id) }] }),
    );
    await read();
    const asked = decide();
    expect(asked).toMatchObject({ kind: 'read', person: 'cus_1@example.org', isNeeded: true });
    const readPerson = async (): Promise<void> => {
      const ask = standing.ask([...standing.cells()], ['cus_1@example.org']);
      reads += 1;
      standing.read(await store.gatewayStanding(teamId, ask), ask, clock.monotonicMs, reads);
    };
    await readPerson();
    await read();
    expect(decide(0).kind).toBe('admit');
    await store.setMembers(teamId, id, ['cus_1@example.org']);
    await read();
    expect(decide(0)).toMatchObject({ kind: 'read', person: 'cus_1@example.org' });
    await readPerson();
    decide(0);
    await read();
    expect(decide(0)).toMatchObject({ kind: 'refuse', refusal: { scope: { kind: 'department', value: String(id) } } });
  });
});
