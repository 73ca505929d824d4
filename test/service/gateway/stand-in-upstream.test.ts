import Anthropic from '@anthropic-ai/sdk';
import { Ollama } from 'ollama';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { countsOf, type StandInUpstream, startStandInUpstream, UPSTREAM_KEYS } from './support/stand-in-upstream.js';

let standIn: StandInUpstream;
beforeAll(async () => {
  standIn = await startStandInUpstream();
});
beforeEach(() => standIn.reset());
afterAll(() => standIn.close());

const openai = () => new OpenAI({ apiKey: UPSTREAM_KEYS.openai, baseURL: `${standIn.openai}/v1`, maxRetries: 0 });
const anthropic = () => new Anthropic({ apiKey: UPSTREAM_KEYS.anthropic, baseURL: standIn.anthropic, maxRetries: 0 });
const ollama = () => new Ollama({ host: standIn.ollama });
const messages = [{ role: 'user' as const, content: 'say:12 cached:2, please' }];

async function chunksOf<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const chunks: T[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

it('speaks OpenAI to its own client, and counts by the request', async () => {
  const client = openai();
  const counts = countsOf({ messages });
  expect(counts).toMatchObject({ input: 6, output: 12, cached: 2, limited: false });
  const whole = await client.chat.completions.create({ model: 'gpt-4o', messages, n: 2 });
  expect(whole.choices).toHaveLength(2);
  expect(whole.usage).toMatchObject({ prompt_tokens: 6, completion_tokens: 24, total_tokens: 30 });
  const asked = { model: 'gpt-4o', messages, stream: true, max_tokens: 5 } as const;
  const bare = await chunksOf(await client.chat.completions.create(asked));
  expect(bare.some((chunk) => 'usage' in chunk)).toBe(false);
  expect(bare.at(-1)!.choices[0]!.finish_reason).toBe('length');
  const full = await chunksOf(
    await client.chat.completions.create({ ...asked, stream_options: { include_usage: true } }),
  );
  expect(full[0]!.usage).toBeNull();
  expect(full.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 5 } });
  const answer = await client.responses.create({ model: 'gpt-4o', input: 'say:3' });
  expect(answer.usage).toMatchObject({ input_tokens: 2, output_tokens: 3 });
  const events = await chunksOf(await client.responses.create({ model: 'gpt-4o', input: 'say:3', stream: true }));
  expect(events.at(-1)).toMatchObject({ type: 'response.completed', response: { usage: { output_tokens: 3 } } });
  expect(events.filter(({ type }) => type === 'response.output_text.delta')).toHaveLength(3);
  const completion = await client.completions.create({ model: 'gpt-4o', prompt: 'abcd', max_tokens: 2 });
  expect(completion.usage).toMatchObject({ prompt_tokens: 1, completion_tokens: 2 });
});

it('speaks the rest of OpenAI: embeddings, images, sound, moderations, models', async () => {
  const client = openai();
  const embedded = await client.embeddings.create({ model: 'text-embedding-3-small', input: ['abcd', 'efgh'] });
  expect(embedded.usage.prompt_tokens).toBe(2);
  expect(embedded.data[1]!.embedding).toEqual([0.25, -0.5, 1]);
  expect((await client.images.generate({ model: 'gpt-image-1', prompt: 'a cat', n: 2 })).data).toHaveLength(2);
  const speech = await client.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'Hello' });
  expect((await speech.arrayBuffer()).byteLength).toBe(10);
  const file = await toFile(Buffer.from([1, 2, 3]), 'a.mp3');
  expect((await client.audio.transcriptions.create({ model: 'whisper-1', file })).text).toBe('Budgets fail quietly.');
  expect(standIn.seen.at(-1)!.body).toMatchObject({ model: 'whisper-1' });
  expect((await client.moderations.create({ input: 'x' })).results).toEqual([]);
  expect((await chunksOf(client.models.list())).map(({ id }) => id)).toContain('gpt-4o');
});

it('speaks Anthropic to its own client', async () => {
  const client = anthropic();
  const asked = { model: 'claude-haiku-4-5', max_tokens: 5, messages } as const;
  const whole = await client.messages.create({ ...asked, messages: [...messages] });
  expect(whole).toMatchObject({ stop_reason: 'max_tokens', usage: { input_tokens: 4, output_tokens: 5 } });
  const final = await client.messages.stream({ ...asked, messages: [...messages] }).finalMessage();
  expect(final.usage).toMatchObject({ input_tokens: 4, cache_read_input_tokens: 2, output_tokens: 5 });
  expect(final.content).toEqual(whole.content);
  const counted = await client.messages.countTokens({ model: 'claude-haiku-4-5', messages: [...messages] });
  expect(counted.input_tokens).toBe(6);
  expect((await client.models.list()).data).toHaveLength(2);
});

it('speaks Ollama to its own client, and on its OpenAI endpoint to that of OpenAI', async () => {
  const client = ollama();
  const whole = await client.chat({ model: 'llama3.2', messages, options: { num_predict: 4 } });
  expect(whole).toMatchObject({ done_reason: 'length', prompt_eval_count: 6, eval_count: 4 });
  const chunks = await chunksOf(await client.generate({ model: 'llama3.2', prompt: 'say:3', stream: true }));
  expect(chunks).toHaveLength(4);
  expect(chunks.at(-1)).toMatchObject({ done: true, prompt_eval_count: 2, eval_count: 3 });
  expect((await client.embed({ model: 'nomic-embed-text', input: 'abcdefgh' })).prompt_eval_count).toBe(2);
  expect((await client.embeddings({ model: 'nomic-embed-text', prompt: 'a' })).embedding).toHaveLength(3);
  expect((await client.list()).models[0]!.name).toBe('llama3.2:latest');
  expect((await client.ps()).models).toHaveLength(1);
  expect((await client.show({ model: 'llama3.2' })).details.family).toBe('llama');
  expect(await (await fetch(`${standIn.ollama}/api/version`)).json()).toEqual({ version: '0.12.6' });
  expect(await (await fetch(`${standIn.ollama}/`)).text()).toBe('Ollama is running');
  await expect(client.chat({ model: 'missing', messages })).rejects.toThrow("model 'missing' not found");
  const compatible = new OpenAI({ apiKey: 'any', baseURL: `${standIn.ollama}/v1`, maxRetries: 0 });
  const ids = [];
  for (let call = 0; call < 8; call += 1) {
    ids.push((await compatible.chat.completions.create({ model: 'llama3.2', messages })).id);
  }
  expect(new Set(ids).size).toBeLessThan(8);
  await expect(compatible.images.generate({ model: 'llama3.2', prompt: 'x' })).rejects.toThrow('404');
});

it('takes its own keys only, and says what it saw', async () => {
  await expect(
    openai().withOptions({ apiKey: 'sk_customer' }).chat.completions.create({ model: 'gpt-4o', messages }),
  ).rejects.toMatchObject({ status: 401 });
  const [seen] = standIn.seen;
  expect(seen).toMatchObject({ upstream: 'openai', method: 'POST', path: '/v1/chat/completions' });
  expect(seen!.headers.authorization).toBe('Bearer sk_customer');
  expect(JSON.parse(seen!.bytes.toString())).toEqual({ model: 'gpt-4o', messages });
});

const post = (body: object, signal?: AbortSignal) =>
  fetch(`${standIn.ollama}/api/chat`, {
    method: 'POST',
    body: JSON.stringify({ model: 'm', messages, ...body }),
    ...(signal ? { signal } : {}),
  });

it('fails on demand, in the way that was asked for', async () => {
  standIn.faults.push({ status: 429, headers: { 'retry-after': '7' } });
  const limited = await post({});
  expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7']);
  expect(await limited.json()).toEqual({ error: 'stand-in fault' });
  standIn.faults.push('nothing');
  await expect(post({})).rejects.toThrow();
  standIn.faults.push('empty');
  expect(await (await post({})).text()).toBe('');
  standIn.faults.push('garbage');
  expect(await (await post({})).text()).toContain('<html>');
  standIn.faults.push('error-inside');
  const lines = (await (await post({})).text()).trim().split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[2]).toContain('"error"');
  standIn.faults.push({ body: 'so' });
  expect(await (await post({ stream: false })).text()).toBe('so');
});

it('cuts, splits and ends bytes where it was told to', async () => {
  const whole = await (await post({})).text();
  standIn.faults.push({ cutAt: 100 });
  const cut = await readAll(await post({}));
  expect(cut).toEqual({ text: Buffer.from(whole).subarray(0, 100).toString(), broke: true });
  standIn.faults.push('half-chunk');
  expect(await readAll(await post({}))).toMatchObject({ broke: true });
  expect(standIn.seen.at(-1)!.end).toBe('broken');
  standIn.faults.push('bytes', 'crlf', 'ends-early');
  expect(await (await post({})).text()).toBe(whole);
  expect(await (await post({})).text()).toBe(whole.replaceAll('\n', '\r\n'));
  expect(await readAll(await post({}))).toEqual({ text: expect.not.stringContaining('done_reason'), broke: false });
});

async function readAll(response: Response): Promise<{ text: string; broke: boolean }> {
  const parts: Uint8Array[] = [];
  let broke = false;
  try {
    for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) parts.push(part);
  } catch {
    broke = true;
  }
  return { text: Buffer.concat(parts).toString(), broke };
}

it('holds until it is released, goes on by steps, and counts what it did after a caller left', async () => {
  standIn.faults.push('hold-head', 'step');
  const held = post({});
  await standIn.arrived(1);
  standIn.release();
  expect((await held).status).toBe(200);
  const leaving = new AbortController();
  const stepped = post({}, leaving.signal);
  await standIn.arrived(2);
  standIn.release();
  await (await stepped).body!.getReader().read();
  leaving.abort();
  await standIn.seen[1]!.left;
  expect(standIn.seen[1]).toMatchObject({ end: 'left', generated: 1, generatedAfterLeave: 0 });
  standIn.isStubborn = true;
  standIn.faults.push({ everyMs: 1 });
  const second = new AbortController();
  await (await post({}, second.signal)).body!.getReader().read();
  second.abort();
  await standIn.seen[2]!.left;
  await expect.poll(() => standIn.seen[2]!.generated).toBe(13);
  expect(standIn.seen[2]!.generatedAfterLeave).toBeGreaterThan(0);
});
