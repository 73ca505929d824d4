/** The engine on the thread of its caller: for tools and tests; a slow disk stalls whoever uses it. */
import type { Runtime } from 'fusewire/internal';
import type { EffectsListener, Executor } from '../operations.js';
import { StoreError } from '../store-error.js';
import { type Command, CommitGroup, type Outcome } from './commit-group.js';
import { copyDatabase } from './copy-database.js';
import { SqliteDatabase } from './database.js';
import type { WriterSettings } from './worker-protocol.js';

interface Waiting extends Command {
  settle(outcome: Outcome): void;
}

/** Opens the file and runs operations on it. */
export async function openInProcess(
  settings: WriterSettings,
  runtime: Runtime,
  listener: EffectsListener,
): Promise<Executor> {
  const database = await SqliteDatabase.open(settings.file);
  const group = new CommitGroup(database, runtime.log, settings.fillSlice);
  let waiting: Waiting[] = [];
  let draining: Promise<void> | undefined;
  let closed = false;

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const commands = waiting;
      waiting = [];
      const { outcomes, effects } = await group.run(commands);
      for (const [teamId, revision] of effects.moved) listener.moved(teamId, revision);
      for (const teamId of effects.touched) listener.touched(teamId);
      for (const [i, command] of commands.entries()) command.settle(outcomes[i]!);
    }
    draining = undefined;
  }

  return {
    execute(operation, ...input) {
      if (closed) return Promise.reject(new StoreError('CLOSED', 'the store is closed'));
      return new Promise((resolve, reject) => {
        const settle = (outcome: Outcome): void =>
          outcome.ok ? resolve(outcome.value as never) : reject(outcome.error);
        waiting.push({ operation, input, nowMs: runtime.now(), settle });
        draining ??= Promise.resolve().then(drain);
      });
    },
    async copyTo(file) {
      if (closed) throw new StoreError('CLOSED', 'the store is closed');
      // Between two commits: what is under way ends first.
      while (draining !== undefined) await draining;
      copyDatabase(database, file);
    },
    async close() {
      if (closed) return;
      closed = true;
      await draining;
      database.close();
    },
  };
}
