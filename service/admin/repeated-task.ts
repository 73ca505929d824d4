/** Something that is done again and again: one run at a time, each says when the next one is due. */
import type { Log, Runtime, Timer } from 'fusewire/internal';

/** A background task that is started once and stopped once. */
export interface RepeatedTask {
  start(): void;
  /** Resolves when nothing is under way any more; arms nothing after it. */
  stop(): Promise<void>;
}

/** How to build one. `run` resolves to the milliseconds until the next run. */
export interface RepeatedTaskParts {
  /** In the log: "alerts are sent". */
  readonly name: string;
  run(): Promise<number>;
  readonly runtime: Runtime;
  readonly log: Log;
  /** After a failure. */
  readonly retryMs: number;
}

/** Builds it. A failure is logged once until it is over, and tried again (I9). */
export function createRepeatedTask({ name, run, runtime, log, retryMs }: RepeatedTaskParts): RepeatedTask {
  let timer: Timer | undefined;
  let underWay: Promise<void> = Promise.resolve();
  let stopped = false;
  let failing = false;

  const attempt = async (): Promise<number> => {
    try {
      const waitMs = await run();
      if (failing) log.info(`${name} again`);
      failing = false;
      return waitMs;
    } catch (error) {
      if (!failing) log.error(`not so: ${name}; trying again`, { error: String(error) });
      failing = true;
      return retryMs;
    }
  };
  const go = (): void => {
    underWay = attempt().then((waitMs) => {
      if (!stopped) timer = runtime.setTimer(go, waitMs);
    });
  };
  return {
    start: go,
    async stop() {
      stopped = true;
      timer?.cancel();
      await underWay;
    },
  };
}
