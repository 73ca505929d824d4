/** `fusewire/register` in real programs: real processes, real copies of the clients, both module systems. */
import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StubWorld, startStubWorld } from '../helpers/stub-world.js';
import { TemporaryProgram } from '../helpers/temporary-program.js';

const TIMEOUT_MS = 60_000;
/** The Node that runs the programs; another one can be tried with this variable. */
const NODE = process.env['FUSEWIRE_TEST_NODE'] ?? process.execPath;
/** What that Node can: get an ES module's exports at once, and which flag restricts it. */
const CAN = JSON.parse(
  spawnSync(NODE, [
    '-p',
    'JSON.stringify([process.features.require_module === true, process.versions.node])',
  ]).stdout.toString(),
) as [requiresModules: boolean, version: string];
const PERMISSION = Number.parseInt(CAN[1], 10) < 24 ? '--experimental-permission' : '--permission';
let program: TemporaryProgram;
let world: StubWorld;

/** An agent framework that brings a copy of its own, as ESM and as CommonJS. */
const AGENT_ESM = `
  import OpenAI from 'openai';
  export const agent = () => new OpenAI().chat.completions.create({ model: 'agent-esm', messages: [] });
`;
const AGENT_CJS = `
  const OpenAI = require('openai');
  exports.agent = () => new OpenAI().chat.completions.create({ model: 'agent-cjs', messages: [] });
`;

beforeAll(() => {
  program = new TemporaryProgram()
    .installFusewire()
    .installClient('openai', 'node_modules/openai')
    .installClient('openai7', 'node_modules/openai-next')
    .installClient('openai5', 'node_modules/agent/node_modules/openai')
    .installClient('ollama06', 'node_modules/ollama')
    .link('whatwg-fetch');
  program.write(
    'node_modules/agent/package.json',
    JSON.stringify({ name: 'agent', exports: { import: './agent.mjs', require: './agent.cjs' } }),
  );
  program.write('node_modules/agent/agent.mjs', AGENT_ESM);
  program.write('node_modules/agent/agent.cjs', AGENT_CJS);
  program.write(
    'package.json',
    JSON.stringify({ name: 'program', dependencies: { 'openai-next': 'npm:openai@^7.0.0' } }),
  );
}, TIMEOUT_MS);

afterAll(() => program.remove());

beforeEach(async () => {
  world = await startStubWorld();
});

afterEach(() => world.close());

/** Runs a program; its last line is JSON. */
async function run(file: string, source: string, options: { flags?: string[]; env?: Record<string, string> } = {}) {
  program.write(file, source);
  const outcome = await program.run([...(options.flags ?? []), file], options.env ?? world.env(), NODE);
  expect(outcome.code, outcome.stderr).toBe(0);
  return { ...outcome, result: JSON.parse(outcome.stdout.trim().split('\n').at(-1) ?? 'null') as unknown };
}

const models = (list: readonly { readonly body?: Record<string, unknown>; readonly model?: unknown }[]) =>
  list.map((item) => String(item.body?.['model'] ?? item.model)).sort();

/** The end of every program: what was patched, as package@major:module system:folder. */
const REPORT = `
  const patchedCopies = () => status().patched.map(
    (copy) => [copy.package + '@' + parseInt(copy.version), copy.module, copy.path.split('node_modules/').slice(1).join('')].join(':')
  ).sort();
`;

describe('fusewire/register', () => {
  it.each<[string, string[]]>([
    ['in one static graph', []],
    ['in one static graph, where ES modules cannot be required', ['--no-experimental-require-module']],
  ])(
    'I4: %s, meters every copy once: nested, aliased, subclassed and cloned clients, by every path',
    async (_name, flags) => {
      const { result, stderr } = await run(
        'static.mjs',
        `import 'fusewire/register';
         import { agent } from 'agent';
         import OpenAI, { AzureOpenAI } from 'openai';
         import Next from 'openai-next';
         import ollama, { Ollama } from 'ollama';
         import { flush, status } from 'fusewire';
         ${REPORT}
         await agent();
         const client = new OpenAI();
         await client.chat.completions.create({ model: 'first', messages: [], usageMetadata: { agent: 'x' } });
         const stream = await client.chat.completions.create({ model: 'stream', messages: [], stream: true });
         let chunks = 0;
         for await (const chunk of stream) chunks += 1;
         await client.chat.completions.stream({ model: 'helper', messages: [] }).finalMessage();
         await client.post('/chat/completions', { body: { model: 'post', messages: [] } });
         await new OpenAI().withOptions({ timeout: 9000 }).chat.completions.create({ model: 'clone', messages: [] });
         await new Next().chat.completions.create({ model: 'next', messages: [] });
         class Mine extends OpenAI { #own = 1; own() { return this.#own; } }
         const mine = new Mine();
         await mine.chat.completions.create({ model: 'subclass', messages: [] });
         const azure = new AzureOpenAI({ baseURL: process.env.STUB_URL + '/openai', apiKey: 'k', apiVersion: '1' });
         await azure.chat.completions.create({ model: 'azure', messages: [] });
         ollama.config.host = process.env.STUB_URL;
         await ollama.chat({ model: 'ollama-default', messages: [], usageMetadata: { agent: 'x' } });
         const local = new Ollama({ host: process.env.STUB_URL });
         for await (const chunk of await local.generate({ model: 'ollama-stream', prompt: '', stream: true }));
         await flush();
         const dynamic = await import('openai');
         console.log(JSON.stringify({
           patched: patchedCopies(), chunks,
           same: [client instanceof OpenAI, azure instanceof OpenAI, mine instanceof Mine, mine.own() === 1, OpenAI === dynamic.default],
         }));`,
        { flags },
      );
      expect(result).toEqual({
        patched: [
          'ollama@0:esm:ollama',
          'openai@5:esm:agent/openai',
          'openai@6:esm:openai',
          'openai@7:esm:openai-next',
        ],
        chunks: 1,
        same: [true, true, true, true, true],
      });
      expect(models(world.events)).toEqual(models(world.calls));
      const made = 'agent-esm first stream helper post clone next subclass azure ollama-default ollama-stream';
      expect(models(world.calls)).toEqual(made.split(' ').sort());
      expect(JSON.stringify(world.calls)).not.toContain('usageMetadata');
      expect(world.events.filter((event) => event['agent'] === 'x')).toHaveLength(2);
      expect(stderr.includes('--import fusewire/register')).toBe(flags.length > 0 || !CAN[0]);
    },
    TIMEOUT_MS,
  );

  // Node before 20.19 cannot get an ES module's exports at once; there register says so, and `--import` is the way.
  it.skipIf(!CAN[0])(
    'I1: in one static graph, a sibling that calls while it is evaluated is guarded, metered or refused, in that call',
    async () => {
      program.write(
        'sibling.mjs',
        `import OpenAI from 'openai';
         import ollama from 'ollama';
         import { agent } from 'agent';
         ollama.config.host = process.env.STUB_URL;
         export const calls = [
           new OpenAI().chat.completions.create({ model: 'sibling', messages: [], usageMetadata: { agent: 'x' } }),
           ollama.chat({ model: 'sibling-ollama', messages: [], usageMetadata: { agent: 'x' } }),
           agent(),
         ].map((call) => call.then(() => 'answered', (error) => error.name));`,
      );
      const source = `
        import 'fusewire/register';
        import { calls } from './sibling.mjs';
        import { flush } from 'fusewire';
        const outcomes = await Promise.all(calls);
        await flush();
        console.log(JSON.stringify(outcomes));`;
      const open = await run('siblings.mjs', source);
      expect(open.result).toEqual(['answered', 'answered', 'answered']);
      expect(models(world.calls)).toEqual(['agent-esm', 'sibling', 'sibling-ollama']);
      expect(models(world.events)).toEqual(models(world.calls));
      expect(JSON.stringify(world.calls)).not.toContain('usageMetadata');
      world.calls.length = 0;
      const env = { ...world.trippedEnv(), REVENIUM_CB_FAIL_MODE: 'closed' };
      const refused = await run('siblings.mjs', source, { env });
      expect(refused.result).toEqual(Array(3).fill('BudgetExceededError'));
      expect(world.calls).toEqual([]);
    },
    TIMEOUT_MS,
  );

  const COMMONJS = `
    const { agent } = require('agent');
    const OpenAI = require('openai');
    const { default: ollama, Ollama } = require('ollama');
    const Next = require('openai-next');
    const { flush, status } = require('fusewire');
    ${REPORT}
    (async () => {
      await agent();
      await new OpenAI().chat.completions.create({ model: 'main', messages: [] });
      await new Next().chat.completions.create({ model: 'next', messages: [] });
      ollama.config.host = process.env.STUB_URL;
      await ollama.chat({ model: 'default-export', messages: [] });
      await new Ollama({ host: process.env.STUB_URL }).generate({ model: 'instance', prompt: '' });
      const late = (await import('openai')).default;
      await new late().chat.completions.create({ model: 'late-esm', messages: [] });
      await flush();
      console.log(JSON.stringify(patchedCopies()));
    })();
  `;

  it.each<[string, string, string[]]>([
    ['required first', `require('fusewire/register');${COMMONJS}`, []],
    ['required after the clients', COMMONJS.replace('(async', `require('fusewire/register');(async`), []],
    ['by --require', COMMONJS, ['--require', 'fusewire/register']],
    ['by --import', COMMONJS, ['--import', 'fusewire/register']],
  ])(
    'I4: a CommonJS program, %s, is metered once in both module systems',
    async (_name, source, flags) => {
      const { result, stderr } = await run('common.cjs', source, { flags });
      expect(result).toEqual([
        'ollama@0:cjs:ollama',
        'openai@5:cjs:agent/openai',
        'openai@6:cjs:openai',
        'openai@6:esm:openai',
        'openai@7:cjs:openai-next',
      ]);
      expect(models(world.calls)).toEqual(['agent-cjs', 'default-export', 'instance', 'late-esm', 'main', 'next']);
      expect(models(world.events)).toEqual(models(world.calls));
      expect(stderr).toBe('');
    },
    TIMEOUT_MS,
  );

  it(
    'I4: by --import, an ES module program is metered once, also by deep imports and required copies',
    async () => {
      const { result } = await run(
        'flag.mjs',
        `import { createRequire } from 'node:module';
         import { OpenAI } from 'openai/client';
         import Next from 'openai-next';
         import { Ollama } from 'ollama/browser';
         import { agent } from 'agent';
         import { flush, status } from 'fusewire';
         ${REPORT}
         const Required = createRequire(import.meta.url)('openai');
         await agent();
         await new OpenAI().chat.completions.create({ model: 'deep', messages: [] });
         await new Next().chat.completions.create({ model: 'next', messages: [] });
         await new Required().chat.completions.create({ model: 'required', messages: [] });
         await new Ollama({ host: process.env.STUB_URL }).chat({ model: 'browser', messages: [] });
         await flush();
         console.log(JSON.stringify(patchedCopies()));`,
        { flags: ['--import', 'fusewire/register'] },
      );
      expect(result).toEqual([
        'ollama@0:esm:ollama',
        'openai@5:esm:agent/openai',
        'openai@6:cjs:openai',
        'openai@6:esm:openai',
        'openai@7:esm:openai-next',
      ]);
      expect(models(world.calls)).toEqual(['agent-esm', 'browser', 'deep', 'next', 'required']);
      expect(models(world.events)).toEqual(models(world.calls));
    },
    TIMEOUT_MS,
  );

  it(
    'I4: registered by both copies of this package, and wrapped by another instance, a client is metered once',
    async () => {
      const { result } = await run(
        'twice.mjs',
        `import 'fusewire/register';
         import { createRequire } from 'node:module';
         import OpenAI from 'openai';
         import { Ollama } from 'ollama';
         import { createFusewire, flush, guard, status } from 'fusewire';
         const require = createRequire(import.meta.url);
         require('fusewire/register');
         const commonjs = require('fusewire');
         const own = createFusewire({ usageMetadata: { agent: 'own' } });
         const clients = [own.guard(new OpenAI()), guard(commonjs.guard(new OpenAI())), new OpenAI()];
         for (const [i, client] of clients.entries()) {
           await client.chat.completions.create({ model: 'openai-' + i, messages: [] });
           guard(client);
           await client.chat.completions.create({ model: 'openai-' + i, messages: [] });
         }
         const ollama = commonjs.guard(own.guard(new Ollama({ host: process.env.STUB_URL })));
         await ollama.chat({ model: 'ollama', messages: [] });
         await own.close();
         await flush();
         console.log(JSON.stringify([status().calls.attempts, commonjs.status().calls.attempts, own.status().calls.attempts]));`,
      );
      expect(result).toEqual([4, 4, 3]);
      expect(models(world.events)).toEqual(models(world.calls));
      expect(world.events.filter((event) => event['agent'] === 'own')).toHaveLength(3);
    },
    TIMEOUT_MS,
  );

  it(
    'I1: over budget, every first use of every client throws BudgetExceededError itself, and nothing is sent',
    async () => {
      const { result } = await run(
        'refused.mjs',
        `import 'fusewire/register';
         import { createRequire } from 'node:module';
         import OpenAI, { AzureOpenAI } from 'openai';
         import { Ollama } from 'ollama';
         import { BudgetExceededError, close, ready } from 'fusewire';
         const Required = createRequire(import.meta.url)('openai');
         await ready();
         const body = { model: 'm', messages: [] };
         class Mine extends OpenAI {}
         const azure = { baseURL: process.env.STUB_URL + '/openai', apiKey: 'k', apiVersion: '1' };
         const local = () => new Ollama({ host: process.env.STUB_URL });
         const paths = {
           create: () => new OpenAI().chat.completions.create(body),
           streamed: () => new OpenAI().chat.completions.create({ ...body, stream: true }),
           stream: async () => new OpenAI().chat.completions.stream(body).finalMessage(),
           runTools: async () => new OpenAI().chat.completions.runTools({ ...body, tools: [] }).finalMessage(),
           parse: () => new OpenAI().chat.completions.parse(body),
           responses: () => new OpenAI().responses.create({ model: 'm', input: 'x' }),
           responsesStream: async () => new OpenAI().responses.stream({ model: 'm', input: 'x' }).finalResponse(),
           embeddings: () => new OpenAI().embeddings.create({ model: 'm', input: 'x' }),
           completions: () => new OpenAI().completions.create({ model: 'm', prompt: 'x' }),
           withOptions: () => new OpenAI().withOptions({ timeout: 1 }).chat.completions.create(body),
           post: () => new OpenAI().post('/chat/completions', { body }),
           request: () => new OpenAI().request({ method: 'post', path: '/chat/completions', body }),
           asResponse: () => new OpenAI().chat.completions.create(body).asResponse(),
           withResponse: () => new OpenAI().chat.completions.create(body).withResponse(),
           azure: () => new AzureOpenAI(azure).chat.completions.create(body),
           subclass: () => new Mine().chat.completions.create(body),
           required: () => new Required().chat.completions.create(body),
           chat: () => local().chat({ model: 'm', messages: [] }),
           chatStream: () => local().chat({ model: 'm', messages: [], stream: true }),
           generate: () => local().generate({ model: 'm', prompt: '' }),
           embed: () => local().embed({ model: 'm', input: '' }),
           ollamaEmbeddings: () => local().embeddings({ model: 'm', prompt: '' }),
         };
         const outcomes = {};
         for (const [name, call] of Object.entries(paths)) {
           const error = await call().then(() => 'sent', (thrown) => thrown);
           outcomes[name] = error instanceof BudgetExceededError || String(error);
         }
         await close();
         console.log(JSON.stringify(outcomes));`,
        { env: world.trippedEnv() },
      );
      expect(Object.entries(result as object).filter(([, outcome]) => outcome !== true)).toEqual([]);
      expect(Object.keys(result as object)).toHaveLength(22);
      expect(world.calls).toEqual([]);
      expect(world.events).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'changes nothing else: names, lengths and keys of the clients are what they are without it, and the process ends',
    async () => {
      const source = `
        import OpenAI from 'openai';
        import { Ollama } from 'ollama';
        const shape = (object) => Object.getOwnPropertyNames(object).map((name) => {
          const { value, ...rest } = Object.getOwnPropertyDescriptor(object, name);
          return [name, rest, typeof value, value?.name, value?.length];
        });
        const client = new OpenAI();
        console.log(JSON.stringify([
          OpenAI.prototype, OpenAI.Chat.Completions.prototype, OpenAI.Responses.prototype, Ollama.prototype,
          Object.getPrototypeOf(Ollama.prototype), client, client.chat.completions, new Ollama(),
        ].map(shape)));`;
      const bare = await run('shape.mjs', source);
      const registered = await run('shape-registered.mjs', `import 'fusewire/register';${source}`);
      expect(registered.result).toEqual(bare.result);
      if (CAN[0]) expect(registered.stderr).toBe(bare.stderr);
    },
    TIMEOUT_MS,
  );

  it.each<[string, string[], Record<string, string>, string]>([
    ['without any configuration', [], {}, ''],
    ['with a broken configuration', [], { REVENIUM_METERING_BASE_URL: 'ftp://x', REVENIUM_CB_FAIL_MODE: 'closde' }, ''],
    ['with a stack trace limit of 0', ['--stack-trace-limit=0'], {}, 'Error.prepareStackTrace = () => undefined;'],
    ['with a folder of no package', [], { NODE_PATH: '/nowhere' }, 'process.argv.length = 1;'],
  ])(
    'I2: %s, a program runs as it does without it',
    async (_name, flags, env, prelude) => {
      program.write('prelude.mjs', prelude);
      const { result } = await run(
        'plain.mjs',
        `import './prelude.mjs';
         import 'fusewire/register';
         import OpenAI from 'openai';
         const answer = await new OpenAI({ maxRetries: 0 }).chat.completions.create({ model: 'm', messages: [] });
         console.log(JSON.stringify(answer.choices[0].message.content));`,
        { flags, env: { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: `${world.url}/v1`, ...env } },
      );
      expect(result).toBe('hi');
      expect(models(world.calls)).toEqual(['m']);
    },
    TIMEOUT_MS,
  );

  it(
    'I2: a client that cannot be guarded passes, said once; a copy that does not load is its own importers’ affair',
    async () => {
      program.write('node_modules/broken/package.json', '{"name":"openai","version":"6.0.0"}');
      program.write('node_modules/broken/client.mjs', 'throw new Error("broken install")');
      const { result, stderr } = await run(
        'odd.mjs',
        `import OpenAI from 'openai';
         const broken = await import('./node_modules/broken/client.mjs').catch((error) => error.message);
         await import('fusewire/register');
         class Odd extends OpenAI { constructor() { super(); delete this.embeddings; } }
         const send = () => new Odd().chat.completions.create({ model: 'odd', messages: [] });
         const answers = [await send(), await send()];
         console.log(JSON.stringify([broken, ...answers.map((answer) => answer.choices[0].message.content)]));`,
      );
      expect(result).toEqual(['broken install', 'hi', 'hi']);
      expect(stderr.split('use guard()')).toHaveLength(2);
    },
    TIMEOUT_MS,
  );

  it(
    'where the runtime may not list what is loaded, the copies that the program’s script resolves are patched',
    async () => {
      const { result } = await run(
        'restricted.mjs',
        `import 'fusewire/register';
         import OpenAI from 'openai';
         import { flush, status } from 'fusewire';
         ${REPORT}
         await new OpenAI().chat.completions.create({ model: 'm', messages: [] });
         await flush();
         console.log(JSON.stringify(patchedCopies()));`,
        { flags: ['--no-warnings', PERMISSION, '--allow-fs-read=*', '--allow-worker'] },
      );
      expect(result).toEqual(['ollama@0:esm:ollama', 'openai@6:esm:openai']);
      expect(models(world.events)).toEqual(['m']);
    },
    TIMEOUT_MS,
  );
});
