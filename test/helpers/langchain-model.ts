/** Chat models of LangChain's real packages, pointed at servers of this machine; and a handler whose events are read. */
import { ChatOllama } from '@langchain/ollama';
import { ChatOpenAI } from '@langchain/openai';
import { createFusewireOn, type Fusewire } from '../../src/instance.js';
import type { ReveniumConfig } from '../../src/langchain/config.js';
import { ReveniumCallbackHandler } from '../../src/langchain.js';
import { partsOf } from '../../src/parts-of.js';
import type { Runtime } from '../../src/runtime.js';
import { type FakeService, startFakeService } from '../../src/testing/fake-service.js';
import type { ToolEvent, UsageEvent } from '../../src/wire/usage-event.js';
import { until } from './until.js';

type Options = Record<string, unknown>;

/** `ChatOpenAI` at a stub, without LangChain's own retries unless they are asked for. */
export function chatOpenAI(url: string, options: Options = {}): ChatOpenAI {
  const { configuration, ...rest } = options;
  return new ChatOpenAI({
    model: 'gpt-4o-mini',
    apiKey: 'sk-test',
    maxRetries: 0,
    configuration: { baseURL: `${url}/v1`, ...(configuration as object) },
    ...rest,
  });
}

/** `ChatOllama` at a stub. */
export function chatOllama(url: string, options: Options = {}): ChatOllama {
  return new ChatOllama({ model: 'llama3.2', baseUrl: url, maxRetries: 0, ...options });
}

export interface Bench {
  readonly service: FakeService;
  readonly fusewire: Fusewire;
  /** What was metered, at once and in order, before any delivery. */
  readonly events: UsageEvent[];
  readonly tools: ToolEvent[];
  readonly lines: string[];
  handler(config?: ReveniumConfig): ReveniumCallbackHandler;
  /** From now on gpt-4o-mini of OpenAI is refused (everything, by default); resolves when the instance knows. */
  refuse(rule?: object): Promise<void>;
  close(): Promise<void>;
}

/** An instance at a fake service; its outbox is watched. */
export async function startBench(runtime: Partial<Runtime> = {}): Promise<Bench> {
  const service = await startFakeService();
  const lines: string[] = [];
  const line = (level: string) => (message: string, fields?: object) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`);
  const log = { debug: () => {}, info: () => {}, warn: line('warn'), error: line('error') };
  const options = { ...service.options, log, circuitBreakerEnabled: true, pollIntervalSeconds: 3600 };
  const fusewire = createFusewireOn({ env: {}, ...runtime }, options);
  const events: UsageEvent[] = [];
  const tools: ToolEvent[] = [];
  const { outbox } = partsOf(fusewire);
  const append = outbox.append.bind(outbox);
  outbox.append = (id, event) => {
    if ('toolId' in event) tools.push(event);
    else events.push(event);
    append(id, event);
  };
  return {
    service,
    fusewire,
    events,
    tools,
    lines,
    handler: (config) => new ReveniumCallbackHandler({ instance: fusewire, ...config }),
    async refuse(rule = { name: 'Cap', breached: true, currentValue: 11, threshold: 10 }) {
      service.setRules([rule as never]);
      await fusewire.ready();
      await until(
        () => partsOf(fusewire).decide({ model: 'gpt-4o-mini', provider: 'OPENAI' }).outcome === 'refuse',
        'the rule',
      );
    },
    async close() {
      await fusewire.close();
      await service.close();
    },
  };
}
