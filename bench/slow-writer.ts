/** A store whose commits take longer, as on a slow disk: patched from outside, the service has no switch for it. */
import { Worker } from 'node:worker_threads';
import type { SpawnWriter } from '../service/store/sqlite/spawn-writer.js';

/** Starts the writer thread of the built service with `commitMs` added to each commit. */
export const slowWriter =
  (commitMs: number): SpawnWriter =>
  (settings) => {
    const writer = new URL('../service/dist/store/sqlite/writer-worker.js', import.meta.url).href;
    const code = `
      const sleeper = new Int32Array(new SharedArrayBuffer(4));
      const patch = (prototype) => {
        const { exec } = prototype;
        prototype.exec = function (sql) {
          if (sql === 'COMMIT') Atomics.wait(sleeper, 0, 0, ${commitMs});
          return exec.call(this, sql);
        };
      };
      const own = process.getBuiltinModule?.('node:sqlite');
      if (own) patch(own.DatabaseSync.prototype);
      else patch(require('better-sqlite3').prototype);
      import(${JSON.stringify(writer)});`;
    return new Worker(code, { eval: true, workerData: settings });
  };
