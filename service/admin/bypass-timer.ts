/** Ends bypasses by timer: after their time calls are refused again, although nobody asks. */
import type { Log, Runtime } from 'fusewire/internal';
import type { Store } from '../store/store.js';
import { createRepeatedTask, type RepeatedTask } from './repeated-task.js';

/** A bypass may be switched on through another replica: looked for at least this often. */
const SLEEP_MAX_MS = 5_000;
const SLEEP_MIN_MS = 20;
const RETRY_MS = 5_000;

/** Any number of replicas may run it: a bypass is ended once. */
export function createBypassTimer(
  store: Pick<Store, 'bypassesToEnd' | 'expireBypass'>,
  runtime: Runtime,
  log: Log,
): RepeatedTask {
  const run = async (): Promise<number> => {
    const nextMs = await endBypasses(store);
    if (nextMs === undefined) return SLEEP_MAX_MS;
    return Math.min(SLEEP_MAX_MS, Math.max(SLEEP_MIN_MS, nextMs - runtime.now()));
  };
  return createRepeatedTask({ name: 'bypasses are ended in time', run, runtime, log, retryMs: RETRY_MS });
}

/** Ends what is over, each in a transaction that holds its team. Returns when the next one is over, if one is on. */
export async function endBypasses(store: Pick<Store, 'bypassesToEnd' | 'expireBypass'>): Promise<number | undefined> {
  const { teamIds, nextMs } = await store.bypassesToEnd();
  for (const teamId of teamIds) await store.expireBypass(teamId);
  return nextMs;
}
