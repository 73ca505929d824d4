import { context, type Span, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { withTraceContext, withUsageMetadata } from 'fusewire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FusewireOptions } from '../../src/config.js';
import { createTestFusewire, type FakeService, startFakeService } from '../../src/testing.js';

let service: FakeService;
const EVENT = { model: 'm', provider: 'OPENAI', inputTokenCount: 1, outputTokenCount: 1 };

beforeEach(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(new BasicTracerProvider());
  service = await startFakeService();
});

afterEach(async () => {
  trace.disable();
  context.disable();
  await service.close();
});

/** The trace ids of what `task` meters inside of an active span, and that span's. */
async function traced(options: FusewireOptions, task: (one: ReturnType<typeof createTestFusewire>) => void) {
  const fusewire = createTestFusewire({ env: {} }, { ...service.options, ...options });
  const inside = (span: Span) => {
    task(fusewire);
    span.end();
    return span.spanContext().traceId;
  };
  const traceId = trace.getTracer('test').startActiveSpan('outer', inside);
  await fusewire.flush();
  await fusewire.close();
  return { traceId, found: [...service.events, ...service.toolEvents].map((event) => event['traceId']) };
}

describe('the active span of OpenTelemetry', () => {
  it('gives its trace id to calls and tools to which nobody gave one', async () => {
    const { traceId, found } = await traced({}, (fusewire) => {
      fusewire.meter(EVENT);
      fusewire.reportToolCall({ toolId: 't', durationMs: 1 });
    });
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(found).toEqual([traceId, traceId]);
  });

  it('gives way to a call, a scope and a trace that was taken over', async () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const { found } = await traced({}, (fusewire) => {
      fusewire.meter({ ...EVENT, traceId: 'call' });
      withUsageMetadata({ traceId: 'scope' }, () => fusewire.meter(EVENT));
      withTraceContext({ traceparent }, () => fusewire.meter(EVENT));
    });
    expect(found).toEqual(['call', 'scope', 'a'.repeat(32)]);
  });

  it('is not asked where OpenTelemetry is switched off', async () => {
    const { found } = await traced({ openTelemetry: false }, (fusewire) => void fusewire.meter(EVENT));
    expect(found).toEqual([undefined]);
  });
});
