import type { ToolEvent, UsageEvent } from '../../../src/wire/usage-event.js';

/** An event like that of a chat call; `overrides` on top. */
export function sampleEvent(transactionId: string, overrides: Partial<UsageEvent> = {}): UsageEvent {
  return {
    transactionId,
    model: 'gpt-4o-mini',
    provider: 'OPENAI',
    modelSource: 'OPENAI',
    costType: 'AI',
    operationType: 'CHAT',
    stopReason: 'END',
    isStreamed: false,
    inputTokenCount: 412,
    outputTokenCount: 96,
    totalTokenCount: 508,
    requestTime: '2026-11-20T09:15:00.000Z',
    completionStartTime: '2026-11-20T09:15:01.000Z',
    responseTime: '2026-11-20T09:15:01.000Z',
    requestDuration: 1180,
    middlewareSource: 'fusewire-node@test',
    attributes: { usageState: 'reported' },
    ...overrides,
  };
}

/** An event of a tool that ran; `overrides` on top. */
export function sampleToolEvent(transactionId: string, overrides: Partial<ToolEvent> = {}): ToolEvent {
  return {
    transactionId,
    toolId: 'crm-lookup',
    operation: 'lookup',
    durationMs: 84,
    success: true,
    timestamp: '2026-11-20T09:15:00.000Z',
    middlewareSource: 'fusewire-node@test',
    ...overrides,
  };
}

/** The estimate that a note of an attempt leaves behind. */
export function sampleEstimate(attemptId: string): UsageEvent {
  return sampleEvent(attemptId, {
    stopReason: 'CANCELLED',
    outputTokenCount: 0,
    totalTokenCount: 412,
    attributes: { usageState: 'estimated', recovered: true },
  });
}
