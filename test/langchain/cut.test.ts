import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Bench, chatOllama, chatOpenAI, startBench } from '../helpers/langchain-model.js';
import { chatChunks } from '../helpers/stub-provider-answers.js';

let bench: Bench;

beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  bench = await startBench();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await bench.close();
});

const openai = [
  ...chatChunks('chatcmpl-1', { model: 'gpt-4o-mini', stream_options: { include_usage: true } }, false).map(
    (chunk) => `data: ${JSON.stringify(chunk)}\n\n`,
  ),
  'data: [DONE]\n\n',
];
const WORDS = ['The ', 'sky ', 'is ', 'blue.'];
const ollama = [
  ...WORDS.map((content) => ({ model: 'm', message: { role: 'assistant', content }, done: false })),
  { model: 'm', message: { role: 'assistant', content: '' }, done: true, prompt_eval_count: 11, eval_count: 5 },
].map((chunk) => `${JSON.stringify(chunk)}\n`);

/** A server whose answer breaks off after `pieces` of its chunks. */
async function startCutServer(chunks: readonly string[]) {
  let pieces = 0;
  const server = createServer(async (request, response) => {
    request.resume();
    response.writeHead(200);
    response.flushHeaders();
    for (const chunk of chunks.slice(0, pieces)) await new Promise((go) => response.write(chunk, go));
    if (pieces === chunks.length) response.end();
    else setImmediate(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutAfter: (count: number) => {
      pieces = count;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const KINDS = [
  ['ChatOpenAI', openai, chatOpenAI, [21, 9], openai.length - 2],
  ['ChatOllama', ollama, chatOllama, [11, 5], ollama.length - 1],
] as const;

describe.each(KINDS)('I4: a stream of %s', (_name, chunks, create, counts, lastWithoutCounts) => {
  it('that is cut after every chunk in turn is one event, with the truth or a marked estimate', async () => {
    const server = await startCutServer(chunks);
    const model = create(server.url, { callbacks: [bench.handler()] });
    for (let pieces = 0; pieces <= chunks.length; pieces += 1) {
      server.cutAfter(pieces);
      bench.events.length = 0;
      let failed = false;
      try {
        for await (const _ of await model.stream('why is it blue?'));
      } catch {
        failed = true;
      }
      expect(bench.events, `cut after ${pieces}`).toHaveLength(1);
      const [event] = bench.events;
      const state = event?.attributes?.['usageState'];
      expect(failed, `cut after ${pieces}`).toBe(pieces < chunks.length);
      if (!failed) expect(event).toMatchObject({ inputTokenCount: counts[0], outputTokenCount: counts[1] });
      else expect(event).toMatchObject({ stopReason: 'ERROR' });
      if (pieces <= lastWithoutCounts) expect(['estimated', 'unknown'], `cut after ${pieces}`).toContain(state);
      if (state === 'unknown') expect(event?.totalTokenCount).toBe(0);
      if (state === 'estimated') expect(event?.inputTokenCount).toBeGreaterThan(0);
    }
    await server.close();
  });
});
