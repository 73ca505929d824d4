/** Turns windows by timer, not by traffic (I13): a verdict ends with its window although nobody calls. */
import type { Log, Runtime, Timer } from 'fusewire/internal';
import type { Store } from '../store/store.js';

/** The clock may jump and controls may change: never sleep longer than this. */
const SLEEP_MAX_MS = 30_000;
const SLEEP_MIN_MS = 20;
/** After a failure. */
const RETRY_MS = 5_000;

/** A background task that is started once and stopped once. */
export interface WindowTimer {
  start(): void;
  /** Resolves when nothing is under way any more. */
  stop(): Promise<void>;
}

/** One turn at a time; a failure is logged once until it is over, and tried again. */
export function createWindowTimer(store: Pick<Store, 'turnWindows'>, runtime: Runtime, log: Log): WindowTimer {
  let timer: Timer | undefined;
  let underWay: Promise<void> = Promise.resolve();
  let stopped = false;
  let failing = false;

  const turn = async (): Promise<number> => {
    try {
      const nextMs = await store.turnWindows();
      if (failing) log.info('windows are turned again');
      failing = false;
      const waitMs = nextMs - runtime.now();
      return Number.isFinite(waitMs) ? Math.min(SLEEP_MAX_MS, Math.max(SLEEP_MIN_MS, waitMs)) : SLEEP_MAX_MS;
    } catch (error) {
      if (!failing) log.error('windows could not be turned; trying again', { error: String(error) });
      failing = true;
      return RETRY_MS;
    }
  };
  const run = (): void => {
    underWay = turn().then((waitMs) => {
      if (!stopped) timer = runtime.setTimer(run, waitMs);
    });
  };
  return {
    start: run,
    async stop() {
      stopped = true;
      timer?.cancel();
      await underWay;
    },
  };
}
