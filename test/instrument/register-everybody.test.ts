/** `fusewire/register` in a program that uses every provider: each client is guarded, and nothing is metered twice. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answerInDialect } from '../../bench/dialects.js';
import { type StubWorld, startStubWorld } from '../helpers/stub-world.js';
import { TemporaryProgram } from '../helpers/temporary-program.js';

const ROOT = process.cwd();
const TIMEOUT_MS = 60_000;
/** The Node that runs the programs; another one can be tried with this variable. */
const NODE = process.env['FUSEWIRE_TEST_NODE'] ?? process.execPath;
const MAJOR = Number.parseInt(spawnSync(NODE, ['-p', 'process.versions.node']).stdout.toString(), 10);
const PERMISSION = MAJOR < 24 ? '--experimental-permission' : '--permission';
const requests: string[] = [];
const provider = createServer((request, response) => {
  let body = '';
  request.on('data', (part) => {
    body += part;
  });
  request.on('end', () => {
    requests.push(body);
    answerInDialect(request.url ?? '', body, response);
  });
});
let program: TemporaryProgram;
let world: StubWorld;
let url: string;

beforeAll(async () => {
  provider.listen(0, '127.0.0.1');
  await once(provider, 'listening');
  url = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  program = new TemporaryProgram().installFusewire();
  const packages = [
    'openai',
    'ollama',
    '@anthropic-ai/sdk',
    '@perplexity-ai/perplexity_ai',
    '@google/genai',
    '@fal-ai/client',
  ];
  for (const name of packages) {
    const scope = name.split('/')[0]!;
    if (scope !== name) program.write(`node_modules/${scope}/README.md`, '');
    program.link(name);
  }
  program.write('node_modules/agent/package.json', '{"name":"agent","type":"module","exports":"./agent.js"}');
  program.write('node_modules/agent/agent.js', "export { createFalClient, fal } from '@fal-ai/client';");
  const copy = join(program.folder, 'node_modules/agent/node_modules/@fal-ai/client');
  cpSync(join(ROOT, 'node_modules/@fal-ai/client'), copy, { recursive: true, dereference: true });
  for (const name of ['@msgpack/msgpack', 'robot3', 'eventsource-parser']) {
    const scope = name.split('/')[0]!;
    if (scope !== name) program.write(`node_modules/${scope}/README.md`, '');
    program.link(name);
  }
}, TIMEOUT_MS);
afterAll(async () => {
  program.remove();
  provider.closeAllConnections();
  provider.close();
  await once(provider, 'close');
});
beforeEach(async () => {
  requests.length = 0;
  world = await startStubWorld();
});
afterEach(() => world.close());

const CALLS = `
  const base = process.env.PROVIDER_URL;
  const messages = [{ role: 'user', content: 'hi' }];
  const lead = (to, init) => fetch(base + new URL(to).pathname, init);
  const drain = async (stream) => { for await (const _ of stream); };
  const calls = () => {
    const openai = new OpenAI({ apiKey: 'k', baseURL: base + '/v1', maxRetries: 0 });
    const anthropic = new Anthropic({ apiKey: 'k', baseURL: base, maxRetries: 0 });
    const perplexity = new Perplexity({ apiKey: 'k', baseURL: base, maxRetries: 0 });
    const google = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: base } });
    const ollama = new Ollama({ host: base });
    fal.config({ credentials: 'k', fetch: lead });
    return {
      openai: () => openai.chat.completions.create({ model: 'm', messages }),
      openaiStream: async () => drain(await openai.chat.completions.create({ model: 'm', messages, stream: true })),
      anthropic: () => anthropic.messages.create({ model: 'm', max_tokens: 9, messages }),
      anthropicStream: async () => drain(await anthropic.messages.create({ model: 'm', max_tokens: 9, messages, stream: true })),
      perplexity: () => perplexity.chat.completions.create({ model: 'm', messages }),
      google: () => google.models.generateContent({ model: 'm', contents: 'hi' }),
      googleStream: async () => drain(await google.models.generateContentStream({ model: 'm', contents: 'hi' })),
      ollama: () => ollama.chat({ model: 'm', messages }),
      fal: () => fal.run('fal-ai/flux/dev', { input: { prompt: 'hi' } }),
      ownFal: () => createFalClient({ credentials: 'k', fetch: lead }).run('fal-ai/flux/dev', { input: { prompt: 'hi' } }),
    };
  };
  const main = async () => {
    await ready();
    const outcomes = {};
    for (const [name, call] of Object.entries(calls())) outcomes[name] = await call().then(() => 'answered', (error) => error.name);
    await close();
    console.log(JSON.stringify(outcomes));
  };`;
const ESM = `
  import OpenAI from 'openai';
  import Anthropic from '@anthropic-ai/sdk';
  import Perplexity from '@perplexity-ai/perplexity_ai';
  import { GoogleGenAI } from '@google/genai';
  import { Ollama } from 'ollama';
  import { createFalClient, fal } from '@fal-ai/client';
  import { close, ready } from 'fusewire';
  ${CALLS}
  await main();`;
const CJS = `
  const OpenAI = require('openai');
  const Anthropic = require('@anthropic-ai/sdk');
  const { GoogleGenAI } = require('@google/genai');
  const { Ollama } = require('ollama');
  const { createFalClient, fal } = require('@fal-ai/client');
  const { close, ready } = require('fusewire');
  let Perplexity;
  ${CALLS}
  // LAST
  // Published as ES modules only.
  import('@perplexity-ai/perplexity_ai').then((exported) => { Perplexity = exported.default; }).then(main);`;
const NESTED = ESM.replace("'@fal-ai/client'", "'agent'");
const FIRST = "import 'fusewire/register';";
const LAST = "require('fusewire/register');";
const REQUIRED = ['--require', 'fusewire/register'];
const FLAG = ['--import', 'fusewire/register'];
const RESTRICTED = ['--no-warnings', PERMISSION, '--allow-fs-read=*', '--allow-worker'];

/** `createFalClient` taken before register came is the package's own function, in the hands of the program. */
const LATE = ['ownFal'];
const WAYS: readonly { name: string; file: string; source: string; flags: string[]; late?: string[] }[] = [
  { name: 'ES modules, with --import', file: 'a.mjs', source: ESM, flags: FLAG },
  { name: 'ES modules, with --require', file: 'b.mjs', source: ESM, flags: REQUIRED },
  { name: 'ES modules, imported first', file: 'c.mjs', source: `${FIRST}${ESM}`, flags: [] },
  { name: 'ES modules, imported last', file: 'd.mjs', source: `${ESM}${FIRST}`, flags: [], late: LATE },
  {
    name: 'ES modules, where the runtime may not list them',
    file: 'e.mjs',
    source: `${FIRST}${ESM}`,
    flags: RESTRICTED,
  },
  { name: 'CommonJS, with --import', file: 'f.cjs', source: CJS, flags: FLAG },
  { name: 'CommonJS, with --require', file: 'g.cjs', source: CJS, flags: REQUIRED },
  { name: 'CommonJS, required last', file: 'h.cjs', source: CJS.replace('// LAST', LAST), flags: [], late: LATE },
  { name: 'ES modules, a nested copy of fal, with --import', file: 'i.mjs', source: NESTED, flags: FLAG },
  { name: 'ES modules, a nested copy of fal', file: 'j.mjs', source: `${FIRST}${NESTED}`, flags: [] },
];

async function run(file: string, source: string, flags: string[], env: Record<string, string>) {
  program.write(file, source);
  const outcome = await program.run([...flags, file], { ...env, PROVIDER_URL: url }, NODE);
  expect(outcome.code, outcome.stderr).toBe(0);
  return JSON.parse(outcome.stdout.trim().split('\n').at(-1)!) as Record<string, string>;
}

describe('a program with every provider', () => {
  it.each(WAYS)(
    '$name: each call is metered once; refused, none is sent',
    { timeout: TIMEOUT_MS },
    async ({ file, source, flags, late = [] }) => {
      const answered = await run(file, source, flags, world.env());
      expect(Object.entries(answered).filter(([, outcome]) => outcome !== 'answered')).toEqual([]);
      expect(requests).toHaveLength(10);
      const metered = world.events.map(({ provider: name }) => String(name).toLowerCase()).sort();
      const everybody = 'anthropic anthropic fal_ai fal_ai google google ollama openai openai perplexity'.split(' ');
      expect(metered).toEqual(late.length === 0 ? everybody : everybody.toSpliced(2, 1));
      requests.length = 0;
      const refused = await run(file, source, flags, world.trippedEnv());
      const sent = Object.entries(refused).filter(([, outcome]) => outcome !== 'BudgetExceededError');
      expect(sent.map(([name]) => name)).toEqual(late);
      expect(requests).toHaveLength(late.length);
    },
  );
});
