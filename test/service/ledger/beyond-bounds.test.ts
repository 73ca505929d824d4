import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';
import { control } from '../store-support.js';

describe.each(STORES)('amounts beyond every sense, $name', ({ open }) => {
  let service: ServiceFixture;
  beforeEach(async () => {
    service = await openServiceFixture(open);
  });
  afterEach(() => service.close());

  const batch = (events: readonly object[]) =>
    service.ask({
      path: '/meter/v2/batch',
      key: service.keys.metering,
      json: events.map((event) => ({ type: 'ai/completions', event })),
    });

  it('I10: stop a balance before the end of 64 bits; events go on being kept, and a job has its true sum', async () => {
    const { team, store } = service;
    for (const windowType of ['LIFETIME', 'ROLLING'] as const) {
      const rolling = windowType === 'ROLLING' ? { windowDuration: 'P30D' } : {};
      await store.createControl(team.id, control({ windowType, ...rolling, hardLimit: '9000000000' }));
    }
    const million = { totalCost: 1_000_000, agenticJobId: 'big' };
    for (let round = 0; round < 11; round += 1) {
      const events = Array.from({ length: 1_000 }, (_, i) =>
        usageEvent({ transactionId: `t-${round}-${i}`, ...million }),
      );
      const got = await batch(events);
      expect([got.status, got.json.results.every(({ status }: { status: number }) => status === 201)]).toEqual([
        200,
        true,
      ]);
    }
    expect((await store.verifyBalances()).wrong).toEqual([]);
    expect(
      (await service.ask({ path: '/meter/v2/ai/completions', json: usageEvent({ totalCost: 0.01 }) })).status,
    ).toBe(201);
    const roi = await service.ask({ path: '/v2/api/jobs/big/roi' });
    expect([roi.status, roi.json.totalCost]).toEqual([200, 11_000_000_000]);
    expect((await service.ask({ path: `/v2/api/ai/enforcement-rules/${team.id}` })).status).toBe(200);
  });
});
