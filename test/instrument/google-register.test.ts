/** `fusewire/register` and the clients of Google in real programs: their methods are own properties of each instance. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { patchNamespace } from '../../src/instrument/register-patch.js';
import { type StubGoogle, startStubGoogle } from '../helpers/stub-google.js';
import { type StubWorld, startStubWorld } from '../helpers/stub-world.js';
import { TemporaryProgram } from '../helpers/temporary-program.js';

const TIMEOUT_MS = 60_000;
let program: TemporaryProgram;
let world: StubWorld;
let stub: StubGoogle;

beforeAll(async () => {
  stub = await startStubGoogle();
  program = new TemporaryProgram()
    .installFusewire()
    .installClient('@google/genai', 'node_modules/@google/genai')
    .installClient('genai1', 'node_modules/genai-first')
    .installClient('genai3', 'node_modules/agent/node_modules/@google/genai');
  for (const name of ['google-auth-library', 'p-retry', 'protobufjs', 'ws']) program.link(name);
  const exports = { import: './agent.mjs', require: './agent.cjs' };
  program.write('node_modules/agent/package.json', JSON.stringify({ name: 'agent', exports }));
  const agent =
    'export const agent = () => new GoogleGenAI({}).models.generateContent({ model: "agent", contents: "a" });';
  program.write('node_modules/agent/agent.mjs', `import { GoogleGenAI } from '@google/genai'; ${agent}`);
  const dependencies = { 'genai-first': 'npm:@google/genai@^1.0.0' };
  program.write('package.json', JSON.stringify({ name: 'program', dependencies }));
}, TIMEOUT_MS);
afterAll(async () => {
  program.remove();
  await stub.close();
});
beforeEach(async () => {
  stub.reset();
  world = await startStubWorld();
});
afterEach(() => world.close());

/** Runs a program; its last line is JSON. */
async function run(file: string, source: string, tripped = false, flags: string[] = []): Promise<unknown> {
  program.write(file, source);
  const env = {
    ...(tripped ? world.trippedEnv() : world.env()),
    GEMINI_API_KEY: 'k',
    GOOGLE_GEMINI_BASE_URL: stub.url,
  };
  const outcome = await program.run([...flags, file], env);
  expect(outcome.code, outcome.stderr).toBe(0);
  return JSON.parse(outcome.stdout.trim().split('\n').at(-1) ?? 'null');
}

const models = () => world.events.map((event) => String(event['model'])).sort();

const USES = `
  const client = new GoogleGenAI({});
  class Mine extends GoogleGenAI { #own = 1; own() { return this.#own; } }
  const uses = async () => {
    await client.models.generateContent({ model: 'plain', contents: 'a', usageMetadata: { agent: 'x' } });
    for await (const chunk of await client.models.generateContentStream({ model: 'stream', contents: 'a' })) chunk.text;
    await client.chats.create({ model: 'chat' }).sendMessage({ message: 'a' });
    const mine = new Mine({});
    await mine.models.generateContent({ model: 'subclass', contents: 'a' });
    await new First({}).models.generateContent({ model: 'first', contents: 'a' });
    await flush();
    return [mine.own(), mine instanceof GoogleGenAI, Object.keys(client).includes('operations'), isInitialized('google')];
  };
`;

describe('fusewire/register with @google/genai', () => {
  it(
    'I4: meters every copy once: nested, aliased and subclassed, ESM',
    async () => {
      const result = await run(
        'static.mjs',
        `import 'fusewire/register';
         import { GoogleGenAI } from '@google/genai';
         import { GoogleGenAI as First } from 'genai-first';
         import { agent } from 'agent';
         import { flush, isInitialized, status } from 'fusewire';
         ${USES}
         await agent();
         const result = await uses();
         console.log(JSON.stringify([...result, status().patched.map(({ version, module }) => parseInt(version) + module).sort()]));`,
      );
      expect(result).toEqual([1, true, true, true, ['1esm', '2esm', '3esm']]);
      expect(models()).toEqual(['agent', 'chat', 'first', 'plain', 'stream', 'subclass']);
      expect(world.events.find(({ model }) => model === 'plain')).toMatchObject({ agent: 'x', totalTokenCount: 23 });
    },
    TIMEOUT_MS,
  );

  it(
    'I4: so it does in CommonJS, preloaded by a flag',
    async () => {
      const result = await run(
        'program.cjs',
        `const { GoogleGenAI } = require('@google/genai');
         const { GoogleGenAI: First } = require('genai-first');
         const { flush, isInitialized } = require('fusewire');
         ${USES}
         uses().then((result) => console.log(JSON.stringify(result)));`,
        false,
        ['--require', 'fusewire/register'],
      );
      expect(result).toEqual([1, true, true, true]);
      expect(models()).toEqual(['chat', 'first', 'plain', 'stream', 'subclass']);
    },
    TIMEOUT_MS,
  );

  it(
    'I4: clients that are made after it are guarded, also where their module was loaded before',
    async () => {
      const result = await run(
        'late.mjs',
        `import { GoogleGenAI } from '@google/genai';
         import { GoogleGenAI as First } from 'genai-first';
         const { registration } = await import('fusewire/register');
         await registration.ready;
         const { flush, isInitialized } = await import('fusewire');
         ${USES}
         console.log(JSON.stringify(await uses()));`,
      );
      expect(result).toEqual([1, true, true, true]);
      expect(models()).toEqual(['chat', 'first', 'plain', 'stream', 'subclass']);
    },
    TIMEOUT_MS,
  );

  it(
    'I1: a refused call sends nothing and throws the error itself, by every copy',
    async () => {
      const result = await run(
        'refused.mjs',
        `import 'fusewire/register';
         import { GoogleGenAI } from '@google/genai';
         import { GoogleGenAI as First } from 'genai-first';
         import { BudgetExceededError, ready } from 'fusewire';
         await ready();
         const names = [];
         for (const Class of [GoogleGenAI, First]) {
           const client = new Class({});
           const ask = { model: 'm', contents: 'a' };
           for (const call of [
             () => client.models.generateContent(ask),
             () => client.models.generateContentStream(ask),
             () => client.interactions.create({ model: 'm', input: 'a' }),
           ]) names.push(await call().then(() => 'passed', (error) => error instanceof BudgetExceededError));
         }
         console.log(JSON.stringify(names));`,
        true,
      );
      expect(result).toEqual(Array.from({ length: 6 }, () => true));
      expect(stub.requests).toHaveLength(0);
    },
    TIMEOUT_MS,
  );
});

describe('a class whose methods are own properties', () => {
  const classes = [{ exportName: 'Client', brand: 'constructor', methods: [], adoptOnAssign: 'last' }];

  it('hands over each instance when the property is assigned, and keeps what a program sees of it', () => {
    class Client {
      // As the client's compiler writes it: assigned, not defined.
      declare first: number;
      declare last: string;
      constructor(last: string) {
        this.first = 1;
        this.last = last;
      }
    }
    const adopted: object[] = [];
    for (let time = 0; time < 2; time += 1) patchNamespace({ Client }, classes, (one) => adopted.push(one) > 0);
    const client = new (class extends Client {})('a');
    expect(adopted).toEqual([client]);
    expect(Object.keys(client)).toEqual(['first', 'last']);
    expect(Object.getOwnPropertyDescriptor(client, 'last')).toMatchObject({
      value: 'a',
      writable: true,
      enumerable: true,
    });
    client.last = 'b';
    expect(client.last).toBe('b');
    expect(adopted).toHaveLength(1);
    expect(Object.keys(Client.prototype)).toEqual([]);
  });
});
