/** A thousand requests at once on budgets for fewer: exactly as many pass as fit, and nothing stays set aside. */
import type { Agent } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../../helpers/until.js';
import { usePostgres } from '../../postgres-support.js';
import { countsOf } from '../support/stand-in-upstream.js';
import { OLLAMA_FEES, OLLAMA_NANO_USD, openWhole, type Payer, type Whole } from '../whole/whole.js';
import {
  type Asked,
  ask,
  type Got,
  inLedger,
  nano,
  openAgent,
  posted,
  refusalOf,
  spentBy,
  statuses,
} from './money-support.js';

const server = usePostgres();
const REQUESTS = 1_000;

describe.each(['sqlite', 'postgres'] as const)('a thousand at once, on %s', (kind) => {
  let whole: Whole;
  let agent: Agent;

  beforeEach(async () => {
    const databaseUrl = kind === 'postgres' ? await server.createMigrated() : undefined;
    whole = await openWhole({ service: databaseUrl === undefined ? {} : { databaseUrl } });
    await whole.price({ model: 'llama3.2', provider: 'OLLAMA', ...OLLAMA_FEES });
    await whole.price({ model: 'qwen3:8b', provider: 'OLLAMA', ...OLLAMA_FEES });
    agent = openAgent();
  });
  afterEach(async () => {
    agent.destroy();
    await whole.close();
  });

  const send = (asked: Asked) => ask(agent, whole.url, asked);

  /** All at once, every admitted one under way until the last is decided on: the hardest case for whoever adds up. */
  async function atOnce(calls: readonly Asked[]): Promise<Got[]> {
    whole.standIn.plan = () => 'hold-head';
    let refused = 0;
    const answers = calls.map((call) =>
      send(call).then((got) => {
        if (got.status === 402) refused += 1;
        return got;
      }),
    );
    await until(() => refused + posted(whole) >= calls.length, 'a decision on every call', 60_000);
    whole.standIn.plan = undefined;
    whole.standIn.releaseAll();
    return Promise.all(answers);
  }

  /** What is set aside beside the call that is asked by, as its own answer says. */
  async function heldBeside(payer: Payer, own: bigint): Promise<bigint> {
    const got = await send({ path: '/api/chat', key: payer.key, body: chat('llama3.2', false) });
    const held = got.status === 402 ? refusalOf(got)['held'] : String(got.headers['fusewire-budget-held']);
    return nano(String(held)) - (got.status === 402 ? 0n : own);
  }

  /** Decided in this process on both stores alike: what only reads its answer in another way is tried on one of them. */
  const onOne = <T extends readonly unknown[]>(cases: readonly T[]) => (kind === 'sqlite' ? cases : cases.slice(-1));

  it.each(
    onOne([
      ['plain', false, '/api/chat'],
      ['streamed', true, '/api/chat'],
      ['streamed by the OpenAI endpoint', true, '/v1/chat/completions'],
    ] as const),
  )(
    'priced flat, %s: exactly 100 of 1,000',
    async (_name, stream, path) => {
      const payer = await whole.payer({ budget: '0.3' });
      const calls = Array.from({ length: REQUESTS }, () => ({ path, key: payer.key, body: chat('llama3.2', stream) }));
      const answers = await atOnce(calls);
      expect(statuses(answers)).toEqual({ 200: 100, 402: 900 });
      expect(answers.every(({ broken }) => !broken)).toBe(true);
      await inLedger(whole, payer, 100);
      expect(await spentBy(whole, payer)).toBe(100n * OLLAMA_NANO_USD);
      expect(await heldBeside(payer, OLLAMA_NANO_USD)).toBe(0n);
      // A larger budget has room for exactly what it is larger by.
      await whole.made(`/v2/api/customers/${payer.id}`, { budget: '0.312' }, 'PATCH');
      await until(async () => (await send(calls[0]!)).status === 402, 'the budget used up again');
      await inLedger(whole, payer, 104);
    },
    120_000,
  );

  it('many keys of one customer draw on one budget', async () => {
    const payer = await whole.payer({ budget: '0.3' });
    const keys = [payer.key];
    for (let i = 0; i < 9; i += 1) keys.push((await whole.makeKey(payer.id)).key);
    const calls = Array.from({ length: REQUESTS }, (_, i) => {
      return { path: '/api/chat', key: keys[i % keys.length]!, body: chat('llama3.2', i % 2 === 0) };
    });
    expect(statuses(await atOnce(calls))).toEqual({ 200: 100, 402: 900 });
    await inLedger(whole, payer, 100);
    expect(await spentBy(whole, payer)).toBe(100n * OLLAMA_NANO_USD);
    expect(await heldBeside(payer, OLLAMA_NANO_USD)).toBe(0n);
  }, 120_000);

  it('several budgets at once: a call passes where all have room, and none is passed over', async () => {
    const payer = await whole.payer({ budget: '0.3' });
    const second = await whole.makeKey(payer.id);
    const other = await whole.payer();
    const money = { metricType: 'TOTAL_COST', windowType: 'MONTHLY', onUnknownPrice: 'refuse' } as const;
    const is = (dimension: 'CREDENTIAL' | 'MODEL', value: string) => [{ dimension, operator: 'IS', value }] as const;
    await whole.control({ ...money, name: 'key', hardLimit: '0.12', filters: [...is('CREDENTIAL', payer.keyId)] });
    await whole.control({ ...money, name: 'model', hardLimit: '0.15', filters: [...is('MODEL', 'qwen3:8b')] });
    const limits = { payer: 100, key: 40, model: 50 };
    const calls = Array.from({ length: REQUESTS }, (_, i) => {
      const key = [payer.key, second.key, second.key, other.key][i % 4]!;
      const model = i % 3 === 0 ? 'qwen3:8b' : 'llama3.2';
      return { path: '/api/chat', key, body: chat(model, false) };
    });
    const answers = await atOnce(calls);
    const used = { payer: 0, key: 0, model: 0 };
    const concerned = ({ key, body }: Asked) => [
      ...(key === other.key ? [] : (['payer'] as const)),
      ...(key === payer.key ? (['key'] as const) : []),
      ...((body as { model: string }).model === 'qwen3:8b' ? (['model'] as const) : []),
    ];
    for (const [i, call] of calls.entries()) {
      if (answers[i]!.status === 200) for (const budget of concerned(call)) used[budget] += 1;
    }
    for (const [i, call] of calls.entries()) {
      const isFull = concerned(call).some((budget) => used[budget] === limits[budget]);
      if (answers[i]!.status === 402) expect(isFull, `call ${i} refused although all had room`).toBe(true);
    }
    expect(used.key).toBeLessThanOrEqual(limits.key);
    expect(used).toMatchObject({ payer: 100, model: 50 });
    await inLedger(whole, payer, used.payer);
  }, 120_000);

  it.each(
    onOne([
      ['plain', false],
      ['streamed', true],
    ] as const),
  )(
    'priced by tokens, %s: what fits by its bound passes, and what was not used is used later',
    async (_n, stream) => {
      const limit = nano('0.02');
      const payer = await whole.payer({ budget: '0.02' });
      const sizes = Array.from({ length: REQUESTS }, (_, i) => ({
        letters: (i * 37) % 900,
        output: 50 + ((i * 53) % 450),
      }));
      const calls = sizes.map(({ letters, output }) => mini(payer, stream, letters, output));
      const answers = await atOnce(calls);
      let set = 0n;
      for (const [i, { status }] of answers.entries()) if (status === 200) set += boundOf(calls[i]!);
      expect(set).toBeLessThanOrEqual(limit);
      for (const [i, got] of answers.entries()) {
        if (got.status !== 402) continue;
        expect(nano(refusalOf(got)['asked']!), 'the bound').toBe(boundOf(calls[i]!));
        expect(set + boundOf(calls[i]!), `call ${i} fits and was refused`).toBeGreaterThan(limit);
      }
      const passed = answers.filter(({ status }) => status === 200).length;
      expect(passed).toBeGreaterThan(20);
      expect(passed + answers.filter(({ status }) => status === 402).length).toBe(REQUESTS);
      let spent = calls.reduce((sum, call, i) => (answers[i]!.status === 200 ? sum + costOf(call) : sum), 0n);
      await inLedger(whole, payer, passed);
      expect(await spentBy(whole, payer)).toBe(spent);
      expect(spent * 4n).toBeLessThan(limit);
      // One after the other now, by the serial oracle: what a call did not use is there for the next one.
      let later = 0;
      for (let i = 0; i < 120; i += 1) {
        const call = calls[(i * 7) % calls.length]!;
        const fits = spent + boundOf(call) <= limit;
        expect((await send(call)).status, `serial call ${i}`).toBe(fits ? 200 : 402);
        if (!fits) continue;
        spent += costOf(call);
        later += 1;
      }
      expect(later).toBeGreaterThan(50);
      await inLedger(whole, payer, passed + later);
      expect(await spentBy(whole, payer)).toBe(spent);
    },
    120_000,
  );
});

function chat(model: string, stream: boolean) {
  return { model, messages: [{ role: 'user', content: 'say:5 Hello' }], stream };
}

function mini({ key }: Payer, stream: boolean, letters: number, output: number): Asked {
  const messages = [{ role: 'user', content: `say:20 ${'x'.repeat(letters)}` }];
  return { path: '/v1/chat/completions', key, body: { model: 'gpt-4o-mini', messages, max_tokens: output, stream } };
}

/** Every byte a token of input, every token at the list's price: 0.15 and 0.6 dollars a million. */
function boundOf({ body }: Asked): bigint {
  const { max_tokens } = body as { max_tokens: number };
  return BigInt(Buffer.byteLength(JSON.stringify(body))) * 150n + BigInt(max_tokens) * 600n;
}

/** What the stand-in reports, at the same prices. */
function costOf({ body }: Asked): bigint {
  const { input, output } = countsOf(body as Record<string, unknown>);
  return BigInt(input) * 150n + BigInt(output) * 600n;
}
