// Upstreams that fail: what the caller gets, what is charged, and what is left of the budget.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { VERSIONS } from '../../../helpers/anthropic-clients.js';
import { MAJORS } from '../../../helpers/openai-clients.js';
import type { Fault } from '../support/stand-in-upstream.js';
import { declarePrices } from './endpoint-cases.js';
import { askRaw, type RawAnswer, type RawRequest, REQUESTS } from './raw.js';
import { openWhole, type Payer, type Whole } from './whole.js';

let whole: Whole;
beforeAll(async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  whole = await openWhole();
  await declarePrices(whole);
});
afterAll(async () => {
  expect((await whole.store.verifyBalances()).wrong).toEqual([]);
  await whole.close();
  vi.restoreAllMocks();
});

/** A dollar is 10⁹ of it. */
function nano(dollars: string | undefined): bigint {
  const [, whole = '0', part = ''] = /^(\d+)(?:\.(\d{1,9}))?$/.exec(dollars ?? '0')!;
  return BigInt(whole) * 1_000_000_000n + BigInt(part.padEnd(9, '0'));
}

const named = (name: string) => REQUESTS.find((request) => request.name === name)!;
const CALLS: readonly RawRequest[] = [
  named('ollama chat'),
  named('ollama chat, plain'),
  named('chat of a local model, streamed'),
  named('chat'),
  {
    ...named('chat'),
    name: 'chat, streamed',
    body: JSON.stringify({
      ...{ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }], stream: true },
      // Packets are cut by their length: the same with and without the gateway.
      stream_options: { include_usage: true },
    }),
    isStream: true,
  },
  named('responses, streamed'),
  named('messages'),
  named('messages, streamed'),
];

interface Fate {
  readonly name: string;
  readonly fault: Fault;
  /** `none`: the provider billed nothing. `some`: it may have, so it counts; `local`: so do all but those of Ollama. */
  readonly charge: 'none' | 'some' | 'local';
  /** Only where the answer comes in pieces, and there is something in the first two. */
  readonly ofText?: true;
  /** What the gateway says in place of an answer. */
  readonly status?: number;
}

const BUSY = '{"error":{"message":"slow down, 🐢","type":"rate_limit_error"}}';
const FATES: readonly Fate[] = [
  { name: '429', fault: { status: 429, headers: { 'retry-after': '7' }, body: BUSY }, charge: 'none' },
  { name: '500', fault: { status: 500 }, charge: 'none' },
  { name: '503 without a word', fault: { status: 503, body: '' }, charge: 'none' },
  {
    name: 'a redirect',
    fault: { status: 307, headers: { location: 'http://127.0.0.1:1/' }, body: '{}' },
    charge: 'none',
  },
  { name: 'no answer', fault: 'nothing', charge: 'local', status: 502 },
  { name: 'garbage', fault: 'garbage', charge: 'some' },
  { name: 'an empty answer', fault: 'empty', charge: 'some' },
  { name: 'half a chunk', fault: 'half-chunk', charge: 'some' },
  { name: 'a cut after one byte', fault: { cutAt: 1 }, charge: 'some' },
  { name: 'a cut in the middle', fault: { cutAt: 150 }, charge: 'some' },
  { name: 'an end before the end', fault: 'ends-early', charge: 'some' },
  { name: 'an error inside', fault: 'error-inside', charge: 'some', ofText: true },
];

/** What the budget of a payer says with the next call: what was spent before it, and what is set aside for it alone. */
async function standingOf(payer: Payer, request: RawRequest): Promise<{ spend: bigint; held: bigint }> {
  const { headers, status } = await askRaw(whole, request, payer.key);
  expect(status).toBe(200);
  return { spend: nano(headers.get('fusewire-budget-spend')), held: nano(headers.get('fusewire-budget-held')) };
}

function expectSameAnswer(got: RawAnswer, bare: RawAnswer, { status }: Fate): void {
  if (status !== undefined) {
    expect(got.status).toBe(status);
    expect(got.body.toString()).toMatch(/"(code|error_code)":"upstream_failed"/);
    return;
  }
  expect([got.status, got.whole]).toEqual([bare.status, bare.whole]);
  expect(got.body.toString('latin1')).toBe(bare.body.toString('latin1'));
  expect(got.headers.get('retry-after')).toBe(bare.headers.get('retry-after'));
  // Nobody is led around the gateway.
  expect(got.headers.has('location')).toBe(false);
}

describe.each(CALLS)('$name', (request) => {
  const hasText = request.isStream === true && request.path !== '/v1/responses';
  const fates = FATES.filter(({ ofText }) => ofText !== true || hasText);
  it.each(fates)('$name is passed on, charged once and rightly, and leaves nothing held', async (fate) => {
    const payer = await whole.payer({ budget: 5 });
    const bare = await askRaw(whole, request, undefined, fate.fault);
    const got = await askRaw(whole, request, payer.key, fate.fault);
    expectSameAnswer(got, bare, fate);
    const bound = nano(got.headers.get('fusewire-budget-held'));
    expect(bound).toBeGreaterThan(0n);
    const [event] = await whole.settled(payer, 1);
    expect(event!.transactionId).toBe(got.headers.get('fusewire-transaction-id'));
    const isFree = fate.charge === 'none' || (fate.charge === 'local' && request.upstream === 'ollama');
    if (isFree) expect(event!.amountNanoUsd).toBe(0n);
    else {
      expect(event!.amountNanoUsd).toBeGreaterThan(0n);
      expect(event!.amountNanoUsd).toBeLessThanOrEqual(bound);
    }
    expect(event!.priceState).not.toBe('unknown');
    if (got.status >= 400) expect(event!.body['stopReason']).toBe('ERROR');
    // The next call finds exactly this spent, and nothing but itself held.
    expect(await standingOf(payer, request)).toEqual({ spend: event!.amountNanoUsd, held: bound });
  });
});

const MESSAGES = [{ role: 'user' as const, content: 'say:3' }];
interface Retrier {
  readonly name: string;
  ask(key: string, maxRetries?: number): Promise<unknown>;
}
const RETRIERS: readonly Retrier[] = [
  ...MAJORS.map(({ major, OpenAI }) => ({
    name: `openai ${major}`,
    ask: (apiKey: string, maxRetries = 2) =>
      new OpenAI({ baseURL: `${whole.url}/v1`, apiKey, maxRetries }).chat.completions.create({
        ...{ model: 'gpt-4o-mini', messages: MESSAGES, max_tokens: 10 },
      }) as Promise<unknown>,
  })),
  ...VERSIONS.map(({ version, Anthropic }) => ({
    name: `@anthropic-ai/sdk ${version}`,
    ask: (apiKey: string, maxRetries = 2) =>
      new Anthropic({ baseURL: whole.url, apiKey, maxRetries }).messages.create({
        ...{ model: 'claude-sonnet-4-5', messages: MESSAGES, max_tokens: 10 },
      }) as Promise<unknown>,
  })),
];

describe.each(RETRIERS)('$name', ({ ask }) => {
  it('tries again as long as the upstream says, each time another attempt', async () => {
    const payer = await whole.payer({ budget: 5 });
    whole.standIn.reset();
    const fates: Fault[] = [
      { status: 429, headers: { 'retry-after-ms': '700' } },
      { status: 500, headers: { 'retry-after-ms': '3' } },
    ];
    const askedAt: number[] = [];
    whole.standIn.plan = ({ method }) => {
      if (method !== 'POST') return undefined;
      askedAt.push(performance.now());
      return fates.shift();
    };
    expect(await ask(payer.key)).toMatchObject({ id: expect.any(String) });
    // By itself the client would have waited for half a second at the most.
    expect(askedAt[1]! - askedAt[0]!).toBeGreaterThan(690);
    const events = await whole.settled(payer, 3);
    expect(events.map(({ body }) => body['errorCode'])).toEqual([429, 500, undefined]);
    expect(events.map(({ amountNanoUsd }) => amountNanoUsd > 0n)).toEqual([false, false, true]);
    expect(new Set(events.map(({ transactionId }) => transactionId)).size).toBe(3);
    expect(whole.standIn.seen.filter(({ method }) => method === 'POST')).toHaveLength(3);
  });

  it('is told once that the budget does not take another attempt', async () => {
    const first = await whole.payer({ budget: 5 });
    whole.standIn.reset();
    // What one attempt can cost, and what it did cost when nobody answered.
    whole.standIn.plan = ({ method }) => (method === 'POST' ? 'nothing' : undefined);
    await expect(ask(first.key, 0)).rejects.toMatchObject({ status: 502 });
    const [lost] = await whole.settled(first, 1);
    expect(lost!.amountNanoUsd).toBeGreaterThan(0n);
    whole.standIn.plan = undefined;
    const bound = await boundOf(ask);
    const payer = await whole.payer({ budget: dollars(bound) });
    whole.standIn.plan = ({ method }) => (method === 'POST' ? 'nothing' : undefined);
    await expect(ask(payer.key, 2)).rejects.toMatchObject({ status: 402 });
    const [event] = await whole.settled(payer, 1);
    expect(event!.amountNanoUsd).toBe(lost!.amountNanoUsd);
    whole.standIn.plan = undefined;
  });
});

const dollars = (amount: bigint) => `${amount / 1_000_000_000n}.${String(amount % 1_000_000_000n).padStart(9, '0')}`;

/** The least budget that takes a call: what is asked for in the refusal of one that does not. */
async function boundOf(ask: Retrier['ask']): Promise<bigint> {
  const { key } = await whole.payer({ budget: '0.000000001' });
  const failure = await ask(key, 0).catch((error: unknown) => error);
  expect(failure).toMatchObject({ status: 402 });
  return nano(/"asked":"([\d.]+)"/.exec(JSON.stringify((failure as { error: unknown }).error))?.[1]);
}

describe('I2: many calls of which some fail', () => {
  it('spend exactly what the ledger says, and hold nothing afterwards', async () => {
    const payer = await whole.payer({ budget: 5 });
    const request = named('chat of a local model, streamed');
    const faults: (Fault | undefined)[] = [
      undefined,
      'half-chunk',
      { status: 500 },
      'nothing',
      'garbage',
      'error-inside',
    ];
    let asked = 0;
    whole.standIn.reset();
    whole.standIn.plan = ({ method }) => {
      if (method !== 'POST') return undefined;
      asked += 1;
      return faults[asked % faults.length];
    };
    const body = request.body as string;
    const headers = { authorization: `Bearer ${payer.key}`, 'content-type': 'application/json' };
    await Promise.all(
      Array.from({ length: 60 }, async () => {
        const answer = await fetch(`${whole.url}${request.path}`, { method: 'POST', headers, body });
        await answer.text().catch(() => undefined);
      }),
    );
    whole.standIn.reset();
    const events = await whole.settled(payer, 60);
    const sum = events.reduce((total, { amountNanoUsd }) => total + amountNanoUsd, 0n);
    // Of six, one is refused by the upstream and one not answered: Ollama bills neither.
    expect(sum).toBe(40n * 3_000_000n);
    expect(await standingOf(payer, request)).toEqual({ spend: sum, held: 3_000_000n });
  });
});
