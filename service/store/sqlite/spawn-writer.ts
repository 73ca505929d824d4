/** Starts the writer thread. */
import { Worker } from 'node:worker_threads';
import type { WriterSettings } from './worker-protocol.js';

/** How a store gets its writer thread. */
export type SpawnWriter = (settings: WriterSettings) => Worker;

/**
 * The thread of this installation: the built file, or the source file where this one is a source file. Sources need
 * tsx, whose loader a thread does not inherit before Node 22, so the thread registers it for itself.
 */
export const spawnWriter: SpawnWriter = (settings) => {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const url = new URL(`./writer-worker.${extension}`, import.meta.url);
  if (extension === 'js') return new Worker(url, { workerData: settings });
  // By its place: the thread's own imports start at the working directory, wherever that is.
  const tsx = import.meta.resolve('tsx/esm/api');
  const load = `import(${JSON.stringify(tsx)}).then((tsx) => { tsx.register(); return import(${JSON.stringify(url.href)}); })`;
  return new Worker(load, { eval: true, execArgv: [], workerData: settings });
};
