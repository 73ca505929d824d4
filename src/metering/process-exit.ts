/** Delivers what is queued when the process ends by itself. */
import type { Runtime } from '../runtime.js';

/** Options of {@link flushAtExit}. */
export interface FlushAtExitOptions {
  readonly runtime: Runtime;
  /** Delivers for at most `timeoutMs`, holding the process meanwhile. */
  readonly flush: (timeoutMs: number) => Promise<boolean>;
  /** Ends attempts that nobody will end any more, so that they are metered. Synchronous. */
  readonly settleOpenAttempts: () => void;
  /** Called last, when nothing can be delivered any more: says what is left. Synchronous. */
  readonly reportLeft?: () => void;
  /** Altogether (`REVENIUM_SHUTDOWN_TIMEOUT_SECONDS`). */
  readonly timeoutMs: number;
  /** SIGTERM too (`REVENIUM_INSTALL_SIGNAL_HANDLERS`). */
  readonly installSignalHandlers: boolean;
}

/**
 * Hooks the end of this process; returns a function that unhooks. At its natural end what is queued is delivered, for at
 * most `timeoutMs` altogether. At `process.exit()` there is no time for that: open attempts are metered into the outbox,
 * where a durable one keeps them. With signal handlers, SIGTERM delivers first and then ends the process as it would have.
 */
export function flushAtExit(options: FlushAtExitOptions): () => void {
  const { runtime, timeoutMs } = options;
  let spentMs = 0;
  let running: Promise<void> | undefined;
  let isSignalled = false;

  const settle = () => {
    try {
      options.settleOpenAttempts();
    } catch (error) {
      runtime.log.error('open attempts could not be metered at the end', { error: String(error) });
    }
  };
  const leave = () => {
    settle();
    try {
      options.reportLeft?.();
    } catch {
      // The process ends; there is nobody to tell.
    }
  };
  const flushOnce = async (): Promise<void> => {
    settle();
    const startedAt = runtime.monotonicNow();
    let isDone = false;
    try {
      isDone = await options.flush(timeoutMs - spentMs);
    } catch (error) {
      runtime.log.error('usage events could not be delivered at the end', { error: String(error) });
    }
    // What could not be delivered now will not be a moment later: the next natural end must not wait for it again.
    spentMs = isDone ? spentMs + runtime.monotonicNow() - startedAt : timeoutMs;
    running = undefined;
  };
  const flush = (): Promise<void> => {
    if (spentMs < timeoutMs) running ??= flushOnce();
    return running ?? Promise.resolve();
  };
  const onBeforeExit = () => void flush();
  const onSignal = () => {
    // Who sends a second signal does not want to wait.
    const flushed = isSignalled ? Promise.resolve() : flush();
    isSignalled = true;
    void flushed.then(() => {
      uninstall();
      leave();
      // Where the program has handlers of its own, the end is theirs.
      if (process.listenerCount('SIGTERM') === 0) process.kill(process.pid, 'SIGTERM');
    });
  };
  const hooks: [string, () => void][] = [
    ['beforeExit', onBeforeExit],
    ['exit', leave],
  ];
  if (options.installSignalHandlers) hooks.push(['SIGTERM', onSignal]);

  let isInstalled = true;
  const uninstall = () => {
    if (!isInstalled) return;
    isInstalled = false;
    for (const [name, hook] of hooks) process.removeListener(name, hook);
    allowListeners(-1);
  };
  // Many instances in one process are no leak: each makes room for its own listener.
  allowListeners(1);
  for (const [name, hook] of hooks) process.on(name, hook);
  return uninstall;
}

function allowListeners(more: number): void {
  const limit = process.getMaxListeners();
  if (limit > 0) process.setMaxListeners(limit + more);
}
