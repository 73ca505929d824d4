/** In which thread we are. */
import * as threads from 'node:worker_threads';

/**
 * Whether this is the thread of the runtime's own loader hooks: `--require` loads its modules there too, and no program
 * runs there. Newer runtimes say so; on Node 20 the stack tells.
 */
export function isLoaderThread(): boolean {
  if (threads.isMainThread) return false;
  const told: unknown = Reflect.get(threads, 'isInternalThread');
  if (typeof told === 'boolean') return told;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = Number.POSITIVE_INFINITY;
  const stack = String(new Error('thread').stack);
  Error.stackTraceLimit = stackTraceLimit;
  return /customizedModuleWorker|initializeHooks/.test(stack);
}
