/** What cost controls measure, what they assume of unknown prices, and who changed them. */
import { expect, test } from 'vitest';
import type { CostControlInput } from '../../service/store/store.js';
import type { Bench } from './store-contract.js';
import { control, event, kindsOf, NOON, rulesOf } from './store-support.js';

export function measureContract(bench: Bench): void {
  test('every metric sums what its events carry', async () => {
    const { store, team } = bench;
    const metrics = {
      TOTAL_COST: 1.75,
      TOKEN_COUNT: 30,
      INPUT_TOKEN_COUNT: 10,
      OUTPUT_TOKEN_COUNT: 20,
      CACHED_TOKEN_COUNT: 7,
      ERROR_COUNT: 1,
      IMAGE_COUNT: 3,
      VIDEO_COUNT: 1,
      AUDIO_COUNT: 1,
      CHARACTER_COUNT: 40,
      CREDITS_CONSUMED: 1.5,
    } as const;
    for (const metricType of Object.keys(metrics) as (keyof typeof metrics)[]) {
      await store.createControl(team.id, control({ name: metricType, metricType, hardLimit: '1000' }));
    }
    const tokens = { inputTokenCount: 10, outputTokenCount: 20, totalTokenCount: 30 };
    const media = (kind: 'image' | 'audio' | 'video', fields: Record<string, unknown>) => ({
      ...event(NOON, fields),
      kind,
    });
    await store.recordEvents(team.id, [
      event(NOON, { totalCost: 1, ...tokens, cacheReadTokenCount: 4, cacheCreationTokenCount: 3 }),
      event(NOON, { totalCost: 0, stopReason: 'ERROR' }),
      media('image', { totalCost: 0.25, actualImageCount: 3 }),
      media('audio', { totalCost: 0.25, characterCount: 40 }),
      media('video', { totalCost: 0.25, durationSeconds: 4, creditsConsumed: 1.5 }),
    ]);
    const values = (await rulesOf(store, team.id)).map(({ name, currentValue }) => [name, currentValue]);
    expect(Object.fromEntries(values)).toEqual(metrics);
  });

  test('I5: assume counts an unknown price at the stated one, for that control alone, exactly', async () => {
    const { store, team } = bench;
    const assuming = {
      onUnknownPrice: 'assume',
      assumedPricePerMillionTokens: '3',
      assumedPricePerRequest: '0.01',
    } as const;
    await store.createControl(team.id, control({ hardLimit: '0.05', ...assuming }));
    await store.createControl(team.id, control({ hardLimit: '0.05' }));
    const unknown = () =>
      event(NOON, { model: 'in-house-1', inputTokenCount: 2_000, outputTokenCount: 1_000, totalTokenCount: 3_000 });
    await store.recordEvents(team.id, [unknown(), unknown(), event(NOON, { totalCost: 0.002 })]);
    const seen = async () =>
      (await rulesOf(store, team.id)).map(({ currentValue, breached }) => [currentValue, breached]);
    expect(await seen()).toEqual([
      [0.04, false],
      [0.002, false],
    ]);
    await store.recordEvents(team.id, [unknown()]);
    expect(await seen()).toEqual([
      [0.059, true],
      [0.002, false],
    ]);
    // The one that assumes has nothing to flag.
    expect((await kindsOf(store, team.id)).filter((kind) => kind === 'unknown-price')).toHaveLength(1);
  });

  test('I5: another assumed price counts the window anew, and so does assuming nothing any more', async () => {
    const { store, team } = bench;
    await store.recordEvents(team.id, [event(NOON, { model: 'in-house-1', totalTokenCount: 1, inputTokenCount: 1 })]);
    const { id } = await store.createControl(
      team.id,
      control({ onUnknownPrice: 'assume', assumedPricePerRequest: '0.5' }),
    );
    const value = async () => (await rulesOf(store, team.id))[0]?.currentValue;
    expect(await value()).toBe(0.5);
    await store.updateControl(team.id, id, { assumedPricePerRequest: '0.75' });
    expect(await value()).toBe(0.75);
    // Half a nano-dollar is rounded up, once.
    await store.updateControl(team.id, id, { assumedPricePerRequest: null, assumedPricePerMillionTokens: '0.0005' });
    expect(await value()).toBe(0.000000001);
    await store.updateControl(team.id, id, { onUnknownPrice: 'flag', assumedPricePerMillionTokens: null });
    expect(await value()).toBe(0);
  });

  const wrong: readonly [string, Partial<CostControlInput>][] = [
    ['windowDuration', { windowType: 'ROLLING' }],
    ['windowDuration', { windowType: 'ROLLING', windowDuration: 'an hour' }],
    ['windowDuration', { windowType: 'ROLLING', windowDuration: 'PT59S' }],
    ['windowDuration', { windowType: 'ROLLING', windowDuration: 'P11Y' }],
    ['windowDuration', { windowDuration: 'PT1H' }],
    ['timeZone', { timeZone: 'Europe/Atlantis' }],
    ['timeZone', { timeZone: '+02:00' }],
    ['onUnknownPrice', { onUnknownPrice: 'assume' }],
    ['assumedPricePerRequest', { assumedPricePerRequest: '1' }],
    ['assumedPricePerMillionTokens', { onUnknownPrice: 'assume', assumedPricePerMillionTokens: '-1' }],
    ['assumedPricePerMillionTokens', { onUnknownPrice: 'assume', assumedPricePerMillionTokens: '1e9' }],
  ];
  test.each(wrong)('a control that cannot be kept is refused with its field: %s %j', async (field, fields) => {
    const { store, team } = bench;
    await expect(store.createControl(team.id, control(fields))).rejects.toMatchObject({
      code: 'INVALID_CONTROL',
      problems: { [field]: expect.any(String) },
    });
    const kept = await store.createControl(team.id, control());
    await expect(store.updateControl(team.id, kept.id, fields)).rejects.toMatchObject({ code: 'INVALID_CONTROL' });
    expect(await store.getControl(team.id, kept.id)).toEqual(kept);
    expect((await store.listAudit(team.id, { subject: 'control', page: 0, size: 9 })).items).toHaveLength(1);
  });

  test('a control says what becomes of calls whose caller leaves, and counts and tells the same as before', async () => {
    const { store, team } = bench;
    const kept = await store.createControl(team.id, control({ hardLimit: '5' }));
    expect(kept.onClientLeave).toBe('auto');
    await store.recordEvents(team.id, [event(NOON, { totalCost: 2 })]);
    const [before] = await rulesOf(store, team.id);
    const aborting = await store.updateControl(team.id, kept.id, { onClientLeave: 'abort' });
    expect(aborting?.onClientLeave).toBe('abort');
    expect((await store.getControl(team.id, kept.id))?.onClientLeave).toBe('abort');
    expect(await rulesOf(store, team.id)).toEqual([before]);
    expect((await store.feed(team.id)).body).not.toContain('lientLeave');
    // What says nothing of it leaves it.
    expect((await store.updateControl(team.id, kept.id, { hardLimit: '6' }))?.onClientLeave).toBe('abort');
    const draining = await store.createControl(team.id, control({ name: 'second', onClientLeave: 'drain' }));
    expect((await store.listControls(team.id, { page: 0, size: 9 })).items.map((one) => one.onClientLeave)).toEqual([
      'abort',
      'drain',
    ]);
    const { items } = await store.listAudit(team.id, { subjectId: kept.id, page: 0, size: 9 });
    expect(items[1]).toMatchObject({ before: { onClientLeave: 'auto' }, after: { onClientLeave: 'abort' } });
    await store.deleteControl(team.id, draining.id);
  });

  test('who made, changed and deleted a control is kept, with what it was before and after', async () => {
    const { store, team, clock } = bench;
    const actor = { id: 'key-1', hint: 'wxyz', label: 'ci' };
    const { id } = await store.createControl(team.id, control({ name: 'cap' }), actor);
    await store.updateControl(team.id, id, { hardLimit: '9', windowType: 'ROLLING', windowDuration: 'PT1H' }, actor);
    await store.deleteControl(team.id, id, { id: 'key-2' });
    await store.deleteControl(team.id, id, { id: 'key-2' });
    const { items } = await store.listAudit(team.id, { subject: 'control', subjectId: id, page: 0, size: 9 });
    expect(items.map(({ action, actor: { id: who }, atMs }) => [action, who, atMs])).toEqual([
      ['deleted', 'key-2', clock.nowMs],
      ['updated', 'key-1', clock.nowMs],
      ['created', 'key-1', clock.nowMs],
    ]);
    expect(items[1]).toMatchObject({
      actor,
      before: { name: 'cap', hardLimit: '1', windowType: 'DAILY' },
      after: { name: 'cap', hardLimit: '9', windowType: 'ROLLING', windowDuration: 'PT1H' },
    });
    expect([items[0]?.after, items[2]?.before]).toEqual([null, null]);
  });
}
