/** What every store must do about webhooks and the outbox of their alerts. */
import type { Runtime } from 'fusewire/internal';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WAITING_MAX } from '../../../service/ledger/alerts.js';
import {
  BACK_OFF_MS,
  type DeliveryResult,
  DISABLED_AFTER_MS,
  type DueAlert,
} from '../../../service/ledger/deliveries.js';
import { ALERT_TYPES, WEBHOOKS_MAX, type WebhookInput } from '../../../service/ledger/webhooks.js';
import type { CostControlInput, Store } from '../../../service/store/store.js';
import { control, event, type HandClock, HOUR, handClock, tempFolder } from '../store-support.js';

const ACTOR = { id: 'key-1', hint: 'abcd', label: 'ops' };
const LEASE_MS = 30_000;
const OK: DeliveryResult = { delivered: true, status: 204, error: null, gone: false };
const DOWN: DeliveryResult = { delivered: false, status: null, error: 'connect ECONNREFUSED', gone: false };

/** Runs the suite. */
export function alertContract(name: string, open: (place: string, runtime: Runtime) => Promise<Store>): void {
  let folder: ReturnType<typeof tempFolder>;
  let clock: HandClock;
  let store: Store;
  let teamId: string;
  beforeEach(async () => {
    folder = tempFolder();
    clock = handClock();
    store = await open(folder.path, clock.runtime);
    teamId = (await store.createTeam('t')).id;
  });
  afterEach(async () => {
    await store.close();
    folder.remove();
  });

  const webhook = async (fields: Partial<WebhookInput> = {}, team = teamId) => {
    const input = { name: 'hook', url: 'https://example.org/hook', events: ALERT_TYPES, enabled: true, ...fields };
    return (await store.createWebhook(team, input, { sealed: 'sealed-1', hint: 'hint' }, ACTOR))!;
  };
  const alerting = (ids: readonly string[], fields: Partial<CostControlInput> = {}) =>
    store.createControl(teamId, control({ notificationChannelIds: ids, ...fields }));
  const spend = (totalCost: number, fields: Record<string, unknown> = {}) =>
    store.recordEvents(teamId, [event(clock.nowMs, { totalCost, ...fields })]);
  const claim = (who: string) => store.claimWebhooks({ claim: who, leaseMs: LEASE_MS, size: 8 });
  const settle = (due: DueAlert, result: DeliveryResult, who = 'one', leaseMs = LEASE_MS) =>
    store.settleAlert({ ...due, claim: who, leaseMs, jitter: 0.5, result });
  const log = async (id: string) =>
    (await store.listDeliveries(teamId, id, { page: 0, size: 5_000 })).items
      .map(({ type, state }) => `${type} ${state}`)
      .reverse();
  /** Delivers whatever is due, in order. */
  const drain = async () => {
    const bodies: { id: string; type: string; data: Record<string, unknown> }[] = [];
    for (const first of await claim('drain')) {
      let due: DueAlert | undefined = first;
      while (due !== undefined) {
        bodies.push(JSON.parse(due.body));
        due = await settle(due, OK, 'drain');
      }
    }
    return bodies;
  };

  describe(`alerts, ${name}`, () => {
    it('tell a warning, a trip and a reset once per crossing; a raise of the limit arms them again', async () => {
      const { id } = await webhook();
      const made = await alerting([id], { warnThreshold: '0.5', groupBy: null });
      for (let i = 0; i < 30; i += 1) await spend(0.05);
      expect((await drain()).map(({ type }) => type)).toEqual(['costControl.warned', 'costControl.tripped']);
      await spend(1);
      expect(await drain()).toEqual([]);
      await store.updateControl(teamId, made.id, { hardLimit: '5', warnThreshold: '4' });
      expect((await drain()).map(({ type }) => type)).toEqual(['costControl.reset']);
      await spend(2);
      await spend(3);
      const again = await drain();
      expect(again.map(({ type }) => type)).toEqual(['costControl.warned', 'costControl.tripped']);
      expect(again[1]!.data).toMatchObject({
        ...{
          teamId,
          ruleId: made.id,
          feedRuleId: made.ruleId,
          ruleName: 'cap',
          action: 'BLOCK',
          metricType: 'TOTAL_COST',
        },
        ...{ currentValue: 7.5, threshold: 5, usagePercent: 150, isShadow: false, groupValue: null },
        ...{ windowKey: 'DAILY:2026-08-19', windowStart: '2026-08-19T00:00:00.000Z' },
      });
      expect(new Set(again.map((body) => body.id)).size).toBe(2);
      clock.advance(13 * HOUR);
      await store.turnWindows();
      expect((await drain()).map(({ type }) => type)).toEqual(['costControl.reset']);
    });

    it('are told once, however many events cross at once, and go to everyone who wants them', async () => {
      const [one, two, deaf, off] = [
        await webhook(),
        await webhook(),
        await webhook({ events: ['costControl.reset'] }),
        await webhook({ enabled: false }),
      ];
      await alerting([one.id, two.id, one.id, deaf.id, off.id]);
      await Promise.all(Array.from({ length: 40 }, () => spend(0.1)));
      expect(await log(one.id)).toEqual(['costControl.tripped waiting']);
      expect(await log(two.id)).toEqual(['costControl.tripped waiting']);
      expect([await log(deaf.id), await log(off.id)]).toEqual([[], []]);
      const bodies = await drain();
      expect(bodies).toHaveLength(2);
      expect(bodies[0]).toEqual(bodies[1]);
    });

    it('need webhooks of the own team: others are refused by name, old ones are forgiven', async () => {
      const other = (await store.createTeam('other')).id;
      const foreign = await webhook({}, other);
      const refused = {
        code: 'INVALID_CONTROL',
        problems: { notificationChannelIds: expect.stringContaining(foreign.id) },
      };
      await expect(alerting([foreign.id])).rejects.toMatchObject(refused);
      expect((await store.listControls(teamId, { page: 0, size: 9 })).totalElements).toBe(0);
      const own = await webhook();
      const made = await alerting([own.id]);
      await expect(
        store.updateControl(teamId, made.id, { notificationChannelIds: [own.id, foreign.id] }),
      ).rejects.toMatchObject(refused);
      await store.deleteWebhook(teamId, own.id, ACTOR);
      await store.updateControl(teamId, made.id, { notificationChannelIds: [own.id], name: 'still' });
      await spend(2);
      expect(await claim('one')).toEqual([]);
    });

    it('of one webhook are held by one sender; its claim ends by itself when it is gone', async () => {
      for (let i = 0; i < 5; i += 1) await alerting([(await webhook({ name: `h${i}` })).id]);
      await spend(2);
      const claims = await Promise.all(['a', 'b', 'c', 'd'].map((who) => claim(who)));
      const held = claims.flat().map(({ webhookId }) => webhookId);
      expect([held.length, new Set(held).size]).toEqual([5, 5]);
      const who = 'abcd'[claims.findIndex((due) => due.length > 0)]!;
      const [lost] = claims.flat();
      clock.advance(LEASE_MS - 1);
      expect(await claim('late')).toEqual([]);
      clock.advance(1);
      const taken = await claim('late');
      expect(taken.map(({ webhookId }) => webhookId).sort()).toEqual(held.sort());
      // The first sender was only slow: what it delivered counts, and it does not go on.
      expect(await settle(lost!, OK, who)).toBeUndefined();
      expect(await log(lost!.webhookId)).toEqual(['costControl.tripped delivered']);
      const same = taken.find(({ alertId }) => alertId === lost!.alertId)!;
      expect(await settle(same, DOWN, 'late')).toBeUndefined();
      expect(await log(lost!.webhookId)).toEqual(['costControl.tripped delivered']);
    });

    it('are tried again, later each time, and given up in the end', async () => {
      const { id } = await webhook();
      await alerting([id]);
      await spend(2);
      let [due] = await claim('one');
      for (const [attempt, waitMs] of BACK_OFF_MS.entries()) {
        expect(due, `attempt ${attempt}`).toBeDefined();
        expect(await settle(due!, DOWN)).toBeUndefined();
        expect(await claim('one')).toEqual([]);
        clock.advance(waitMs - 1);
        expect(await claim('one'), `before attempt ${attempt + 2}`).toEqual([]);
        clock.advance(1 + 300_000);
        [due] = await claim('one');
      }
      await settle(due!, { ...DOWN, status: 500, error: 'the receiver answered 500' });
      const [delivery] = (await store.listDeliveries(teamId, id, { page: 0, size: 9 })).items;
      expect(delivery).toMatchObject({ state: 'given-up', attempts: BACK_OFF_MS.length + 1, lastStatus: 500 });
      clock.advance(DISABLED_AFTER_MS);
      expect(await claim('one')).toEqual([]);
    });

    it('after a failure the webhook rests, and goes on with the rest when it works again', async () => {
      const { id } = await webhook();
      await alerting([id], { groupBy: 'AGENT' });
      for (const agent of ['a', 'b', 'c']) await spend(2, { agent });
      const [first] = await claim('one');
      await settle(first!, DOWN);
      clock.advance(4_999);
      expect(await claim('one')).toEqual([]);
      clock.advance(1);
      const groups = (await drain()).map(({ data }) => data['groupValue']);
      expect([...groups].sort()).toEqual(['a', 'b', 'c']);
      expect(await store.getWebhook(teamId, id)).toMatchObject({ failures: 0, failingSinceMs: null });
    });

    it('switch a webhook off that fails for a day, or is gone; the audit says so, and a person switches it on', async () => {
      const gone = await webhook();
      const failing = await webhook();
      const made = await alerting([gone.id, failing.id], { groupBy: 'AGENT' });
      await spend(2, { agent: 'x' });
      for (const due of await claim('one')) {
        await settle(due, due.webhookId === gone.id ? { ...DOWN, status: 410, gone: true } : DOWN);
      }
      expect(await store.getWebhook(teamId, gone.id)).toMatchObject({
        enabled: false,
        disabledReason: expect.stringContaining('410'),
      });
      for (let round = 0; round < 26; round += 1) {
        clock.advance(HOUR);
        await spend(2, { agent: `agent-${round}` });
        for (const due of await claim('one')) await settle(due, DOWN);
      }
      const off = await store.getWebhook(teamId, failing.id);
      expect(off).toMatchObject({ enabled: false, disabledReason: 'every delivery failed for 24 h' });
      const { items } = await store.listAudit(teamId, { page: 0, size: 9, subject: 'webhook', subjectId: failing.id });
      expect(items[0]).toMatchObject({
        action: 'disabled',
        actor: { id: 'service' },
        before: { enabled: true },
        after: { enabled: false },
      });
      await store.updateWebhook(teamId, failing.id, { enabled: true }, ACTOR);
      expect(await store.getWebhook(teamId, failing.id)).toMatchObject({
        enabled: true,
        disabledReason: null,
        failures: 0,
      });
      expect((await claim('one')).map(({ webhookId }) => webhookId)).toEqual([failing.id]);
      expect((await store.getControl(teamId, made.id))!.notificationChannelIds).toEqual([gone.id, failing.id]);
    });

    it('I10: a queue is bounded; what does not fit is counted', async () => {
      const { id } = await webhook();
      await alerting([id], { groupBy: 'AGENT', hardLimit: '0' });
      const many = Array.from({ length: WAITING_MAX + 30 }, (_, i) => event(clock.nowMs, { agent: `a${i}` }));
      for (let at = 0; at < many.length; at += 200) await store.recordEvents(teamId, many.slice(at, at + 200));
      expect((await store.listDeliveries(teamId, id, { page: 0, size: 1 })).totalElements).toBe(WAITING_MAX);
      expect(await store.getWebhook(teamId, id)).toMatchObject({ dropped: 30 });
      expect(clock.logged.filter((line) => line.includes('alerts for a webhook are dropped'))).toHaveLength(1);
      clock.advance(73 * HOUR);
      await store.purgeAlerts();
      expect(new Set(await log(id))).toEqual(new Set(['costControl.tripped given-up']));
      clock.advance(31 * 24 * HOUR);
      await store.purgeAlerts();
      expect(await log(id)).toEqual([]);
    });

    it('are signed with both secrets for a day after a rotation', async () => {
      const { id } = await webhook();
      await alerting([id], { groupBy: 'AGENT' });
      const rotated = await store.rotateWebhook(teamId, id, { sealed: 'sealed-2', hint: 'two' }, ACTOR);
      expect(rotated).toMatchObject({ secretHint: 'two', previousUntilMs: clock.nowMs + 24 * HOUR });
      await spend(2, { agent: 'a' });
      const [due] = await claim('one');
      expect(due!.secrets).toEqual(['sealed-2', 'sealed-1']);
      clock.advance(24 * HOUR);
      expect((await claim('one'))[0]!.secrets).toEqual(['sealed-2']);
      expect(await store.webhookSecrets(teamId, id)).toEqual(['sealed-2']);
    });

    it(`are for at most ${WEBHOOKS_MAX} webhooks of a team`, async () => {
      for (let i = 0; i < WEBHOOKS_MAX; i += 1) await webhook({ name: `h${i}` });
      expect(await webhook()).toBeUndefined();
      const [first] = await store.listWebhooks(teamId);
      expect(await store.deleteWebhook(teamId, first!.id, ACTOR)).toBe(true);
      expect(await webhook()).toBeDefined();
    });
  });
}
