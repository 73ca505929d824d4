import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import type { TestStore } from '../../helpers/stores.js';
import { control, rulesOf } from '../store-support.js';

const GROUPS = ['SUBSCRIBER', 'ORGANIZATION', 'PRODUCT', 'AGENT', 'MODEL', 'CREDENTIAL'] as const;
const FIELDS = ['subscriberId', 'subscriberEmail', 'organizationName', 'productName', 'agent', 'traceId'] as const;
/** Characters of three bytes that no compression makes shorter. */
const LONG = Array.from({ length: 2_000 }, (_, i) => String.fromCharCode(0x4e00 + ((i * 7_919) % 20_000))).join('');
const ODD: readonly (readonly [string, string])[] = [
  ['half of a pair', 'a\ud800b'],
  ['half of a pair at the end', 'person@example.com\ud83d'],
  ['a pair where the text is cut', `${'y'.repeat(1_023)}\u{1F600}`],
  ['more bytes than an index takes', LONG],
  ['an address of more bytes than an index takes', `${LONG.slice(0, 1_000)}@example.com`],
];

/** Runs on each of the stores. */
export function oddTextSuite(stores: readonly TestStore[]): void {
  describe.each(stores)('texts that a store cannot keep as they came, $name', ({ open }) => {
    let service: ServiceFixture;
    beforeAll(async () => {
      service = await openServiceFixture(open);
      for (const groupBy of GROUPS) {
        await service.store.createControl(service.team.id, control({ name: groupBy, groupBy, hardLimit: '0.005' }));
      }
    });
    afterAll(() => service.close());

    it.each(ODD)('are counted, the second time too: %s', async (name, text) => {
      for (const field of FIELDS) {
        for (const time of [1, 2]) {
          const transactionId = `${name} ${field} ${time}`;
          const json = usageEvent({ transactionId, totalCost: 0.003, [field]: text });
          const got = await service.ask({ path: '/meter/v2/ai/completions', json });
          expect(got.status, transactionId).toBe(201);
        }
      }
      const requestedModel = { attributes: { requestedModel: text } };
      const items = [1, 2].map((time) => ({
        type: 'ai/completions',
        event: usageEvent({ transactionId: `${name} ${time}`, totalCost: 0.003, ...requestedModel }),
      }));
      const lines = { 'content-type': 'application/x-ndjson' };
      const body = items.map((item) => `${JSON.stringify(item)}\n`).join('');
      const got = await service.ask({ path: '/meter/v2/batch', headers: lines, text: body });
      expect(got.text.match(/"status":201/g)).toHaveLength(2);
      expect(await service.store.verifyBalances()).toMatchObject({ wrong: [] });
      for (const rule of await rulesOf(service.store, service.team.id)) {
        if (rule.groupBreakdown === null) continue;
        for (const { groupValue } of rule.groupBreakdown) expect(groupValue).not.toMatch(/\p{Surrogate}/u);
      }
    });

    it('are the same event when it comes again', async () => {
      const json = usageEvent({ transactionId: 'a\ud800b', attributes: { 'n\udc00': 1 } });
      const first = await service.ask({ path: '/meter/v2/ai/completions', json });
      const again = await service.ask({ path: '/meter/v2/ai/completions', json });
      expect([first.status, again.status]).toEqual([201, 201]);
      expect(again.json.id).toBe(first.json.id);
    });
  });
}
