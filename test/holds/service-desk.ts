/** The desk contract on the real service: its store, and the service over HTTP. */
import { createRuntime, type HoldDesk, type Runtime } from 'fusewire/internal';
import { Capabilities } from '../../cache/capabilities.js';
import type { StoreOpener } from '../../service/admin/open-service.js';
import type { CostControlInput, Store } from '../../service/store/store.js';
import { createHttpDesk } from '../../src/holds/http-desk.js';
import { Secret } from '../../src/secret.js';
import { openServiceFixture, type ServiceFixture, usageEvent } from '../helpers/service-fixture.js';
import type { DeskUnderTest, SuiteControl } from './desk-contract.js';

const ACTOR = { kind: 'key', id: 'suite', label: 'suite' } as const;

/** A hard control as the store takes it. */
export function hardControl(name: string, { limit, onExpiry, byOrganization, agent }: SuiteControl): CostControlInput {
  return {
    ...{
      name,
      description: '',
      metricType: 'TOKEN_COUNT',
      windowType: 'LIFETIME',
      action: 'BLOCK',
      warnThreshold: null,
    },
    groupBy: byOrganization === true ? 'ORGANIZATION' : null,
    hardLimit: String(limit),
    filters: agent === undefined ? [] : [{ dimension: 'AGENT', operator: 'IS', value: agent }],
    ...{ shadowMode: false, enabled: true, notificationChannelIds: [], onUnknownPrice: 'refuse', enforcement: 'HARD' },
    ...(onExpiry === undefined ? {} : { onExpiry }),
  };
}

/** A desk on the API of a service. */
export function httpDesk({ url, keys }: ServiceFixture, runtime: Runtime) {
  return createHttpDesk({
    runtime,
    endpoint: new URL(`${url}/meter/v2`),
    credentials: () => ({ apiKey: new Secret(keys.metering) }),
    capabilities: new Capabilities(runtime),
    userAgent: 'fusewire/test',
    timeoutMs: 20_000,
  });
}

/** A service whose clock can be put ahead, with a desk on its store or on its API. */
export async function startServiceDesk(openStore: StoreOpener, over: 'store' | 'http'): Promise<DeskUnderTest> {
  let aheadMs = 0;
  const clock = createRuntime();
  const runtime = createRuntime({ now: () => clock.now() + aheadMs });
  const fixture = await openServiceFixture(openStore, { runtime });
  const { store, team } = fixture;
  const http = over === 'http' ? httpDesk(fixture, clock) : undefined;
  const own: HoldDesk = { operate: (operations) => store.operateHolds(team.id, operations) };
  let controls = 0;
  return {
    desk: http ?? own,
    async addControl(control) {
      controls += 1;
      return (await store.createControl(team.id, hardControl(`control ${controls}`, control))).id;
    },
    async record({ transactionId, holdId, tokens, call }) {
      const { agent, organization } = call.dimensions;
      const event = usageEvent({
        ...{ transactionId, holdId, agent, organizationName: organization, model: call.model, provider: call.provider },
        ...{ inputTokenCount: tokens, outputTokenCount: 0, totalTokenCount: tokens },
        requestTime: new Date(runtime.now()).toISOString(),
      });
      const answer = await fixture.ask({ path: '/meter/v2/ai/completions', key: fixture.keys.metering, json: event });
      if (answer.status !== 201) throw new Error(answer.text);
    },
    budget: (controlId, group) => budgetOf(store, team.id, controlId, group),
    async setBypass(isOn) {
      if (isOn) await store.setBypass(team.id, { untilMs: runtime.now() + 60_000, reason: 'suite' }, ACTOR);
      else await store.endBypass(team.id, ACTOR);
    },
    async expire() {
      aheadMs += 121_000;
      await store.expireHolds(team.id);
    },
    async close() {
      await http?.close();
      await fixture.close();
    },
  };
}

/** What is spent by the feed, and what open holds have left. */
async function budgetOf(store: Store, teamId: string, controlId: string, group?: string) {
  const { controls } = await store.explain(teamId, group === undefined ? { agent: 'scribe' } : { organization: group });
  const found = controls.find((control) => control.controlId === controlId);
  let held = 0n;
  for (let page = 0; ; page += 1) {
    const { items } = await store.listHolds(teamId, { page, size: 500, state: 'open', controlId });
    for (const { parts } of items) {
      for (const part of parts) {
        if (part.controlId === controlId && (group === undefined || part.group === group)) held += part.left;
      }
    }
    if (items.length < 500) break;
  }
  return { spend: BigInt(found?.spend ?? '0'), held };
}
