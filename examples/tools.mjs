// Tools beside models: each run of a tool is metered, by a wrapper or by hand. Run it: node examples/tools.mjs
import { close, flush, meterTool, reportToolCall, withUsageMetadata } from 'fusewire';
import { startSetup } from './support/setup.mjs';

const setup = await startSetup();

const CUSTOMERS = new Map([['u-88', { name: 'Rita', plan: 'pro' }]]);

// How long it took, whether it threw, and what the options say of the result.
const lookUp = meterTool('crm-lookup', { operation: 'lookup', outputFields: ['plan'], costUsd: 0.002 })(async (id) => {
  const customer = CUSTOMERS.get(id);
  if (customer === undefined) throw new Error(`no customer ${id}`);
  return customer;
});

await withUsageMetadata({ agent: 'triage', traceId: 'conv-71' }, async () => {
  console.log('found:', (await lookUp('u-88')).name);
  await lookUp('u-99').catch((error) => console.log('thrown as it is:', error.message));
  reportToolCall({ toolId: 'fax', durationMs: 1234, usageMetadata: { pages: 2 } });
});

await flush();
const { teamId, api } = setup.service;
const answer = await api('GET', `/sources/metrics/tool/events?teamId=${teamId}`);
for (const event of answer._embedded.toolEventMetricResourceList.reverse()) {
  const usage = JSON.stringify(event.usageMetadata ?? {});
  console.log('metered:', event.toolId, event.operation, event.success, event.agent, event.traceId, usage);
}
await close();
await setup.stop();
