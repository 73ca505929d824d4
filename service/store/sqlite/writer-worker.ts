/** The writer thread: owns the database, so that a slow disk stalls nobody who serves requests. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Log } from 'fusewire/internal';
import { CommitGroup } from './commit-group.js';
import { copyDatabase } from './copy-database.js';
import { SqliteDatabase } from './database.js';
import { type Answer, type FromWriter, type ToWriter, toPlainError, type WriterSettings } from './worker-protocol.js';

type Numbered = Extract<ToWriter, { kind: 'run' }>['commands'][number];
type Copy = Extract<ToWriter, { kind: 'copy' }>;

/** Serves a port until it is told to close. */
async function serve(port: MessagePort, settings: WriterSettings): Promise<void> {
  const say = (message: FromWriter): void => port.postMessage(message);
  let database: SqliteDatabase;
  try {
    database = await SqliteDatabase.open(settings.file);
  } catch (error) {
    say({ kind: 'failed', error: toPlainError(error) });
    port.close();
    return;
  }
  const group = new CommitGroup(database, logTo(say), settings.fillSlice);
  let waiting: Numbered[] = [];
  let copies: Copy[] = [];
  let closing = false;
  let draining = false;

  async function drain(): Promise<void> {
    while (waiting.length > 0 || copies.length > 0) {
      const commands = waiting;
      const asked = copies;
      waiting = [];
      copies = [];
      for (const { number, file } of asked) say(answersOf([copyNow(database, number, file)]));
      if (commands.length === 0) continue;
      const { outcomes, effects } = await group.run(commands);
      const answers = commands.map(({ number }, i): Answer => {
        const outcome = outcomes[i]!;
        return outcome.ok ? { number, ...outcome } : { number, ok: false, error: toPlainError(outcome.error) };
      });
      say({ kind: 'answers', answers, moved: [...effects.moved], touched: [...effects.touched] });
    }
    draining = false;
    if (!closing) return;
    database.close();
    port.close();
  }

  port.on('message', (message: ToWriter) => {
    if (message.kind === 'close') closing = true;
    else if (message.kind === 'copy') copies.push(message);
    else for (const command of message.commands) waiting.push(command);
    if (draining) return;
    draining = true;
    // Later than every message that is here already: they share the commit.
    setImmediate(() => void drain());
  });
  say({ kind: 'opened', driverName: database.driverName });
}

function copyNow(database: SqliteDatabase, number: number, file: string): Answer {
  try {
    copyDatabase(database, file);
    return { number, ok: true, value: undefined };
  } catch (error) {
    return { number, ok: false, error: toPlainError(error) };
  }
}

function answersOf(answers: readonly Answer[]): FromWriter {
  return { kind: 'answers', answers, moved: [], touched: [] };
}

function logTo(say: (message: FromWriter) => void): Log {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: Record<string, unknown>) =>
    say({ kind: 'log', level, message, fields });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), isDebug: () => false };
}

if (parentPort !== null) void serve(parentPort, workerData as WriterSettings);
