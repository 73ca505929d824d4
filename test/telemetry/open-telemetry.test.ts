import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFusewireOn } from '../../src/instance.js';
import type { AttemptObserver } from '../../src/metering/attempt.js';
import { genAiOperation, genAiProvider } from '../../src/telemetry/gen-ai-names.js';
import { OpenTelemetryObserver } from '../../src/telemetry/open-telemetry.js';
import { TelemetryFinder } from '../../src/telemetry/telemetry-api.js';
import { startFakeService } from '../../src/testing.js';
import { type StubProvider, startStubProvider } from '../helpers/stub-provider.js';

const MESSAGES = [{ role: 'user' as const, content: 'hi' }];
const spans = new InMemorySpanExporter();
let metricExporter: InMemoryMetricExporter;
let reader: PeriodicExportingMetricReader;
let provider: StubProvider;
let service: Awaited<ReturnType<typeof startFakeService>>;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  spans.reset();
  metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
  provider = await startStubProvider();
  service = await startFakeService();
});

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await reader.shutdown();
  trace.disable();
  metrics.disable();
  context.disable();
  await provider.close();
  await service.close();
});

function guardedClient(options: Record<string, unknown> = {}) {
  const fusewire = createFusewireOn({}, { ...service.options, logLevel: 'CRITICAL', ...options });
  closing.push(() => fusewire.close());
  const client = new OpenAI({ apiKey: 'k', baseURL: `${provider.url}/v1`, maxRetries: 0 });
  return { fusewire, client: fusewire.guard(client, { injectUsage: true }) };
}

async function points(name: string) {
  metricExporter.reset();
  await reader.forceFlush();
  const all = metricExporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  return all.filter(({ descriptor }) => descriptor.name === name).flatMap(({ dataPoints }) => [...dataPoints]);
}

describe('OpenTelemetry', () => {
  it('metrics that are set up after the first call, or anew, are recorded from then on', async () => {
    const { client } = guardedClient();
    const call = () => client.chat.completions.create({ model: 'm', messages: MESSAGES });
    for (const _round of ['set up late', 'set up anew']) {
      await reader.shutdown();
      metrics.disable();
      await call();
      metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
      reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 });
      metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
      await call();
      const found = await points('gen_ai.client.operation.duration');
      expect(found.map(({ value }) => (value as { count: number }).count)).toEqual([1]);
    }
  });

  it('a call is a span below the caller’s, named by the conventions, with the decision', async () => {
    const { client } = guardedClient();
    const tracer = trace.getTracer('test');
    const traceId = await tracer.startActiveSpan('outer', async (outer) => {
      await client.chat.completions.create({
        model: 'm',
        temperature: 0.5,
        messages: MESSAGES,
        usageMetadata: { agent: 'triage' },
      });
      outer.end();
      return outer.spanContext().traceId;
    });
    const [span, outer] = spans.getFinishedSpans();
    expect(span?.name).toBe('chat m');
    expect(span?.kind).toBe(2);
    expect(span?.spanContext().traceId).toBe(traceId);
    expect(span?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
    expect(span?.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'm',
      'gen_ai.request.temperature': 0.5,
      'gen_ai.agent.name': 'triage',
      'gen_ai.response.model': 'm-2026-01-01',
      'gen_ai.response.id': 'chatcmpl-1',
      'gen_ai.response.finish_reasons': ['stop'],
      'fusewire.decision.outcome': 'allow',
      'fusewire.usage.state': 'reported',
      'fusewire.endpoint': 'chat.completions',
    });
    expect(span?.attributes['gen_ai.usage.input_tokens']).toBeGreaterThan(0);
    expect(span?.status.code).toBe(0);
    const usage = await points('gen_ai.client.token.usage');
    expect(usage.map(({ attributes }) => attributes['gen_ai.token.type']).sort()).toEqual(['input', 'output']);
    expect(await points('gen_ai.client.operation.duration')).toHaveLength(1);
  });

  it('a stream is one span that ends with it, and has a first chunk', async () => {
    const { client } = guardedClient();
    const stream = await client.chat.completions.create({ model: 'm', messages: MESSAGES, stream: true });
    expect(spans.getFinishedSpans()).toHaveLength(0);
    for await (const _chunk of stream);
    expect(spans.getFinishedSpans()).toHaveLength(1);
    expect(await points('gen_ai.client.operation.time_to_first_chunk')).toHaveLength(1);
  });

  it('I1: a refused call is a failed span that took no time and sent nothing, and is counted', async () => {
    const { client, fusewire } = guardedClient({ circuitBreakerEnabled: true });
    service.setRules([{ ruleId: 1, name: 'Daily cap', breached: true, currentValue: 12, threshold: 10 }]);
    await fusewire.ready();
    await expect(client.chat.completions.create({ model: 'm', messages: MESSAGES })).rejects.toThrow('Daily cap');
    const [span] = spans.getFinishedSpans();
    expect(span?.attributes).toMatchObject({
      'error.type': 'BudgetExceededError',
      'fusewire.decision.outcome': 'refuse',
      'fusewire.decision.code': 'RULE_TRIPPED',
      'fusewire.rule.name': 'Daily cap',
      'fusewire.rule.threshold': 10,
    });
    expect(span?.status.code).toBe(2);
    expect(provider.requests).toHaveLength(0);
    expect((await points('fusewire.calls.refused'))[0]?.value).toBe(1);
    expect(await points('gen_ai.client.operation.duration')).toHaveLength(0);
  });

  it('a provider’s error is the span’s error; what was estimated is no usage', async () => {
    const { client } = guardedClient();
    provider.faults.push({ status: 503 });
    await expect(client.chat.completions.create({ model: 'm', messages: MESSAGES })).rejects.toThrow();
    expect(spans.getFinishedSpans()[0]?.attributes['error.type']).toBe('503');
    expect(spans.getFinishedSpans()[0]?.status.code).toBe(2);
    expect(await points('gen_ai.client.token.usage')).toHaveLength(0);
    const [duration] = await points('gen_ai.client.operation.duration');
    expect(duration?.attributes['error.type']).toBe('503');
  });

  it('can be switched off for programs whose spans another library makes', async () => {
    const { client } = guardedClient({ openTelemetry: false });
    await client.chat.completions.create({ model: 'm', messages: MESSAGES });
    expect(spans.getFinishedSpans()).toHaveLength(0);
  });

  it('records nothing, and loads nothing, while nobody has set it up', async () => {
    trace.disable();
    metrics.disable();
    context.disable();
    const finder = new TelemetryFinder();
    Reflect.deleteProperty(globalThis, Symbol.for('opentelemetry.js.api.1'));
    expect(finder.find()).toBe(undefined);
    expect(finder.activeTraceId()).toBe(undefined);
    const { client } = guardedClient();
    await client.chat.completions.create({ model: 'm', messages: MESSAGES });
    expect(spans.getFinishedSpans()).toHaveLength(0);
  });

  it('I2: a tracer that throws harms no call', () => {
    const broken = { find: () => ({ trace: { getTracer: () => ({ startSpan: () => JSON.parse('{') }) } }) };
    const said: string[] = [];
    const observer: AttemptObserver = new OpenTelemetryObserver(broken as unknown as TelemetryFinder, {
      debug: (message) => void said.push(message),
    });
    const request = { operationType: 'CHAT', endpoint: 'chat', provider: 'OPENAI', modelSource: 'OPENAI' };
    const metadata = { fields: {}, dimensions: {} };
    const decision = { outcome: 'allow', code: 'ALLOWED' } as const;
    expect(observer.began({ request } as never, metadata, decision)).toBe(undefined);
    expect(() => observer.refused(request as never, metadata, decision as never)).not.toThrow();
    expect(said).toHaveLength(2);
  });

  it('tells the trace that the caller is in', () => {
    const finder = new TelemetryFinder();
    expect(finder.activeTraceId()).toBe(undefined);
    trace.getTracer('test').startActiveSpan('outer', (outer) => {
      expect(finder.activeTraceId()).toBe(outer.spanContext().traceId);
      outer.end();
    });
  });

  it.each([
    ['OPENAI', 'OPENAI', 'openai'],
    ['Azure', 'OPENAI', 'azure.ai.openai'],
    ['AWS', 'ANTHROPIC', 'aws.bedrock'],
    ['Google', 'GOOGLE', 'gcp.gemini'],
    ['Google', 'GOOGLE_VERTEX_AI', 'gcp.vertex_ai'],
    ['MISTRAL', 'MISTRAL', 'mistral_ai'],
    ['XAI', 'XAI', 'x_ai'],
    ['Together AI', 'TOGETHER', 'together_ai'],
    ['OLLAMA', 'OLLAMA', 'ollama'],
  ])('%s (%s) is called %s', (wire, source, name) => {
    expect(genAiProvider(wire, source)).toBe(name);
  });

  it.each([
    ['CHAT', 'chat.completions', 'OPENAI', 'chat'],
    ['CHAT', 'completions', 'OPENAI', 'text_completion'],
    ['CHAT', 'generateContent', 'Google', 'generate_content'],
    ['EMBED', 'embeddings', 'OPENAI', 'embeddings'],
    ['GENERATE', 'api.generate', 'OLLAMA', 'text_completion'],
    ['IMAGE', 'images.generate', 'OPENAI', 'image'],
  ] as const)('%s at %s of %s is the operation %s', (operationType, endpoint, provider, operation) => {
    expect(genAiOperation({ operationType, endpoint, provider } as never)).toBe(operation);
  });
});
