/** `fusewire/register` with Anthropic's three packages in real programs: both module systems, nested and older copies. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StubAnthropic, startStubAnthropic } from '../helpers/stub-anthropic.js';
import { type StubWorld, startStubWorld } from '../helpers/stub-world.js';
import { TemporaryProgram } from '../helpers/temporary-program.js';

const TIMEOUT_MS = 60_000;
const SDK = '@anthropic-ai/sdk';

let program: TemporaryProgram;
let world: StubWorld;
let stub: StubAnthropic;
beforeAll(async () => {
  program = new TemporaryProgram()
    .installFusewire()
    .installClient(SDK, `node_modules/${SDK}`)
    .installClient('anthropic060', 'node_modules/older')
    .installClient('@anthropic-ai/bedrock-sdk', 'node_modules/@anthropic-ai/bedrock-sdk')
    .installClient('@anthropic-ai/vertex-sdk', 'node_modules/@anthropic-ai/vertex-sdk')
    // A copy of its own, as a package manager nests it.
    .installClient(SDK, `node_modules/@anthropic-ai/vertex-sdk/node_modules/${SDK}`);
  for (const name of ['@smithy', '@aws-sdk', '@aws-crypto', '@opentelemetry', 'google-auth-library'])
    program.link(name);
  for (const name of ['standardwebhooks', 'json-schema-to-ts']) program.link(name);
  program.write('package.json', JSON.stringify({ name: 'program', dependencies: { older: `npm:${SDK}@~0.60.0` } }));
  stub = await startStubAnthropic();
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

async function run(file: string, source: string, flags: readonly string[], env: Record<string, string>) {
  program.write(file, source);
  const outcome = await program.run([...flags, file], { ...env, STUB: stub.url, ANTHROPIC_BASE_URL: stub.url });
  expect(outcome.code, outcome.stderr).toBe(0);
  expect(outcome.stderr).not.toMatch(/error/i);
  return JSON.parse(outcome.stdout.trim().split('\n').at(-1) ?? 'null') as unknown;
}

const CALLS = `
  const message = (model) => ({ model, max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] });
  const baseURL = process.env.STUB;
  await new Anthropic({ apiKey: 'k' }).messages.create({ ...message('a'), usageMetadata: { agent: 'x' } });
  await new Older({ apiKey: 'k' }).beta.messages.create(message('b'));
  await new AnthropicBedrock({ baseURL, skipAuth: true }).withOptions({ timeout: 9000 }).messages.create(message('c'));
  await new AnthropicBedrockMantle({ baseURL, skipAuth: true, awsRegion: 'r' }).messages.stream(message('d')).finalText();
  const authClient = { projectId: 'p', getRequestHeaders: async () => new Headers() };
  await new AnthropicVertex({ baseURL, region: 'r', projectId: 'p', authClient }).post('/v1/messages', { body: message('e') });
`;
const IMPORTS = `import Anthropic from '${SDK}'; import Older from 'older';
  import { AnthropicBedrock, AnthropicBedrockMantle } from '@anthropic-ai/bedrock-sdk';
  import { AnthropicVertex } from '@anthropic-ai/vertex-sdk';`;
const REQUIRES = `const { Anthropic } = require('${SDK}'); const { Anthropic: Older } = require('older');
  const { AnthropicBedrock, AnthropicBedrockMantle } = require('@anthropic-ai/bedrock-sdk');
  const { AnthropicVertex } = require('@anthropic-ai/vertex-sdk');`;
const commonJs = (before: string, after: string) => `${before} const { flush, status } = require('fusewire'); ${after}
  (async () => { ${CALLS} await flush(); ${REPORT} })();`;
const REPORT = `console.log(JSON.stringify([...new Set(status().patched.map((copy) => copy.package + ' ' + copy.module))].sort()));`;
const PACKAGES = ['@anthropic-ai/bedrock-sdk', '@anthropic-ai/sdk', '@anthropic-ai/vertex-sdk'];

describe('fusewire/register and Anthropic', () => {
  it.each<[string, string, readonly string[], string]>([
    ['first.mjs', `import 'fusewire/register'; ${IMPORTS}`, [], 'esm'],
    ['last.mjs', `${IMPORTS} import 'fusewire/register';`, [], 'esm'],
    ['preloaded.mjs', IMPORTS, ['--import', 'fusewire/register'], 'esm'],
    ['first.cjs', `require('fusewire/register'); ${REQUIRES}`, [], 'cjs'],
    ['last.cjs', `${REQUIRES} require('fusewire/register');`, [], 'cjs'],
  ])(
    'I4: %s: every client of every copy is guarded once and metered once',
    async (file, head, flags, module) => {
      const source = file.endsWith('.cjs')
        ? commonJs(head, '')
        : `${head} import { flush, status } from 'fusewire'; ${CALLS} await flush(); ${REPORT}`;
      const patched = (await run(file, source, flags, world.env())) as string[];
      expect(patched).toEqual(expect.arrayContaining(PACKAGES.map((name) => `${name} ${module}`)));
      expect(world.events.map(({ provider, agent }) => [provider, agent ?? '']).sort()).toEqual([
        ['ANTHROPIC', ''],
        ['ANTHROPIC', 'x'],
        ['AWS', ''],
        ['AWS', ''],
        ['Google', ''],
      ]);
      expect(stub.requests.every(({ text }) => !text.includes('usageMetadata'))).toBe(true);
    },
    TIMEOUT_MS,
  );

  it(
    'I1: what is refused is not sent, from any of the packages, and the error is the error itself',
    async () => {
      const calls = CALLS.trim()
        .split('\n')
        .map((line) => line.replace(/^\s*await (.*);$/, 'outcomes.push(await refused(async () => $1));'));
      const source = `import 'fusewire/register'; ${IMPORTS}
        import { BudgetExceededError, ready } from 'fusewire'; await ready(); const outcomes = [];
        const refused = (task) => task().then(() => 'sent', (error) => error instanceof BudgetExceededError);
        ${calls.join('\n')} console.log(JSON.stringify(outcomes));`;
      expect(await run('refused.mjs', source, [], world.trippedEnv())).toEqual([true, true, true, true, true]);
      expect(stub.requests).toHaveLength(0);
    },
    TIMEOUT_MS,
  );
});
