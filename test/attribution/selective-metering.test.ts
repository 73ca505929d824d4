import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { reveniumMetadata, reveniumMeter } from '../../src/attribution/revenium-metadata.js';
import type { FusewireOptions } from '../../src/config.js';
import { createFusewireOn } from '../../src/instance.js';
import { type FakeService, startFakeService } from '../../src/testing/fake-service.js';

const ANSWER = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'gpt-4o-mini',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Yes.' } }],
  usage: { prompt_tokens: 4, completion_tokens: 2, total_tokens: 6 },
};

interface World {
  readonly service: FakeService;
  readonly client: OpenAI;
  readonly bodies: Record<string, unknown>[];
  readonly fusewire: ReturnType<typeof createFusewireOn>;
  readonly ask: (extra?: object) => Promise<unknown>;
}

const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

async function world(options: FusewireOptions = { selectiveMetering: true }, env = {}): Promise<World> {
  const bodies: Record<string, unknown>[] = [];
  const models = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      bodies.push(JSON.parse(Buffer.concat(parts).toString('utf8')) as Record<string, unknown>);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ ...ANSWER, id: `chatcmpl-${bodies.length}` }));
    });
  });
  await new Promise<void>((resolve) => models.listen(0, '127.0.0.1', resolve));
  const service = await startFakeService();
  const fusewire = createFusewireOn({ env }, { ...service.options, ...options });
  const baseURL = `http://127.0.0.1:${(models.address() as AddressInfo).port}/v1`;
  const client = fusewire.guard(new OpenAI({ apiKey: 'x', baseURL, maxRetries: 0 }));
  endings.push(async () => {
    await fusewire.close();
    await service.close();
    models.closeAllConnections();
    await new Promise((resolve) => models.close(resolve));
  });
  const ask = async (extra = {}) =>
    client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hi' }], ...extra });
  return { service, client, bodies, fusewire, ask };
}

const agents = ({ service }: World) => service.events.map((event) => event['agent']).sort();

describe('REVENIUM_SELECTIVE_METERING', () => {
  it('meters only what reveniumMeter() wraps; usageMetadata is removed from every request', async () => {
    const here = await world();
    await here.fusewire.ready();
    await here.ask({ usageMetadata: { agent: 'free' } });
    await reveniumMeter()(() => here.ask({ usageMetadata: { agent: 'premium' } }))();
    await here.ask({ usageMetadata: { agent: 'free again' } });
    expect(await here.fusewire.flush()).toBe(true);
    expect(agents(here)).toEqual(['premium']);
    expect(here.bodies).toHaveLength(3);
    for (const body of here.bodies) expect(body).not.toHaveProperty('usageMetadata');
    expect(here.fusewire.status().calls).toMatchObject({ attempts: 3, unmetered: 2, open: 0 });
  });

  it('I1: refuses calls that it does not meter as it refuses the others, and tells the service', async () => {
    const here = await world();
    here.service.setRules([{ name: 'Cap', breached: true }]);
    await here.fusewire.ready();
    await expect(here.ask()).rejects.toBeInstanceOf(BudgetExceededError);
    await expect(reveniumMeter()(() => here.ask())()).rejects.toBeInstanceOf(BudgetExceededError);
    await here.fusewire.flush();
    expect(here.bodies).toEqual([]);
    expect(here.service.events).toEqual([]);
    const reported = here.service.refusals.reduce((sum, refusal) => sum + Number(refusal['count'] ?? 1), 0);
    expect(reported).toBe(2);
  });

  it('does not mind the order of reveniumMeter() and reveniumMetadata(), and holds in generators', async () => {
    const here = await world();
    const outside = reveniumMeter()(reveniumMetadata({ agent: 'outside' })(() => here.ask()));
    const inside = reveniumMetadata({ agent: 'inside' })(reveniumMeter()(() => here.ask()));
    const parts = reveniumMeter()(async function* () {
      yield 'before';
      yield await here.ask({ usageMetadata: { agent: 'generator' } });
    });
    await outside();
    await inside();
    for await (const _part of parts()) await here.ask({ usageMetadata: { agent: 'consumer' } });
    await here.fusewire.flush();
    expect(agents(here)).toEqual(['generator', 'inside', 'outside']);
  });

  it('sends no field that is for tools or for us: workflowId is an attribute, capturePrompts is not sent', async () => {
    const here = await world({});
    const usageMetadata = { workflowId: 'w-1', capturePrompts: false, attributes: { own: 1 } };
    await here.ask({ usageMetadata });
    here.fusewire.meter({ model: 'm', provider: 'OPENAI', inputTokenCount: 1, usageMetadata });
    await here.fusewire.flush();
    expect(here.service.events).toHaveLength(2);
    for (const event of here.service.events) {
      expect(event).not.toHaveProperty('workflowId');
      expect(event).not.toHaveProperty('capturePrompts');
      expect(event['attributes']).toMatchObject({ workflowId: 'w-1', own: 1 });
    }
  });

  it('leaves meter() alone: who calls it has selected the call', async () => {
    const here = await world();
    here.fusewire.meter({ model: 'm', provider: 'OPENAI', inputTokenCount: 1, outputTokenCount: 1, agent: 'by hand' });
    await here.fusewire.flush();
    expect(agents(here)).toEqual(['by hand']);
  });

  it('is off by default, and read from the environment; reveniumMeter() changes nothing then', async () => {
    const off = await world({});
    await off.ask({ usageMetadata: { agent: 'plain' } });
    await reveniumMeter()(() => off.ask({ usageMetadata: { agent: 'wrapped' } }))();
    await off.fusewire.flush();
    expect(agents(off)).toEqual(['plain', 'wrapped']);
    const on = await world({}, { REVENIUM_SELECTIVE_METERING: 'Yes' });
    await on.ask();
    await on.fusewire.flush();
    expect(on.service.events).toEqual([]);
  });

  it('I4: streams, errors and aborts of calls that it does not meter leave nothing open and nothing behind', async () => {
    const here = await world();
    const stream = await here.client.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'Hi' }],
      stream: true,
    });
    stream.controller.abort();
    const aborted = new AbortController();
    aborted.abort();
    await here.client.chat.completions
      .create({ model: 'm', messages: [] }, { signal: aborted.signal })
      .catch(() => undefined);
    expect(here.fusewire.status().calls.open).toBe(0);
    await here.fusewire.flush();
    expect(here.service.events).toEqual([]);
    expect(here.fusewire.status().outbox).toMatchObject({ appended: 0, depth: 0 });
  });
});
