/** The writer thread as tests start it: see bundled-children.ts. The same code, in one file. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { SpawnWriter } from '../../service/store/sqlite/spawn-writer.js';

/** Put in where this is part of a bundle. */
declare const BUNDLED_WRITER: string;

const inTestRun = (): string => join(process.env['TEST_CHILDREN'] ?? '', 'service/store/sqlite/writer-worker.mjs');

/** Starts the bundled thread. */
export const spawnWriter: SpawnWriter = (settings) =>
  new Worker(typeof BUNDLED_WRITER === 'string' ? BUNDLED_WRITER : inTestRun(), { execArgv: [], workerData: settings });
