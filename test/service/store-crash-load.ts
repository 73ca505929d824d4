/** What clients send while services die: events one by one and in batches, again and again until somebody has them. */
import { Agent, type Dispatcher, request } from 'undici';

const LANES = 6;
const BATCH = 25;
/** What was not answered is sent again after this. */
const AGAIN_MS = 15;
const LIMIT_MS = 4_000;

/** Who asks. */
export interface Keys {
  readonly metering: string;
  readonly write: string;
}

/** Load on services whose addresses change. What is said to be kept is remembered for ever. */
export class Load {
  /** Of the services that may be there. */
  urls: readonly string[] = [];
  readonly acknowledged = new Set<string>();
  /** Requests that had no answer, or one that says to come back. */
  failed = 0;
  #keys: Keys | undefined;
  #number = 0;
  #running = false;
  #lanes: readonly Promise<void>[] = [];
  #agent = new Agent();

  /** Begins; transaction ids begin with `name`, and half of the events are of the model `model`, whose price is unknown. */
  start(keys: Keys, name: string, model: string): void {
    this.#keys = keys;
    this.#running = true;
    this.#lanes = Array.from({ length: LANES }, (_, lane) => this.#lane(lane, `${name}-${lane}`, model));
  }

  /** Ends at once: what is not answered stays open. */
  async stop(): Promise<void> {
    this.#running = false;
    const agent = this.#agent;
    this.#agent = new Agent();
    await agent.destroy();
    await Promise.all(this.#lanes);
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#agent.destroy();
  }

  /** A request with the write key; its status, or `undefined` where nobody answered. */
  async change(path: string, body: unknown): Promise<number | undefined> {
    return (await this.#post(path, body, this.#keys?.write ?? '', {}))?.status;
  }

  async #lane(lane: number, name: string, model: string): Promise<void> {
    for (let turn = 0; this.#running; turn += 1) {
      const ids = Array.from({ length: lane % 2 === 0 ? 1 : BATCH }, (_, i) => `${name}-${turn}-${i}`);
      const events = ids.map((transactionId, i) => eventOf(transactionId, i % 2 === 0 ? model : undefined));
      while (this.#running && !(await this.#send(lane, events))) {
        this.failed += 1;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  /** Whether all of them are kept now. */
  async #send(lane: number, events: readonly Event[]): Promise<boolean> {
    const key = this.#keys?.metering ?? '';
    const [only] = events;
    if (events.length === 1 && only !== undefined) {
      const headers: Record<string, string> = lane === 0 ? {} : { 'idempotency-key': only.transactionId };
      const answer = await this.#post('/meter/v2/ai/completions', only, key, headers);
      if (answer?.status !== 201) return false;
      this.acknowledged.add(only.transactionId);
      return true;
    }
    const items = events.map((event) => ({
      type: 'ai/completions',
      ...(lane === 1 ? { idempotencyKey: event.transactionId } : {}),
      event,
    }));
    const answer = await this.#post('/meter/v2/batch', items, key, {});
    if (answer?.status !== 200) return false;
    const { results } = JSON.parse(answer.text) as { results: { status: number }[] };
    for (const [i, { status }] of results.entries()) {
      if (status === 201) this.acknowledged.add(events[i]!.transactionId);
    }
    return results.every(({ status }) => status === 201);
  }

  async #post(
    path: string,
    body: unknown,
    key: string,
    headers: Record<string, string>,
  ): Promise<{ status: number; text: string } | undefined> {
    this.#number += 1;
    const url = this.urls[this.#number % Math.max(1, this.urls.length)];
    if (url === undefined) return undefined;
    try {
      const answer: Dispatcher.ResponseData = await request(`${url}${path}`, {
        method: 'POST',
        headers: { 'x-api-key': key, 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
        headersTimeout: LIMIT_MS,
        bodyTimeout: LIMIT_MS,
        dispatcher: this.#agent,
      });
      return { status: answer.statusCode, text: await answer.body.text() };
    } catch {
      return undefined;
    }
  }
}

interface Event {
  readonly transactionId: string;
}

function eventOf(transactionId: string, unknownModel: string | undefined): Event & Record<string, unknown> {
  const now = new Date().toISOString();
  return {
    transactionId,
    model: unknownModel ?? 'priced',
    provider: 'OPENAI',
    costType: 'AI',
    operationType: 'CHAT',
    stopReason: 'END',
    isStreamed: false,
    inputTokenCount: 1,
    outputTokenCount: 0,
    totalTokenCount: 1,
    requestTime: now,
    completionStartTime: now,
    responseTime: now,
    requestDuration: 0,
    subscriber: { id: `u${transactionId.length % 3}` },
    ...(unknownModel === undefined ? { totalCost: 0.01 } : {}),
  };
}
