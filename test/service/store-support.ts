/** What the tests of the store share: a clock that is set by hand, folders that go away, events and controls in short. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime, type Log, type Runtime } from 'fusewire/internal';
import type { CostControlInput, IncomingEvent, Store } from '../../service/store/store.js';

/** A Wednesday in the middle of a week, a month and a quarter. */
export const NOON = Date.UTC(2026, 7, 19, 12);
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** A runtime whose two clocks stand still until they are moved. */
export interface HandClock {
  readonly runtime: Runtime;
  readonly logged: string[];
  nowMs: number;
  monotonicMs: number;
  /** Moves both clocks. */
  advance(ms: number): void;
}

export function handClock(nowMs = NOON): HandClock {
  const logged: string[] = [];
  const keep = (message: string): void => void logged.push(message);
  const log: Log = { debug: keep, info: keep, warn: keep, error: keep, isDebug: () => false };
  const clock: HandClock = {
    runtime: createRuntime({ now: () => clock.nowMs, monotonicNow: () => clock.monotonicMs, log }),
    logged,
    nowMs,
    monotonicMs: 1_000,
    advance(ms) {
      clock.nowMs += ms;
      clock.monotonicMs += ms;
    },
  };
  return clock;
}

export function tempFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'fusewire-store-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

let transactions = 0;

/** An event; `fields` go into the body. The default costs nothing known: give `totalCost` or a model with a price. */
export function event(nowMs: number, fields: Record<string, unknown> = {}, receivedAtMs = nowMs): IncomingEvent {
  transactions += 1;
  const transactionId = (fields['transactionId'] as string | undefined) ?? `tx-${transactions}`;
  const body = {
    transactionId,
    model: 'gpt-4o-mini',
    provider: 'OPENAI',
    costType: 'AI',
    operationType: 'CHAT',
    stopReason: 'END',
    isStreamed: false,
    inputTokenCount: 0,
    outputTokenCount: 0,
    totalTokenCount: 0,
    requestTime: new Date(nowMs).toISOString(),
    ...fields,
  };
  return { transactionId, receivedAtMs, body };
}

export function control(fields: Partial<CostControlInput> = {}): CostControlInput {
  return {
    name: 'cap',
    description: '',
    metricType: 'TOTAL_COST',
    windowType: 'DAILY',
    action: 'BLOCK',
    groupBy: null,
    warnThreshold: null,
    hardLimit: '1',
    filters: [],
    shadowMode: false,
    enabled: true,
    notificationChannelIds: [],
    onUnknownPrice: 'flag',
    ...fields,
  };
}

/** The fields of a feed rule that the tests look at. */
export interface SeenRule {
  readonly ruleId: number;
  readonly name: string;
  readonly breached: boolean;
  readonly warnBreached: boolean;
  readonly shadowMode: boolean;
  readonly currentValue: number;
  readonly percentUsed: number;
  readonly threshold: number;
  readonly windowKey: string;
  readonly resetsAt: string;
  readonly groupBy: string | null;
  readonly filters: readonly { dimension: string; operator: string; value?: string }[];
  readonly groupBreakdown: readonly { groupValue: string; currentValue: number; breached: boolean }[] | null;
}

/** The rules of a team's feed; none where the team has no enabled control. */
export async function rulesOf(store: Store, teamId: string): Promise<readonly SeenRule[]> {
  const { body } = await store.feed(teamId);
  return body === null ? [] : (JSON.parse(body) as { rules: SeenRule[] }).rules;
}

/** The kinds of enforcement events of a team, oldest first. */
export async function kindsOf(store: Store, teamId: string): Promise<readonly string[]> {
  const { items } = await store.listEnforcementEvents(teamId, { page: 0, size: 1_000 });
  return items.map(({ kind, groupValue }) => (groupValue === null ? kind : `${kind} ${groupValue}`)).reverse();
}
