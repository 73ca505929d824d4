/** Disks that are full: a real process that may write no further, and a store whose disk is full when a test says so. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { StoreOpener } from '../../service/admin/open-service.js';
import { createLedgerStore } from '../../service/store/ledger-store.js';
import type { OperationInput, OperationName, OperationOutput } from '../../service/store/operations.js';
import { CommitGroup } from '../../service/store/sqlite/commit-group.js';
import { SqliteDatabase } from '../../service/store/sqlite/database.js';
import { childArguments } from '../helpers/child-arguments.js';

const CHILD = fileURLToPath(new URL('./store-crash-child.ts', import.meta.url));

/** A service in a process of its own. */
export interface ServiceProcess {
  readonly child: ChildProcess;
  readonly url: string;
  readonly teamId: string;
  readonly keys: { readonly metering: string; readonly write: string };
  kill(): Promise<void>;
}

/** Starts a service none of whose files may grow beyond `limitKiB`: every write behind it fails, as on a full disk. */
export async function startLimited(dataDir: string, limitKiB: number | 'unlimited'): Promise<ServiceProcess> {
  const command = `ulimit -f ${limitKiB} && exec "$0" "$@"`;
  const args = ['-c', command, process.execPath, ...childArguments(CHILD), dataDir];
  const child = spawn('bash', args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([text]) => String(text)),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the service ended with ${code} while it started`))),
  ]);
  return {
    child,
    ...(JSON.parse(line) as Pick<ServiceProcess, 'url' | 'teamId' | 'keys'>),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

/** A disk, and the store on it. */
export interface FailingDisk {
  isFull: boolean;
  readonly open: StoreOpener;
}

const READING = /^(select|list|count|load|has|find|export|sum)-/;

/** A disk that is full when it is told so: what was written in a transaction cannot be committed then. Reading works. */
export function createFailingDisk(): FailingDisk {
  const disk: FailingDisk = {
    isFull: false,
    open: ({ file, runtime, log }) =>
      createLedgerStore({ ...runtime, log }, async (listener) => {
        const database = await SqliteDatabase.open(file);
        failWhenFull(database, disk);
        const group = new CommitGroup(database, log);
        let busy: Promise<unknown> = Promise.resolve();
        const run = async <N extends OperationName>(operation: N, input: OperationInput<N>) => {
          const { outcomes, effects } = await group.run([{ operation, input, nowMs: runtime.now() }]);
          for (const [teamId, revision] of effects.moved) listener.moved(teamId, revision);
          for (const teamId of effects.touched) listener.touched(teamId);
          const [outcome] = outcomes;
          if (outcome?.ok !== true) throw outcome?.error;
          return outcome.value as OperationOutput<N>;
        };
        return {
          execute(operation, ...input) {
            const running = busy.then(() => run(operation, input));
            busy = running.catch(() => undefined);
            return running;
          },
          async close() {
            await busy;
            database.close();
          },
        };
      }),
  };
  return disk;
}

function failWhenFull(database: SqliteDatabase, disk: FailingDisk): void {
  let wrote = false;
  const { query, many, exec } = database;
  const note = (statement: string): void => {
    wrote ||= !READING.test(statement);
  };
  Object.assign(database, {
    query: (...input: Parameters<typeof query>) => {
      note(input[0]);
      return query.apply(database, input);
    },
    many: (...input: Parameters<typeof many>) => {
      note(input[0]);
      return many.apply(database, input);
    },
    exec: (sql: string) => {
      if (sql.startsWith('BEGIN')) wrote = false;
      if (sql === 'COMMIT' && wrote && disk.isFull) {
        throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
      }
      exec.call(database, sql);
    },
  });
}
