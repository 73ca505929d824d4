/**
 * Models whose own client is guarded too, and models whose client is not, at once, in one process: run by
 * inside.test.ts under each Node that there is. Prints what was metered for whom.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ChatOllama } from '@langchain/ollama';
import { ChatOpenAI, OpenAI } from '@langchain/openai';
import { createFusewire } from '../../src/index.js';
import { ReveniumCallbackHandler } from '../../src/langchain.js';
import { partsOf } from '../../src/parts-of.js';

const [mode] = process.argv.slice(2);
// LangGraph and @langchain/core/context set up LangChain's own asynchronous storage: handlers then run inside of it.
if (mode === 'with-context') await import('@langchain/core/context');

let count = 0;
const server = createServer(async (request, response) => {
  let text = '';
  for await (const part of request) text += part;
  const body = JSON.parse(text) as { model: string; stream?: boolean; messages?: { content: string }[] };
  count += 1;
  const id = `chatcmpl-${count}`;
  const said = `echo ${body.messages?.at(-1)?.content ?? ''}`;
  await new Promise((go) => setTimeout(go, (count * 7) % 23));
  if (request.url === '/api/chat') {
    const last = { model: body.model, done: true, done_reason: 'stop', prompt_eval_count: 3, eval_count: 2 };
    response.end(`${JSON.stringify({ ...last, message: { role: 'assistant', content: said } })}\n`);
    return;
  }
  const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };
  const head = { id, model: body.model, created: 1 };
  if (body.stream !== true) {
    const message = { role: 'assistant', content: said };
    const choices = [{ index: 0, message, text: said, finish_reason: 'stop' }];
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ ...head, object: 'chat.completion', choices, usage }));
    return;
  }
  response.setHeader('content-type', 'text/event-stream');
  const send = (fields: object) => response.write(`data: ${JSON.stringify({ ...head, ...fields })}\n\n`);
  for (const word of said.split(' ')) send({ choices: [{ index: 0, delta: { content: word } }] });
  send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
  send({ choices: [], usage });
  response.end('data: [DONE]\n\n');
});
await new Promise<void>((go) => server.listen(0, '127.0.0.1', go));
const { port } = server.address() as AddressInfo;
const hosts = { [`127.0.0.1:${port}`]: 'openai' } as const;
const url = `http://127.0.0.1:${port}`;

const fusewire = createFusewire({ apiKey: 'hak_test', meteringBaseUrl: url, logLevel: 'ERROR' });
interface Seen {
  readonly agent?: string;
  readonly transactionId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}
let events: Seen[] = [];
partsOf(fusewire).outbox.append = (_id, event) => void events.push(event as never);
const handler = new ReveniumCallbackHandler({ instance: fusewire });

const open = (guarded: boolean, options: object = {}) =>
  new ChatOpenAI({
    model: 'gpt-4o-mini',
    apiKey: 'k',
    maxRetries: 0,
    callbacks: [handler],
    configuration: {
      baseURL: `${url}/v1`,
      ...(guarded ? { fetch: fusewire.guardFetch(fetch, { hosts }) as typeof fetch } : {}),
    },
    ...options,
  });
/** The openai client itself is guarded, not its fetch. */
const openByClient = (options: object = {}) => {
  const model = open(false, options);
  const inner = (model as unknown as { completions: { _getClientOptions(o: object): void; client: object } })
    .completions;
  inner._getClientOptions({});
  fusewire.guard(inner.client);
  return model;
};
const local = (guarded: boolean) => {
  const model = new ChatOllama({ model: 'llama3.2', baseUrl: url, callbacks: [handler] });
  if (guarded) fusewire.guard(model.client);
  return model;
};
const drain = async (stream: AsyncIterable<unknown>) => {
  for await (const _ of stream);
};
const metadata = (agent: string) => ({ metadata: { usageMetadata: { agent } } });

const report: Record<string, unknown> = {};
/** What became of the runs: how many events each agent has, and how many of all were metered inside. */
async function scene(name: string, runs: number, task: () => Promise<unknown>): Promise<void> {
  events = [];
  await task();
  const byAgent = new Map<string, number>();
  for (const { agent = 'none' } of events) byAgent.set(agent, (byAgent.get(agent) ?? 0) + 1);
  const inside = events.filter(({ attributes }) => !String(attributes['endpoint']).startsWith('langchain')).length;
  const isOnce = byAgent.size === runs && [...byAgent.values()].every((one) => one === 1);
  report[name] = { events: events.length, inside, isOnce };
}

const models = [open(true), open(false), openByClient(), open(false), local(true), local(false)];
const ask = (i: number, prompt: string) => {
  const model = models[i % models.length] as ChatOpenAI;
  const options = metadata(`agent-${i}`);
  return i % 4 < 2 ? model.invoke(prompt, options) : model.stream(prompt, options).then(drain);
};
const many = (prompt: (i: number) => string) => () =>
  Promise.all(Array.from({ length: 60 }, (_, i) => ask(i, prompt(i))));

await scene(
  'sixty at once',
  60,
  many((i) => `question number ${i}.`),
);
await scene(
  'sixty at once with one prompt',
  60,
  many(() => 'hello'),
);
await scene(
  'prompts within prompts',
  60,
  many((i) => 'hello '.repeat(1 + (i % 7)).trim()),
);
const queued = openByClient({ maxConcurrency: 2 });
const line = (prompt: (i: number) => string) => () =>
  Promise.all(Array.from({ length: 12 }, (_, i) => queued.invoke(prompt(i), metadata(`agent-${i}`))));
await scene(
  'a queue inside the model',
  12,
  line((i) => `question number ${i}.`),
);
await scene(
  'a queue inside the model, one prompt',
  12,
  line(() => 'hello'),
);
const prompts = [[['human', 'one']], [['human', 'two']], [['human', 'three']]] as never;
await scene('several prompts of one call', 1, async () => {
  const { generations } = await openByClient().generate(prompts, metadata('agent'));
  if (generations.length !== 3) throw new Error('three answers were asked for');
  if (events.length === 3) events = events.slice(0, 1);
});
await scene('several prompts in one request', 1, async () => {
  const completion = new OpenAI({
    model: 'm',
    apiKey: 'k',
    callbacks: [handler],
    configuration: { baseURL: `${url}/v1`, fetch: fusewire.guardFetch(fetch, { hosts }) as typeof fetch },
  });
  await completion.generate(['one', 'two', 'three'], metadata('agent'));
});
// Calls that no handler is told of, beside a run whose client is not guarded: with the same model, prompt and time.
await scene('a guarded client beside a run', 2, async () => {
  const { default: Client } = await import('openai');
  const client = fusewire.guard(new Client({ apiKey: 'k', baseURL: `${url}/v1` }));
  const messages = [{ role: 'user' as const, content: 'hello' }];
  await Promise.all([
    open(false).invoke('hello', metadata('run')),
    client.chat.completions.create({ model: 'gpt-4o-mini', messages, usageMetadata: { agent: 'direct' } }),
  ]);
});
await scene('a guarded client of another instance', 2, async () => {
  const other = createFusewire({ apiKey: 'hak_other', meteringBaseUrl: url, logLevel: 'ERROR' });
  partsOf(other).outbox.append = (_id, event) => void events.push({ ...(event as never as Seen), agent: 'other' });
  const guarded = other.guardFetch(fetch, { hosts });
  await open(false, { configuration: { baseURL: `${url}/v1`, fetch: guarded } }).invoke('hello', metadata('run'));
});

console.log(JSON.stringify(report));
server.closeAllConnections();
server.close();
process.exit(0);
