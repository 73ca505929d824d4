import { afterEach, beforeEach, expect, test } from 'vitest';
import { FeedCache } from '../../../service/compile/feed-cache.js';
import { CHANGES_KEPT_MS } from '../../../service/compile/feed-changes.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import type { Store, Team } from '../../../service/store/store.js';
import { control, event, type HandClock, handClock, tempFolder } from '../store-support.js';

let folder: ReturnType<typeof tempFolder>;
let clock: HandClock;
let store: Store;
let team: Team;
beforeEach(async () => {
  folder = tempFolder();
  clock = handClock();
  store = await openSqliteStore({ file: `${folder.path}/feed.db`, runtime: clock.runtime, inProcess: true });
  team = await store.createTeam('team');
});
afterEach(async () => {
  await store.close();
  folder.remove();
});

const changesSince = (revision: number) =>
  store.feedChanges(team.id, { revision, controlId: '\uffff', groupKey: '', namesSinceMs: 0 });
const spend = (id: string, totalCost = 2, email?: string) =>
  store.recordEvents(team.id, [event(clock.nowMs, { totalCost, subscriber: { id, ...(email && { email }) } })]);

test('a change is told with how it stands now, and nothing else is', async () => {
  const { id } = await store.createControl(team.id, control({ groupBy: 'SUBSCRIBER' }));
  await store.createControl(team.id, control({ name: 'calm', hardLimit: '100' }));
  const { revision } = await store.feedTeam(team.id);
  expect(await changesSince(revision)).toMatchObject({ kind: 'changes', reload: [], totals: [], groups: [] });
  await spend('u1');
  await spend('u1');
  const changes = await changesSince(revision);
  expect(changes).toMatchObject({
    kind: 'changes',
    totals: [{ controlId: id, values: { value: 4_000_000_000n } }],
    groups: [{ controlId: id, groups: [{ groupKey: 'u1', values: { value: 4_000_000_000n } }] }],
    next: undefined,
  });
  await store.updateControl(team.id, id, { name: 'renamed' });
  expect(await changesSince(revision)).toMatchObject({ reload: [id], totals: [], groups: [] });
});

test('many changes are told in parts', async () => {
  await store.createControl(team.id, control({ groupBy: 'SUBSCRIBER' }));
  const { revision } = await store.feedTeam(team.id);
  const people = Array.from({ length: 1_200 }, (_, n) =>
    event(clock.nowMs, { totalCost: 2, subscriber: { id: `u${n}` } }),
  );
  await store.recordEvents(team.id, people);
  const seen = new Set<string>();
  let parts = 0;
  let cursor: Parameters<Store['feedChanges']>[1] | undefined = {
    revision,
    controlId: '\uffff',
    groupKey: '',
    namesSinceMs: 0,
  };
  while (cursor !== undefined) {
    const part: Awaited<ReturnType<Store['feedChanges']>> = await store.feedChanges(team.id, cursor);
    if (part.kind === 'gap') throw new Error('there is no gap');
    for (const { groupKey } of part.groups.flatMap(({ groups }) => groups)) seen.add(groupKey);
    parts += 1;
    cursor = part.next;
  }
  expect([seen.size, parts]).toEqual([1_200, 3]);
});

test('changes go after ten minutes, in bounded parts; whoever was away for longer reads everything', async () => {
  await store.createControl(team.id, control({ groupBy: 'SUBSCRIBER' }));
  const away = new FeedCache(clock.runtime, store);
  const before = await away.answer(team.id, { form: 'whole', difference: false });
  const people = Array.from({ length: 1_500 }, (_, n) =>
    event(clock.nowMs, { totalCost: 2, subscriber: { id: `u${n}` } }),
  );
  await store.recordEvents(team.id, people);
  const { revision } = await store.feedTeam(team.id);
  expect(await store.purgeFeedChanges()).toBe(false);
  clock.advance(CHANGES_KEPT_MS);
  await spend('late');
  expect([await store.purgeFeedChanges(), await store.purgeFeedChanges()]).toEqual([true, false]);
  expect((await changesSince(before.revision)).kind).toBe('gap');
  expect(await changesSince(revision)).toMatchObject({ groups: [{ groups: [{ groupKey: 'late' }] }] });
  away.moved(team.id, (await store.feedTeam(team.id)).revision);
  const after = await away.answer(team.id, { form: 'whole', difference: true, ifNoneMatch: before.etag });
  if (after.kind !== 'feed') throw new Error(`it was answered with ${after.kind}`);
  expect(JSON.parse(after.body.bytes.toString()).rules[0].groupBreakdown).toHaveLength(1_501);
  away.close();
});

test('a new name of somebody who is refused moves no revision, and is told with the next look', async () => {
  await store.createControl(team.id, control({ groupBy: 'SUBSCRIBER' }));
  await spend('u1', 2, 'rita@x.org');
  const namesIn = async () => {
    const { rules } = JSON.parse((await store.feed(team.id)).body ?? '');
    return rules[0].groupBreakdown.map(({ groupValue }: { groupValue: string }) => groupValue);
  };
  expect(await namesIn()).toEqual(['rita@x.org', 'u1']);
  const { revision } = await store.feedTeam(team.id);
  await spend('u1', 1, 'Rita@X.org');
  await spend('u2', 0.1, 'rita@x.org');
  expect((await store.feedTeam(team.id)).revision).toBe(revision);
  clock.advance(10_000);
  // u2 shares the address, and is not refused for it.
  expect(await namesIn()).toEqual(['Rita@X.org', 'rita@x.org', 'u1', 'u2']);
});
