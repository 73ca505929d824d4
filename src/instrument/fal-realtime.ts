/** Realtime connections of fal's client: they go past `fetch`, so they pass and are flagged (I1), with what came back counted. */
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { CallPath } from '../call.js';
import type { Attempt } from '../metering/attempt.js';
import { type FalRequestReading, falAdapter, readFalRequest } from '../providers/fal.js';
import { falUrlOf } from '../providers/fal-url.js';
import { layOver } from './fal-client.js';
import { carriedMetadata, withoutMetadata } from './split-usage-metadata.js';

type Connect = (this: unknown, app: string, handler: Handler) => Connection;
interface Handler {
  onResult?(result: unknown): void;
}
interface Connection {
  send(input: unknown): void;
  close(): void;
}

/** Flags what is done over connections of `realtime`: one event for each, from its first message to its close. */
export function guardRealtime(realtime: object, path: CallPath): void {
  const connect: unknown = Reflect.get(realtime, 'connect');
  if (typeof connect !== 'function') return;
  layOver(realtime, 'connect', function (this: unknown, app: string, given: Handler) {
    const { handler, metadata } = split(given);
    const watch = new ConnectionWatch(path, app, metadata);
    const connection = (connect as Connect).call(this ?? realtime, app, watch.handler(handler));
    return watch.connection(connection);
  });
}

function split(handler: Handler): { handler: Handler; metadata: unknown } {
  if (typeof handler !== 'object' || handler === null) return { handler, metadata: undefined };
  const { carried, metadata } = carriedMetadata(handler);
  return { handler: carried ? withoutMetadata(handler) : handler, metadata };
}

/** One connection. Nothing of it throws but a refusal. */
class ConnectionWatch {
  readonly #path: CallPath;
  readonly #reading: FalRequestReading | undefined;
  readonly #metadata: unknown;
  #attempt: Attempt | undefined;
  #images = 0;
  #results = 0;

  constructor(path: CallPath, app: string, metadata: unknown) {
    this.#path = path;
    this.#metadata = metadata;
    const reading = readFalRequest({ method: 'POST', url: falUrlOf(String(app), {}), body: undefined });
    this.#reading = reading && { ...reading, endpoint: 'realtime', known: false, streaming: true };
  }

  handler(handler: Handler): Handler {
    if (typeof handler?.onResult !== 'function') return handler;
    const onResult = handler.onResult.bind(handler);
    return Object.assign(Object.create(Object.getPrototypeOf(handler)), handler, {
      onResult: (result: unknown) => {
        this.#came(result);
        onResult(result);
      },
    });
  }

  connection(connection: Connection): Connection {
    if (typeof connection !== 'object' || connection === null) return connection;
    const { send, close } = connection;
    layOver(connection, 'send', (input: unknown) => {
      this.#begin();
      send.call(connection, input);
    });
    layOver(connection, 'close', () => {
      close.call(connection);
      this.#attempt?.settle('completed');
      this.#attempt = undefined;
    });
    return connection;
  }

  #begin(): void {
    if (this.#attempt !== undefined || this.#reading === undefined) return;
    this.#images = 0;
    this.#results = 0;
    try {
      this.#attempt = this.#path.begin(this.#path.secureNow(this.#path.admit(this.#reading, this.#metadata)));
      this.#attempt.answered(() => this.#told());
    } catch (error) {
      // Where a hard budget concerns it, nothing is sent of which nobody knows what it costs.
      if (error instanceof BudgetExceededError) throw error;
    }
  }

  #came(result: unknown): void {
    this.#attempt?.progressed();
    this.#attempt?.firstToken();
    if (this.#reading === undefined) return;
    this.#results += 1;
    const reader = falAdapter.createUsageReader(this.#reading);
    reader.chunk(result);
    this.#images += reader.reading().media?.actualImageCount ?? 0;
  }

  #told() {
    const media = this.#images > 0 ? { media: { actualImageCount: this.#images } } : { isUnknownShape: true };
    return { finished: true, outputText: '', ...media, attributes: { results: this.#results } };
  }
}
