/** Where an SDK takes holds: a service over HTTP. Operations of one turn of the event loop leave in one request. */
import type { Capabilities } from '../../cache/capabilities.js';
import type { DeliveryCredentials } from '../metering/delivery-gate.js';
import { managementUrl } from '../metering/metering-url.js';
import { createPoster, type Poster, type PosterOptions, type PostTarget } from '../metering/poster.js';
import { type DeliveryAnswer, readAnswer } from '../metering/read-answer.js';
import type { Runtime, Timer } from '../runtime.js';
import { HoldDeskError } from './desk-error.js';
import type { HoldDesk, HoldOperation, HoldOutcome } from './hold-types.js';
import { readOutcomes } from './read-outcomes.js';

/** What a desk over HTTP is made of. */
export interface HttpDeskOptions {
  readonly runtime: Runtime;
  /** The address of the service, in any form of contract 1.6. */
  readonly endpoint: URL;
  /** Asked before each request. */
  readonly credentials: () => DeliveryCredentials | undefined;
  readonly capabilities: Capabilities;
  readonly userAgent: string;
  /** From the moment at which an operation is asked for to its outcome. @defaultValue 2,000 */
  readonly timeoutMs?: number;
  /** @defaultValue `timeoutMs` */
  readonly connectTimeoutMs?: number;
  /** The revision of the rules that the service told with an answer. */
  readonly onRevision?: (revision: number) => void;
  /** Instead of connections of its own; for tests. */
  readonly dispatcher?: PosterOptions['dispatcher'];
}

/** A desk with connections. */
export interface HttpDesk extends HoldDesk {
  /** Rejects what waits, and closes all connections. */
  close(): Promise<void>;
}

const TIMEOUT_MS = 2_000;
/** Of one request; the service takes 200 operations and 1 MiB. */
const OPERATIONS_MAX = 200;
const BODY_BYTES_MAX = 900_000;
/** Requests under way, each on a connection of its own. What comes meanwhile leaves with the next one. */
const REQUESTS_MAX = 4;
/** Operations that wait (I10). */
const WAITING_MAX = 10_000;
const ANSWER_BYTES_MAX = 16 * 1_048_576;
/** The service closed a connection that was kept: it had not read the request, or it had; the same operations do no harm. */
const CUT = /^(?:ECONNRESET|EPIPE|UND_ERR_SOCKET)\b/;
const NOT_THERE: ReadonlySet<number> = new Set([404, 405, 501]);

/** Some operations of one caller, which leave together. */
interface Waiting {
  readonly texts: readonly string[];
  readonly bytes: number;
  settled: boolean;
  resolve(outcomes: readonly HoldOutcome[]): void;
  reject(error: HoldDeskError): void;
}

/** Makes a desk. Rejects with a {@link HoldDeskError}; a request whose connection was cut is sent once more, no other. */
export function createHttpDesk(options: HttpDeskOptions): HttpDesk {
  return new Desk(options);
}

class Desk implements HttpDesk {
  readonly #options: HttpDeskOptions;
  readonly #timeoutMs: number;
  readonly #poster: Poster;
  readonly #target: PostTarget;
  readonly #stopping = new AbortController();
  #waiting: Waiting[] = [];
  #waitingOperations = 0;
  #underWay = 0;
  #isLeaving = false;

  constructor(options: HttpDeskOptions) {
    const { runtime, endpoint, dispatcher } = options;
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#poster = createPoster({
      runtime,
      connections: REQUESTS_MAX,
      timeoutMs: this.#timeoutMs,
      connectTimeoutMs: options.connectTimeoutMs ?? this.#timeoutMs,
      holdsProcess: true,
      ...(dispatcher === undefined ? {} : { dispatcher }),
    });
    const url = managementUrl(endpoint, 'holds/batch');
    this.#target = { origin: url.origin, path: url.pathname };
  }

  async operate(operations: readonly HoldOperation[]): Promise<readonly HoldOutcome[]> {
    if (operations.length === 0) return [];
    const obstacle = this.#obstacle(operations.length);
    if (obstacle !== undefined) throw obstacle;
    const parts = partsOf(operations.map((operation) => JSON.stringify(operation)));
    const outcomes = await Promise.all(parts.map((texts) => this.#enqueue(texts)));
    return outcomes.flat();
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    for (const one of this.#waiting.splice(0)) one.reject(closed());
    this.#waitingOperations = 0;
    await this.#poster.close();
  }

  #obstacle(operations: number): HoldDeskError | undefined {
    const { capabilities } = this.#options;
    const { origin } = this.#target;
    if (this.#stopping.signal.aborted) return closed();
    if (capabilities.isKnown(origin) && !capabilities.has(origin, 'holds')) {
      return new HoldDeskError('the service does not offer holds');
    }
    if (this.#waitingOperations + operations > WAITING_MAX) return new HoldDeskError('too many operations wait');
    return undefined;
  }

  #enqueue(texts: readonly string[]): Promise<readonly HoldOutcome[]> {
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      const settle = (end: () => void) => {
        if (one.settled) return;
        one.settled = true;
        timer?.cancel();
        end();
      };
      const one: Waiting = {
        texts,
        bytes: texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0),
        settled: false,
        resolve: (outcomes) => settle(() => resolve(outcomes)),
        reject: (error) => settle(() => reject(error)),
      };
      const onTime = () => one.reject(new HoldDeskError('the service did not answer in time'));
      // Somebody waits for it.
      timer = this.#options.runtime.setTimer(onTime, this.#timeoutMs, { keepAlive: true });
      this.#waiting.push(one);
      this.#waitingOperations += texts.length;
      this.#leave();
    });
  }

  /** What one turn of the event loop brings leaves together. */
  #leave(): void {
    if (this.#isLeaving || this.#waiting.length === 0 || this.#underWay >= REQUESTS_MAX) return;
    this.#isLeaving = true;
    setImmediate(() => {
      this.#isLeaving = false;
      const batch = this.#take();
      if (batch.length > 0) void this.#run(batch);
      this.#leave();
    });
  }

  #take(): Waiting[] {
    let taken = 0;
    let operations = 0;
    let bytes = 0;
    for (const one of this.#waiting) {
      const isFull = operations + one.texts.length > OPERATIONS_MAX || bytes + one.bytes > BODY_BYTES_MAX;
      if (taken > 0 && isFull) break;
      taken += 1;
      operations += one.texts.length;
      bytes += one.bytes;
    }
    this.#waitingOperations -= operations;
    return this.#waiting.splice(0, taken).filter(({ settled }) => !settled);
  }

  async #run(batch: readonly Waiting[]): Promise<void> {
    this.#underWay += 1;
    try {
      await this.#exchange(batch, true);
    } catch (error) {
      this.#options.runtime.log.error('holds could not be asked for; please report this', { error: String(error) });
      fail(batch, new HoldDeskError(`holds could not be asked for: ${String(error)}`));
    }
    this.#underWay -= 1;
    this.#leave();
  }

  /** Sends a batch and settles everything in it. `again`: what one of them spoils is sent once more without it. */
  async #exchange(batch: readonly Waiting[], again: boolean): Promise<void> {
    const { credentials, capabilities, onRevision, runtime } = this.#options;
    const apiKey = credentials()?.apiKey.reveal();
    if (apiKey === undefined || apiKey === '') return fail(batch, new HoldDeskError('no API key is set'));
    const answer = await this.#send(batch, apiKey);
    if (answer.kind === 'none') return fail(batch, new HoldDeskError(`the service did not answer: ${answer.reason}`));
    capabilities.learn(this.#target.origin, answer.status, answer.headers);
    const verdict = readAnswer(answer, runtime.now());
    if (verdict.outcome === 'accepted') {
      if (verdict.revision !== undefined) onRevision?.(verdict.revision);
      return succeed(batch, answer.body);
    }
    if (NOT_THERE.has(answer.status)) capabilities.refuse(this.#target.origin, 'holds');
    const spoilt = answer.status === 400 && again ? spoiltIn(batch, answer.body) : new Set<Waiting>();
    const rest = batch.filter((one) => !spoilt.has(one) && !one.settled);
    const isRefused = verdict.outcome === 'rejected';
    const error = new HoldDeskError(`the service does not take it: ${verdict.reason}`, answer.status, isRefused);
    if (spoilt.size === 0) return fail(batch, error);
    fail([...spoilt], error);
    if (rest.length > 0) await this.#exchange(rest, false);
  }

  async #send(batch: readonly Waiting[], apiKey: string): Promise<DeliveryAnswer> {
    const headers = {
      'x-api-key': apiKey,
      'content-type': 'application/json',
      accept: 'application/json',
      'user-agent': this.#options.userAgent,
    };
    const body = `{"operations":[${batch.flatMap(({ texts }) => texts).join(',')}]}`;
    const { signal } = this.#stopping;
    const post = () => this.#poster.post(this.#target, headers, body, signal, ANSWER_BYTES_MAX);
    const first = await post();
    const isWaitedFor = !signal.aborted && batch.some(({ settled }) => !settled);
    return first.kind === 'none' && CUT.test(first.reason) && isWaitedFor ? await post() : first;
  }
}

/** One request takes so much; what one caller asks for beyond it leaves in several. */
function partsOf(texts: readonly string[]): string[][] {
  const parts: string[][] = [[]];
  let bytes = 0;
  for (const text of texts) {
    let part = parts[parts.length - 1] ?? [];
    const size = Buffer.byteLength(text) + 1;
    if (part.length >= OPERATIONS_MAX || (part.length > 0 && bytes + size > BODY_BYTES_MAX)) {
      part = [];
      parts.push(part);
      bytes = 0;
    }
    part.push(text);
    bytes += size;
  }
  return parts;
}

function succeed(batch: readonly Waiting[], body: string): void {
  const count = batch.reduce((sum, { texts }) => sum + texts.length, 0);
  const outcomes = readOutcomes(body, count);
  if (outcomes === undefined) {
    fail(batch, new HoldDeskError('the answer of the service says nothing about holds'));
    return;
  }
  let from = 0;
  for (const { texts, resolve } of batch) {
    resolve(outcomes.slice(from, from + texts.length));
    from += texts.length;
  }
}

function fail(batch: readonly Waiting[], error: HoldDeskError): void {
  for (const { reject } of batch) reject(error);
}

/** Those whose operations the service names as wrong; the beginning of its answer is all there is to read. */
function spoiltIn(batch: readonly Waiting[], body: string): Set<Waiting> {
  const wrong = new Set([...body.matchAll(/"operations\.(\d+)/g)].map(([, index]) => Number(index)));
  const spoilt = new Set<Waiting>();
  let at = 0;
  for (const one of batch) {
    for (const _ of one.texts) {
      if (wrong.has(at)) spoilt.add(one);
      at += 1;
    }
  }
  return spoilt.size < batch.length ? spoilt : new Set();
}

function closed(): HoldDeskError {
  return new HoldDeskError('the desk is closed');
}
