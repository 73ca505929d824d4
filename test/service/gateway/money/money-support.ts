/** What the tests of money share: plain requests over real connections, as many at once as wanted, and sums. */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { expect } from 'vitest';
import type { StoredEvent } from '../../../../service/store/store.js';
import { until } from '../../../helpers/until.js';
import type { Payer, Whole } from '../whole/whole.js';

/** An answer, read to its end. */
export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The connection ended before the answer did. */
  readonly broken: boolean;
}

/** One request. */
export interface Asked {
  readonly path: string;
  readonly key: string;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Connections that are kept; as many as there are requests at once. */
export function openAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
}

/** Sends one request. Rejects only where no answer began. `body`: sent as it is where it is a text. */
export function ask(agent: Agent, url: string, { path, key, body, headers }: Asked): Promise<Got> {
  const sent = typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const options = {
      agent,
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(sent),
        ...headers,
      },
    };
    const asked = request(`${url}${path}`, options, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      const end = () => {
        const text = Buffer.concat(pieces).toString();
        resolve({ status: answer.statusCode!, headers: answer.headers, text, broken: !answer.complete });
      };
      answer.on('close', end);
      answer.on('error', () => undefined);
    });
    asked.on('error', reject);
    asked.end(sent);
  });
}

/** Dollars as text, in nano-dollars. */
export function nano(usd: string): bigint {
  if (!/^\d+(\.\d{1,9})?$/.test(usd)) throw new Error(`${usd} is no amount`);
  const [whole = '0', part = ''] = usd.split('.');
  return BigInt(whole) * 1_000_000_000n + BigInt(part.padEnd(9, '0').slice(0, 9));
}

/** The fields of a refusal's arithmetic, in any dialect. */
export function refusalOf({ text }: Got): Readonly<Record<string, string>> {
  const json = JSON.parse(text);
  return json.fusewire ?? json.error;
}

/** What the ledger says that a customer has spent; an event of unknown price is a failure of the test. */
export async function spentBy(whole: Whole, payer: Pick<Payer, 'id'>): Promise<bigint> {
  const events = await allEvents(whole, payer);
  return events.reduce((sum, { amountNanoUsd }) => sum + amountNanoUsd, 0n);
}

/** All events of a customer, over all pages. */
export async function allEvents(
  whole: Pick<Whole, 'store' | 'teamId'>,
  payer: Pick<Payer, 'id'>,
): Promise<StoredEvent[]> {
  const found: StoredEvent[] = [];
  for (let page = 0; ; page += 1) {
    const { items } = await whole.store.findEvents(whole.teamId, { subscriber: payer.id, page, size: 500 });
    found.push(...items);
    if (items.length < 500) return found;
  }
}

/** Waits until the ledger has so many events of a customer; then there are exactly so many, none twice. */
export async function inLedger(whole: Whole, payer: Pick<Payer, 'id'>, count: number): Promise<StoredEvent[]> {
  await until(async () => (await allEvents(whole, payer)).length >= count, `${count} events`, 20_000);
  const events = await allEvents(whole, payer);
  expect(events).toHaveLength(count);
  expect(new Set(events.map(({ transactionId }) => transactionId)).size).toBe(count);
  return events;
}

/** How often each status came. */
export function statuses(answers: readonly Got[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** Calls that reached an upstream; the gateway itself asks for lists of models. */
export function posted({ standIn }: Pick<Whole, 'standIn'>): number {
  return standIn.seen.filter(({ method }) => method === 'POST').length;
}
