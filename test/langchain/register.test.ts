/** The default instance, `fusewire/register` and a handler without a configuration, in a real program. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StubWorld, startStubWorld } from '../helpers/stub-world.js';
import { TemporaryProgram } from '../helpers/temporary-program.js';

const NODE = process.env['FUSEWIRE_TEST_NODE'] ?? process.execPath;
const TIMEOUT_MS = 60_000;
let program: TemporaryProgram;
let world: StubWorld;

const PROGRAM = `
  import { ChatOllama } from '@langchain/ollama';
  import { ChatOpenAI } from '@langchain/openai';
  import { close, ready } from 'fusewire';
  import { BudgetExceededError, isInitialized, ReveniumCallbackHandler } from 'fusewire/langchain';
  console.error = () => {};
  const before = isInitialized();
  const callbacks = [new ReveniumCallbackHandler({ agent: 'triage' })];
  await ready({ timeoutMs: 3000 });
  const models = [
    new ChatOpenAI({ model: 'gpt-4o-mini', callbacks, configuration: { baseURL: process.env.OPENAI_BASE_URL } }),
    new ChatOllama({ model: 'llama3.2', callbacks, baseUrl: process.env.STUB_URL }),
  ];
  const said = [];
  for (const model of models) {
    try {
      said.push(String((await model.invoke('hi')).content));
      for await (const chunk of await model.stream('hi')) if (chunk.content) said.push(String(chunk.content));
    } catch (error) {
      said.push(BudgetExceededError.is(error) ? 'refused' : String(error));
    }
  }
  const initialized = [before, isInitialized()];
  await close();
  console.log(JSON.stringify({ said, initialized }));
`;
/** The same in CommonJS: what LangChain requires is then CommonJS too. */
const COMMON = `(async () => {${PROGRAM.replace(/import (\{[^}]*\}) from ('[^']*');/g, 'const $1 = require($2);')}})();`;

beforeAll(() => {
  program = new TemporaryProgram().installFusewire().link('@langchain');
  program.write('main.mjs', PROGRAM);
  program.write('main.cjs', COMMON);
}, TIMEOUT_MS);
afterAll(() => program.remove());
beforeEach(async () => {
  world = await startStubWorld();
});
afterEach(() => world.close());

describe('with fusewire/register', () => {
  const cases = [
    ['main.mjs', ['--import', 'fusewire/register']],
    ['main.cjs', ['--require', 'fusewire/register']],
    ['main.mjs', []],
  ] as const;

  it.each(cases)(
    'I4: %s under %j meters each run once, for whom the handler knows',
    async (file, flags) => {
      const outcome = await program.run([...flags, file], world.env(), NODE);
      expect(outcome.stderr).toBe('');
      const said = JSON.parse(outcome.stdout.trim().split('\n').at(-1) ?? '');
      expect(said.said.join('')).toMatch(/^(hi)+$/);
      expect(said.initialized).toEqual([false, true]);
      expect(world.calls).toHaveLength(4);
      expect(world.events).toHaveLength(4);
      expect(world.events.map(({ agent }) => agent)).toEqual(Array(4).fill('triage'));
      const inside = world.events.filter(({ attributes }) => !/^langchain/.test((attributes as never)['endpoint']));
      expect(inside).toHaveLength(flags.length === 0 ? 0 : 4);
    },
    TIMEOUT_MS,
  );

  it(
    'I1: refuses before the request',
    async () => {
      const outcome = await program.run(['--import', 'fusewire/register', 'main.mjs'], world.trippedEnv(), NODE);
      expect(JSON.parse(outcome.stdout.trim().split('\n').at(-1) ?? '').said).toEqual(['refused', 'refused']);
      expect([world.calls, world.events]).toEqual([[], []]);
    },
    TIMEOUT_MS,
  );
});
