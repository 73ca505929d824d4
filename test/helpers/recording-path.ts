/** A call path whose decisions the test makes, and whose events it reads; time stands still until it is moved. */
import type { CallDimensions, Decision } from '../../enforcement/decision.js';
import { type CallPath, createCallPath } from '../../src/call.js';
import type { CallHolds } from '../../src/holds/call-holds.js';
import { createHoldShelf } from '../../src/holds/hold-shelf.js';
import type { Log } from '../../src/log.js';
import { createMetadataResolver } from '../../src/metadata/resolver.js';
import type { Attempt, AttemptSink } from '../../src/metering/attempt.js';
import type { Outbox } from '../../src/metering/outbox.js';
import type { RequestReading } from '../../src/providers/adapter.js';
import { createRuntime, type Runtime } from '../../src/runtime.js';
import type { UsageEvent } from '../../src/wire/usage-event.js';

export interface RecordingPath {
  readonly path: CallPath;
  readonly runtime: Runtime;
  readonly events: UsageEvent[];
  readonly decided: CallDimensions[];
  readonly open: Set<Attempt>;
  readonly started: RequestReading[];
  readonly logged: string[];
  refusals: number;
  /** Refuses every call from now on. */
  refuse(): void;
  allow(): void;
  /** Runs the timers that are due. */
  advance(ms: number): void;
  /** Timers that are armed. */
  timers(): number;
}

export const REFUSAL: Decision = {
  outcome: 'refuse',
  code: 'RULE_TRIPPED',
  message: 'the budget is used up',
  rule: {
    ruleId: 7,
    ruleName: 'daily',
    currentValue: 11,
    threshold: 10,
    resetsAt: null,
    periodType: 'DAILY',
    action: 'BLOCK',
  },
};

export function createRecordingPath(
  env: Record<string, string> = {},
  holdsOf?: (runtime: Runtime) => CallHolds,
): RecordingPath {
  const events: UsageEvent[] = [];
  const decided: CallDimensions[] = [];
  const started: RequestReading[] = [];
  const logged: string[] = [];
  const open = new Set<Attempt>();
  let decision: Decision = { outcome: 'allow', code: 'ALLOWED' };
  let elapsed = 0;
  let nextId = 0;
  const timers = new Set<{ at: number; task: () => void }>();
  const note = (message: string) => void logged.push(message);
  const log: Log = { debug: note, info: note, warn: note, error: note, isDebug: () => false };
  const runtime = createRuntime({
    now: () => Date.UTC(2026, 10, 20, 12) + elapsed,
    monotonicNow: () => elapsed,
    newId: () => {
      nextId += 1;
      return `attempt-${nextId}`;
    },
    setTimer(task, delayMs) {
      const timer = { at: elapsed + delayMs, task };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    env,
    log,
  });
  const recording: RecordingPath = {
    runtime,
    events,
    decided,
    open,
    started,
    logged,
    refusals: 0,
    refuse: () => {
      decision = REFUSAL;
    },
    allow: () => {
      decision = { outcome: 'allow', code: 'ALLOWED' };
    },
    advance(ms) {
      elapsed += ms;
      for (const timer of [...timers]) {
        if (timer.at > elapsed) continue;
        timers.delete(timer);
        timer.task();
      }
    },
    timers: () => timers.size,
    path: undefined as unknown as CallPath,
  };
  const sink: AttemptSink = {
    runtime,
    outbox: recordingOutbox(events),
    middlewareSource: 'test',
    open,
    refused: () => {
      recording.refusals += 1;
    },
    started: (request) => void started.push(request),
    ...(holdsOf === undefined ? {} : { shelf: createHoldShelf(runtime) }),
    estimateTokens: (text) => Math.ceil(text.length / 4),
  };
  const decide = (call: CallDimensions) => {
    decided.push(call);
    return decision;
  };
  return Object.assign(recording, {
    path: createCallPath({ decide }, createMetadataResolver(runtime), sink, runtime, false, holdsOf?.(runtime)),
  });
}

function recordingOutbox(events: UsageEvent[]): Outbox {
  return {
    note: () => undefined,
    forget: () => undefined,
    append: (_id: string, event: UsageEvent) => void events.push(event),
  } as unknown as Outbox;
}
