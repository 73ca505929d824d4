/** The engine in a thread of its own, seen from the thread that serves requests. */
import type { Worker } from 'node:worker_threads';
import type { Runtime } from 'fusewire/internal';
import type { EffectsListener, Executor, OperationInput, OperationName, OperationOutput } from '../operations.js';
import { StoreError } from '../store-error.js';
import type { SpawnWriter } from './spawn-writer.js';
import { type Answer, type FromWriter, fromPlainError, type ToWriter, type WriterSettings } from './worker-protocol.js';

type Commands = Extract<ToWriter, { kind: 'run' }>['commands'];

interface Pending {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/**
 * States: opening → open → closed. A thread that dies fails what was under way (it may or may not be kept, as with any
 * crash: callers send it again, which is idempotent) and is started anew for the next operation (I9).
 */
export class WorkerExecutor implements Executor {
  readonly #settings: WriterSettings;
  readonly #runtime: Runtime;
  readonly #listener: EffectsListener;
  readonly #spawn: SpawnWriter;
  readonly #pending = new Map<number, Pending>();
  #worker: Promise<Worker> | undefined;
  #next = 0;
  #outgoing: Commands[number][] = [];
  #closed = false;

  constructor(settings: WriterSettings, runtime: Runtime, listener: EffectsListener, spawn: SpawnWriter) {
    this.#settings = settings;
    this.#runtime = runtime;
    this.#listener = listener;
    this.#spawn = spawn;
  }

  /** Starts the thread and opens the file. @throws StoreError as `SqliteDatabase.open` */
  async open(): Promise<void> {
    this.#worker ??= this.#start();
    await this.#worker;
  }

  execute<N extends OperationName>(operation: N, ...input: OperationInput<N>): Promise<OperationOutput<N>> {
    if (this.#closed) return Promise.reject(new StoreError('CLOSED', 'the store is closed'));
    return new Promise((resolve, reject) => {
      const number = this.#next;
      this.#next += 1;
      this.#pending.set(number, { resolve: (value) => resolve(value as OperationOutput<N>), reject });
      this.#outgoing.push({ number, operation, input, nowMs: this.#runtime.now() });
      // What all sockets brought in one turn of the event loop travels, and is committed, together.
      if (this.#outgoing.length === 1) setImmediate(() => void this.#send());
    });
  }

  async copyTo(file: string): Promise<void> {
    if (this.#closed) throw new StoreError('CLOSED', 'the store is closed');
    this.#worker ??= this.#start();
    const worker = await this.#worker;
    await new Promise<void>((resolve, reject) => {
      const number = this.#next;
      this.#next += 1;
      this.#pending.set(number, { resolve: () => resolve(), reject });
      worker.ref();
      worker.postMessage({ kind: 'copy', number, file } satisfies ToWriter);
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const worker = await this.#worker?.catch(() => undefined);
    if (worker === undefined) return;
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    worker.ref();
    await this.#send();
    worker.postMessage({ kind: 'close' } satisfies ToWriter);
    await ended;
  }

  async #send(): Promise<void> {
    const commands = this.#outgoing;
    this.#outgoing = [];
    if (commands.length === 0) return;
    try {
      this.#worker ??= this.#start();
      const worker = await this.#worker;
      worker.ref();
      worker.postMessage({ kind: 'run', commands } satisfies ToWriter);
    } catch (error) {
      for (const { number } of commands) this.#take(number)?.reject(error);
    }
  }

  #start(): Promise<Worker> {
    return new Promise((resolve, reject) => {
      const worker = this.#spawn(this.#settings);
      const fail = (error: unknown): void => {
        this.#worker = undefined;
        reject(error);
        this.#failPending(error);
      };
      worker.on('message', (message: FromWriter) => {
        if (message.kind === 'opened') {
          // Only work that somebody awaits keeps the process alive.
          if (this.#pending.size === 0 && !this.#closed) worker.unref();
          resolve(worker);
        } else if (message.kind === 'failed') fail(fromPlainError(message.error));
        else this.#receive(message, worker);
      });
      worker.on('error', (cause) => fail(new StoreError('BROKEN', `the writer thread failed: ${cause}`, { cause })));
      worker.on('exit', () => {
        if (this.#closed && this.#pending.size === 0) return;
        fail(new StoreError('BROKEN', 'the writer thread ended'));
      });
    });
  }

  #receive(message: Exclude<FromWriter, { kind: 'opened' | 'failed' }>, worker: Worker): void {
    if (message.kind === 'log') {
      this.#runtime.log[message.level](message.message, message.fields);
      return;
    }
    for (const [teamId, revision] of message.moved) this.#listener.moved(teamId, revision);
    for (const teamId of message.touched) this.#listener.touched(teamId);
    for (const answer of message.answers) this.#settle(answer);
    // Who closes the store waits for the thread to end, also where nothing else keeps the process alive.
    if (this.#pending.size === 0 && !this.#closed) worker.unref();
  }

  #settle(answer: Answer): void {
    const pending = this.#take(answer.number);
    if (answer.ok) pending?.resolve(answer.value);
    else pending?.reject(fromPlainError(answer.error));
  }

  #take(number: number): Pending | undefined {
    const pending = this.#pending.get(number);
    this.#pending.delete(number);
    return pending;
  }

  #failPending(error: unknown): void {
    const failed = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of failed) pending.reject(error);
  }
}
