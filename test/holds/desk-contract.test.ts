/** The fake service is what the real one is: the same suite, over the desk that the SDK uses. */
import { createRuntime } from 'fusewire/internal';
import { Capabilities } from '../../cache/capabilities.js';
import { createHttpDesk } from '../../src/holds/http-desk.js';
import { Secret } from '../../src/secret.js';
import type { FakeHardControl } from '../../src/testing/fake-hold-book.js';
import { startFakeService } from '../../src/testing/fake-service.js';
import { type DeskUnderTest, describeDeskContract } from './desk-contract.js';

async function start(): Promise<DeskUnderTest> {
  const service = await startFakeService();
  const runtime = createRuntime();
  const desk = createHttpDesk({
    runtime,
    endpoint: new URL(service.url),
    credentials: () => ({ apiKey: new Secret(service.apiKey) }),
    capabilities: new Capabilities(runtime),
    userAgent: 'test',
    timeoutMs: 20_000,
  });
  const controls: FakeHardControl[] = [];
  return {
    desk,
    async addControl({ limit, onExpiry, byOrganization, agent }) {
      const controlId = `control-${controls.length}`;
      controls.push({
        controlId,
        limit: String(limit),
        metric: 'TOKEN_COUNT',
        ...(onExpiry === undefined ? {} : { onExpiry }),
        ...(byOrganization === true ? { groupBy: 'organization' } : {}),
        ...(agent === undefined ? {} : { only: { agent } }),
      });
      service.setHardControls(controls);
      return controlId;
    },
    async record({ transactionId, holdId, tokens, call }) {
      await fetch(`${service.url}/meter/v2/ai/completions`, {
        method: 'POST',
        headers: { 'x-api-key': service.apiKey, 'content-type': 'application/json' },
        body: JSON.stringify({
          transactionId,
          holdId,
          model: call.model,
          inputTokenCount: tokens,
          outputTokenCount: 0,
        }),
      });
    },
    async budget(controlId, group) {
      const { spend, held } = service.holdBudget(controlId, group);
      return { spend: BigInt(spend), held: BigInt(held) };
    },
    async setBypass(isOn) {
      service.setBypass(isOn ? { until: new Date(runtime.now() + 60_000).toISOString() } : undefined);
    },
    async expire() {
      service.expireHolds();
    },
    async close() {
      await desk.close();
      await service.close();
    },
  };
}

describeDeskContract('the fake service, over HTTP', start);
