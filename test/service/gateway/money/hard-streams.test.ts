/** Streams that outgrow what was expected of them, through the gateway, as the official clients see them. */
import Anthropic from '@anthropic-ai/sdk';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WhenExhausted } from '../../../../src/holds/hold-types.js';
import { until } from '../../../helpers/until.js';
import { openWhole, type Payer, type Whole } from '../whole/whole.js';
import { changeHard, makeHard, untilNothingHeld } from './hard-support.js';
import { inLedger } from './money-support.js';

/** So many answers of five words say how long answers are. */
const LEARNT = 50;
const WORDS = 400;
/** Tokens of output that are left when the long answer begins. */
const LEFT = 60;
/** What has come in one packet passes whole: on a busy machine that is more than a word. */
const PACKET_WORDS = 100;
const MESSAGES = (words: number) => [{ role: 'user' as const, content: `say:${words}` }];

interface Seen {
  readonly words: number;
  readonly end: string | null | undefined;
}

const wordsIn = (text: string) => text.split(/\s+/).filter((word) => word !== '').length;

const CLIENTS: Record<string, (whole: Whole, payer: Payer, words: number) => Promise<Seen>> = {
  async openai({ url }, { key: apiKey }, words) {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey });
    const asked = { model: 'gpt-4o-mini', messages: MESSAGES(words), stream: true } as const;
    let text = '';
    let end: string | null | undefined;
    for await (const { choices } of await client.chat.completions.create(asked)) {
      text += choices[0]?.delta.content ?? '';
      end = choices[0]?.finish_reason ?? end;
    }
    return { words: wordsIn(text), end };
  },
  async anthropic({ url: baseURL }, { key: apiKey }, words) {
    const client = new Anthropic({ baseURL, apiKey });
    const asked = { model: 'claude-sonnet-4-5', max_tokens: 4_000, messages: MESSAGES(words) };
    const message = await client.messages.stream(asked).finalMessage();
    const [block] = message.content;
    return { words: wordsIn(block?.type === 'text' ? block.text : ''), end: message.stop_reason };
  },
  async ollama({ url: host }, { key }, words) {
    const client = new Ollama({ host, headers: { authorization: `Bearer ${key}` } });
    let text = '';
    let end: string | undefined;
    for await (const { message, done, done_reason } of await client.chat({
      ...{ model: 'llama3.2', messages: MESSAGES(words), stream: true as const },
    })) {
      text += message.content;
      if (done) end = done_reason;
    }
    return { words: wordsIn(text), end };
  },
};
/** How a client of that dialect is told that an answer stops before its end. */
const CUT_SHORT: Record<string, string> = { openai: 'length', anthropic: 'max_tokens', ollama: 'length' };
const WHOLE_END: Record<string, string> = { openai: 'stop', anthropic: 'end_turn', ollama: 'stop' };

describe.each(Object.keys(CLIENTS))('a stream to the client of %s that outgrows what is expected of it', (name) => {
  let whole: Whole;
  beforeEach(async () => {
    whole = await openWhole();
  });
  afterEach(() => whole.close());

  /** A payer whose answers were short so far, and of whose budget little is left. */
  async function prepare(whenExhausted: WhenExhausted): Promise<Payer> {
    const payer = await whole.payer();
    const fields = { metricType: 'OUTPUT_TOKEN_COUNT', estimate: 'expected', whenExhausted } as const;
    const control = await makeHard(whole, payer, { ...fields, hardLimit: '1000000' });
    await Promise.all(Array.from({ length: LEARNT }, () => CLIENTS[name]!(whole, payer, 5)));
    const events = await inLedger(whole, payer, LEARNT);
    expect(events.every(({ body }) => body['outputTokenCount'] === 5)).toBe(true);
    await untilNothingHeld(whole);
    await changeHard(whole, payer, control, { ...fields, hardLimit: String(LEARNT * 5 + LEFT) });
    await new Promise((go) => setTimeout(go, 1_200));
    whole.standIn.plan = () => ({ everyMs: 2 });
    return payer;
  }

  it('is ended in its own way with `cut`: above the limit by a packet at most, and recorded then', async () => {
    const payer = await prepare('cut');
    const seen = await CLIENTS[name]!(whole, payer, WORDS);
    expect(seen.end).toBe(CUT_SHORT[name]);
    // More than was expected, and no more than there was.
    expect(seen.words).toBeGreaterThan(6);
    expect(seen.words).toBeLessThanOrEqual(LEFT + PACKET_WORDS);
    const events = await inLedger(whole, payer, LEARNT + 1);
    const long = events.find(({ body }) => body['stopReason'] === 'COST_LIMIT');
    const output = Number(long?.body['outputTokenCount']);
    expect(output).toBeLessThanOrEqual(LEFT + PACKET_WORDS);
    expect(output).toBeGreaterThan(6);
    expect(await overruns(whole)).toBe(output > LEFT ? 1 : 0);
    await untilNothingHeld(whole);
    expect((await whole.store.verifyBalances()).wrong).toEqual([]);
  }, 60_000);

  it('ends by itself with `finish`, and the overrun is recorded', async () => {
    const payer = await prepare('finish');
    const seen = await CLIENTS[name]!(whole, payer, WORDS);
    expect(seen.end).toBe(WHOLE_END[name]);
    expect(seen.words).toBeGreaterThanOrEqual(WORDS);
    const events = await inLedger(whole, payer, LEARNT + 1);
    expect(Math.max(...events.map(({ body }) => Number(body['outputTokenCount'])))).toBe(WORDS);
    await until(async () => (await overruns(whole)) > 0, 'the overrun told');
    expect(await overruns(whole)).toBe(1);
    await untilNothingHeld(whole);
    expect((await whole.store.verifyBalances()).wrong).toEqual([]);
  }, 60_000);
});

async function overruns({ store, teamId }: Whole): Promise<number> {
  const { items } = await store.listEnforcementEvents(teamId, { page: 0, size: 200 });
  return items.filter(({ kind }) => kind === 'overrun').length;
}
