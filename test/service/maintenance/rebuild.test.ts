import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDriver } from '../../../service/store/sqlite/driver.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import type { Store } from '../../../service/store/store.js';
import { control, event, HOUR, handClock, kindsOf, NOON, rulesOf, tempFolder } from '../store-support.js';

describe('balances made anew', () => {
  const clock = handClock();
  let folder: ReturnType<typeof tempFolder>;
  let store: Store;
  beforeEach(() => {
    folder = tempFolder();
    clock.nowMs = NOON;
  });
  afterEach(async () => {
    await store.close();
    folder.remove();
  });
  const file = () => join(folder.path, 'fusewire.db');
  const open = async () => {
    store = await openSqliteStore({ file: file(), runtime: clock.runtime, inProcess: true });
  };
  /** As somebody does who repairs a database by hand. */
  const spoil = async (sql: string) => {
    await store.close();
    const driver = await openDriver(file());
    driver.exec(sql);
    driver.close();
    await open();
  };
  const spend = (teamId: string, dollars: number, fields: Record<string, unknown> = {}) =>
    store.recordEvents(teamId, [event(clock.nowMs, { totalCost: dollars, subscriber: { id: 'rita' }, ...fields })]);

  it('repairs a value, a row that is gone and a row that nobody spent, tells the verdict, and leaves the rest alone', async () => {
    await open();
    const team = await store.createTeam('one');
    const other = await store.createTeam('two');
    const cap = await store.createControl(team.id, control({ hardLimit: '1' }));
    const grouped = await store.createControl(
      team.id,
      control({ name: 'each', groupBy: 'SUBSCRIBER', hardLimit: '1' }),
    );
    const foreign = await store.createControl(other.id, control({ hardLimit: '1' }));
    await spend(team.id, 1.5);
    await spend(other.id, 2);
    expect(await kindsOf(store, team.id)).toEqual(['trip', 'trip rita']);
    const revisionOfOther = (await store.feed(other.id)).revision;
    await spoil(`
      UPDATE balance SET value = 7, announced = 0 WHERE control_id = '${cap.id}';
      DELETE FROM balance WHERE control_id = '${grouped.id}' AND group_key = '';
      INSERT INTO balance SELECT control_id, window_start_ms, 'nobody', window_end_ms, 5000000000, 0, 2, 0, 0 FROM balance
        WHERE control_id = '${grouped.id}' AND group_key = 'rita';
    `);
    expect((await rulesOf(store, team.id)).find(({ name }) => name === 'cap')?.breached).toBe(false);
    const { wrong } = await store.verifyBalances();
    expect(wrong).toHaveLength(3);
    const found = await store.verifyTeam(team.id);
    const revision = (await store.feed(team.id)).revision;

    const rebuilt = await store.rebuildTeam(team.id);
    expect(rebuilt).toEqual({ checked: found.checked, wrong: found.wrong, rebuilt: 2 });
    expect(await store.verifyBalances()).toEqual({ checked: expect.any(Number), wrong: [] });
    const rules = await rulesOf(store, team.id);
    expect(rules.find(({ name }) => name === 'cap')).toMatchObject({ breached: true, currentValue: 1.5 });
    const groups = rules.find(({ name }) => name === 'each')!.groupBreakdown!;
    expect(groups.filter(({ breached }) => breached).map(({ groupValue }) => groupValue)).toEqual(['rita']);
    expect((await store.feed(team.id)).revision).toBeGreaterThan(revision);
    // The verdict that was lost is told anew, the one that nobody deserved is taken back; what stood is not repeated.
    expect((await kindsOf(store, team.id)).slice(2).sort()).toEqual(['reset nobody', 'trip']);

    expect(await store.rebuildTeam(team.id)).toMatchObject({ wrong: [], rebuilt: 0 });
    expect(await store.rebuildTeam(other.id)).toMatchObject({ wrong: [], rebuilt: 0 });
    expect((await store.feed(other.id)).revision).toBe(revisionOfOther);
    expect((await store.getControl(other.id, foreign.id))?.hardLimit).toBe('1');
  });

  it('repairs past windows without a word, and rolling ones with their heads', async () => {
    await open();
    const team = await store.createTeam('one');
    await store.createControl(team.id, control({ name: 'hourly', windowType: 'HOURLY', hardLimit: '1' }));
    const rolling = await store.createControl(
      team.id,
      control({ name: 'rolling', windowType: 'ROLLING', windowDuration: 'PT6H', hardLimit: '1' }),
    );
    await spend(team.id, 2);
    clock.nowMs += 2 * HOUR;
    await store.turnWindows();
    const told = await kindsOf(store, team.id);
    await spoil('UPDATE balance SET value = 1, announced = 0');
    expect((await store.verifyBalances()).wrong.length).toBeGreaterThanOrEqual(3);
    expect(await store.rebuildTeam(team.id)).toMatchObject({ rebuilt: 2 });
    expect((await store.verifyBalances()).wrong).toEqual([]);
    const rules = await rulesOf(store, team.id);
    expect(rules.map(({ name, breached, currentValue }) => [name, breached, currentValue]).sort()).toEqual([
      ['hourly', false, 0],
      ['rolling', true, 2],
    ]);
    const since = (await kindsOf(store, team.id)).slice(told.length);
    expect(since).toEqual(['trip']);
    // It still falls by itself when the bucket leaves.
    clock.nowMs += 5 * HOUR;
    await store.turnWindows();
    expect((await rulesOf(store, team.id)).find(({ name }) => name === 'rolling')?.breached).toBe(false);
    expect((await store.getControl(team.id, rolling.id))?.windowType).toBe('ROLLING');
  });

  it('is refused for a team that is not there', async () => {
    await open();
    await expect(store.rebuildTeam('fwNobody')).rejects.toMatchObject({ code: 'UNKNOWN_TEAM' });
  });
});
