/** Runs programs/loop.mjs or loop.cjs against a service and says what came of it. */
import { runWell } from './run.js';
import type { Served } from './serve.js';
import type { StubProvider } from './stub-provider.js';

/** What the program printed. */
export interface LoopResult {
  readonly answers: Readonly<Record<string, string>>;
  readonly delivered: boolean;
  readonly refused: Readonly<
    Record<string, { readonly name: string; readonly ruleName: string; readonly periodType: string }>
  >;
  readonly attempts: number;
  readonly refusals: number;
}

/** The environment of a program that is guarded by `served` and calls models of `provider`. */
export function guardedEnvironment(served: Served, provider: StubProvider): Record<string, string> {
  return {
    ...served.env,
    REVENIUM_CIRCUIT_BREAKER_ENABLED: 'true',
    REVENIUM_CB_POLL_INTERVAL_SECONDS: '1',
    REVENIUM_LOG_LEVEL: 'ERROR',
    TEST_WRITE_KEY: served.writeKey,
    TEST_PROVIDER_URL: provider.url,
  };
}

/** Runs one turn of the loop in `project`. */
export async function runLoop(
  project: string,
  program: string,
  served: Served,
  provider: StubProvider,
): Promise<LoopResult> {
  const env = guardedEnvironment(served, provider);
  const stdout = await runWell(process.execPath, [program], { cwd: project, env });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as LoopResult;
}

/** The usage events that the service took in, newest first. */
export async function meteredEvents(served: Served): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { REVENIUM_METERING_BASE_URL: url, REVENIUM_TEAM_ID: teamId } = served.env;
  const response = await fetch(`${url}/v2/api/sources/metrics/ai/completions?teamId=${teamId}&size=200`, {
    headers: { 'x-api-key': served.writeKey },
  });
  if (!response.ok) throw new Error(`reading events answered ${response.status}: ${await response.text()}`);
  const body = (await response.json()) as {
    _embedded?: { aICompletionMetricResourceList?: Record<string, unknown>[] };
  };
  return body._embedded?.aICompletionMetricResourceList ?? [];
}
