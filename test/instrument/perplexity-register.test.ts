/** `fusewire/register` with Perplexity's package, which is published as ES modules only, in real programs. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StubWorld, startStubWorld } from '../helpers/stub-world.js';
import { TemporaryProgram } from '../helpers/temporary-program.js';

const TIMEOUT_MS = 60_000;
const NAME = '@perplexity-ai/perplexity_ai';

let program: TemporaryProgram;
let world: StubWorld;
beforeAll(() => {
  program = new TemporaryProgram().installFusewire().installClient(NAME, `node_modules/${NAME}`);
}, TIMEOUT_MS);
afterAll(() => program.remove());
beforeEach(async () => {
  world = await startStubWorld();
});
afterEach(() => world.close());

const variables = (base: Record<string, string>) => ({
  ...base,
  PERPLEXITY_API_KEY: 'k',
  PERPLEXITY_BASE_URL: world.url,
});

async function run(file: string, source: string, flags: readonly string[], env: Record<string, string>) {
  program.write(file, source);
  const outcome = await program.run([...flags, file], variables(env));
  expect(outcome.code, outcome.stderr).toBe(0);
  return JSON.parse(outcome.stdout.trim().split('\n').at(-1) ?? 'null') as unknown;
}

const CALLS = `
  const chat = { model: 'sonar', messages: [{ role: 'user', content: 'hi' }] };
  await new Perplexity().chat.completions.create({ ...chat, usageMetadata: { agent: 'x' } });
  await new Perplexity().withOptions({ timeout: 9000 }).search.create({ query: 'a' });
  await new Perplexity().post('/chat/completions', { body: chat });
`;

describe('fusewire/register and Perplexity', () => {
  it.each<[string, string, readonly string[]]>([
    ['imported first', `import 'fusewire/register'; import Perplexity from '${NAME}';`, []],
    ['imported after the client', `import Perplexity from '${NAME}'; import 'fusewire/register';`, []],
    ['preloaded', `import { Perplexity } from '${NAME}';`, ['--import', 'fusewire/register']],
    ['a deep import', `import 'fusewire/register'; import { Perplexity } from '${NAME}/client.js';`, []],
  ])(
    'I4: %s, every client is metered once',
    async (name, head, flags) => {
      const file = `${name.replaceAll(' ', '-')}.mjs`;
      const source = `${head} import { flush, status } from 'fusewire'; ${CALLS} await flush();
        console.log(JSON.stringify(status().patched.map((copy) => [copy.package, copy.module])));`;
      expect(await run(file, source, flags, world.env())).toEqual([[NAME, 'esm']]);
      expect(world.events.map(({ provider, model }) => [provider, model]).sort()).toEqual([
        ['PERPLEXITY', 'search'],
        ['PERPLEXITY', 'sonar'],
        ['PERPLEXITY', 'sonar'],
      ]);
      expect(world.events.filter(({ agent }) => agent === 'x')).toHaveLength(1);
      expect(world.calls.every(({ body }) => !('usageMetadata' in body))).toBe(true);
    },
    TIMEOUT_MS,
  );

  it(
    'I4: a CommonJS program can only import it, and is metered once',
    async () => {
      const source = `require('fusewire/register'); const { flush } = require('fusewire');
        (async () => { const { Perplexity } = await import('${NAME}'); ${CALLS} await flush(); console.log('null'); })();`;
      await run('program.cjs', source, [], world.env());
      expect(world.events).toHaveLength(3);
    },
    TIMEOUT_MS,
  );

  it(
    'I1: what is refused is not sent, and the error is the error itself',
    async () => {
      const source = `import 'fusewire/register'; import Perplexity from '${NAME}';
        import { BudgetExceededError, ready } from 'fusewire'; await ready();
        const outcome = await new Perplexity().search.create({ query: 'a' }).then(() => 'sent', (error) => error);
        console.log(JSON.stringify([outcome instanceof BudgetExceededError, outcome.ruleName]));`;
      expect(await run('refused.mjs', source, [], world.trippedEnv())).toEqual([true, 'all']);
      expect(world.calls).toHaveLength(0);
    },
    TIMEOUT_MS,
  );
});
