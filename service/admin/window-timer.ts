/** Turns windows by timer, not by traffic (I13): a verdict ends with its window although nobody calls. */
import type { Log, Runtime } from 'fusewire/internal';
import type { Store } from '../store/store.js';
import { createRepeatedTask, type RepeatedTask } from './repeated-task.js';

/** The clock may jump, and a raise may be made through another replica: never sleep longer than this. */
const SLEEP_MAX_MS = 5_000;
const SLEEP_MIN_MS = 20;
/** After a failure. */
const RETRY_MS = 5_000;

/** One turn at a time; a failure is logged once until it is over, and tried again. */
export function createWindowTimer(store: Pick<Store, 'turnWindows'>, runtime: Runtime, log: Log): RepeatedTask {
  return createRepeatedTask({
    name: 'windows are turned',
    async run() {
      const waitMs = (await store.turnWindows()) - runtime.now();
      return Number.isFinite(waitMs) ? Math.min(SLEEP_MAX_MS, Math.max(SLEEP_MIN_MS, waitMs)) : SLEEP_MAX_MS;
    },
    runtime,
    log,
    retryMs: RETRY_MS,
  });
}
