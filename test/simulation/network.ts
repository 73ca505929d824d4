/** What lies between clients and replicas: it delays, reorders, loses, duplicates and cuts whatever passes. */
import { Dispatcher } from 'undici';
import type { Chance } from './chance.js';
import type { FrontAnswer } from './front.js';
import type { Replica } from './replica.js';
import type { Machine, World } from './world.js';

/** How bad it is: probabilities of each message. */
export interface Weather {
  readonly lose: number;
  readonly duplicate: number;
  readonly late: number;
}

export const FINE: Weather = { lose: 0, duplicate: 0, late: 0 };

type Handler = {
  onConnect?(abort: (error: Error) => void, context: unknown): void;
  onHeaders?(status: number, headers: Buffer[], resume: () => void, text: string): void;
  onData?(chunk: Buffer): void;
  onComplete?(trailers: unknown[]): void;
  onError?(error: Error): void;
  onRequestStart?(controller: unknown, context: unknown): void;
  onResponseStart?(controller: unknown, status: number, headers: Record<string, string>, text: string): void;
  onResponseData?(controller: unknown, chunk: Buffer): void;
  onResponseEnd?(controller: unknown, trailers: Record<string, string>): void;
  onResponseError?(controller: unknown, error: Error): void;
};

/** What the checks look at: every answer that a client gets. */
export type Watch = (client: string, headers: Record<string, string>, answer: FrontAnswer) => void;

/** One per world. */
export class Network {
  readonly #world: World;
  readonly #replicas: readonly Replica[];
  readonly #chance: Chance;
  readonly #watch: Watch;
  weather: Weather = FINE;
  /** What was sent twice, and how often. */
  readonly counts = { requests: 0, lost: 0, duplicated: 0, reset: 0 };

  constructor(world: World, replicas: readonly Replica[], watch: Watch) {
    this.#world = world;
    this.#replicas = replicas;
    this.#chance = world.chance.branch('network');
    this.#watch = watch;
  }

  /** The way of a client's process to the service; nothing reaches the client once it is dead. */
  dispatcherOf(machine: Machine, isAlive: () => boolean): Dispatcher {
    const send = this.#send.bind(this);
    return new (class extends Dispatcher {
      override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
        send(machine.name, options, new Exchange(handler as Handler), isAlive);
        return true;
      }
      override close = (): Promise<void> => Promise.resolve();
      override destroy = (): Promise<void> => Promise.resolve();
    })();
  }

  #send(client: string, options: Dispatcher.DispatchOptions, exchange: Exchange, isAlive: () => boolean): void {
    this.counts.requests += 1;
    exchange.begin();
    const copies = this.#chance.is(this.weather.duplicate) ? 2 : 1;
    if (copies > 1) this.counts.duplicated += 1;
    for (let copy = 0; copy < copies; copy += 1) {
      // Of a duplicate nobody waits for the answer.
      const answered = copy === 0 ? exchange : undefined;
      if (this.#chance.is(this.weather.lose)) {
        this.counts.lost += 1;
        // Half of what is lost is known to be lost; for the rest the client waits as long as it has patience.
        if (answered !== undefined && this.#chance.is(0.5)) this.#later(() => this.#reset(answered, isAlive));
        continue;
      }
      this.#later(() => void this.#arrive(client, options, answered, isAlive));
    }
  }

  async #arrive(
    client: string,
    options: Dispatcher.DispatchOptions,
    exchange: Exchange | undefined,
    isAlive: () => boolean,
  ): Promise<void> {
    const replica = this.#chance.pick(this.#replicas);
    const { life } = replica;
    if (!replica.isUp) {
      if (exchange !== undefined) this.#later(() => this.#reset(exchange, isAlive));
      return;
    }
    const headers = options.headers as Record<string, string>;
    const body = typeof options.body === 'string' ? options.body : undefined;
    const answer = await replica.front.ask(options.method, options.path, headers, body);
    this.#world.stir();
    if (exchange === undefined) return;
    if (replica.life !== life) return this.#later(() => this.#reset(exchange, isAlive));
    if (this.#chance.is(this.weather.lose)) {
      this.counts.lost += 1;
      if (this.#chance.is(0.5)) this.#later(() => this.#reset(exchange, isAlive));
      return;
    }
    this.#later(() => {
      if (!isAlive() || exchange.isOver) return;
      this.#watch(client, headers, answer);
      exchange.answer(answer);
    });
  }

  #reset(exchange: Exchange, isAlive: () => boolean): void {
    this.counts.reset += 1;
    if (isAlive()) exchange.fail(Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' }));
  }

  #later(task: () => void): void {
    const slow = this.#chance.is(this.weather.late);
    this.#world.after(slow ? this.#chance.int(500, 12_000) : this.#chance.int(0, 30), task);
  }
}

/** One request of undici, in either form of its handlers. */
class Exchange {
  readonly #handler: Handler;
  isOver = false;

  constructor(handler: Handler) {
    this.#handler = handler;
  }

  begin(): void {
    this.#handler.onConnect?.((error) => this.fail(error), null);
    this.#handler.onRequestStart?.(this.#controller, null);
  }

  answer({ status, headers, body }: FrontAnswer): void {
    if (this.isOver) return;
    const handler = this.#handler;
    const flat = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
    const raw = Object.entries(flat).flatMap(([name, value]) => [Buffer.from(name), Buffer.from(value)]);
    handler.onHeaders?.(status, raw, () => undefined, '');
    handler.onResponseStart?.(this.#controller, status, flat, '');
    if (body.length > 0) {
      handler.onData?.(body);
      handler.onResponseData?.(this.#controller, body);
    }
    this.isOver = true;
    handler.onComplete?.([]);
    handler.onResponseEnd?.(this.#controller, {});
  }

  fail(error: Error): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#handler.onError?.(error);
    this.#handler.onResponseError?.(this.#controller, error);
  }

  readonly #controller = {
    abort: (error: Error): void => this.fail(error),
    pause: (): void => undefined,
    resume: (): void => undefined,
    paused: false,
    aborted: false,
    reason: null,
  };
}
