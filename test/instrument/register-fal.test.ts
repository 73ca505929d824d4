/** `fusewire/register` and fal's client, in real processes: a function makes its clients, and one is there at once. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StubWorld, startStubWorld } from '../helpers/stub-world.js';
import { TemporaryProgram } from '../helpers/temporary-program.js';

const TIMEOUT_MS = 60_000;
let program: TemporaryProgram;
let world: StubWorld;

beforeAll(() => {
  program = new TemporaryProgram().installFusewire();
  program.write('node_modules/@fal-ai/README.md', '');
  program.link('@fal-ai/client');
}, TIMEOUT_MS);
afterAll(() => program.remove());
beforeEach(async () => {
  world = await startStubWorld();
});
afterEach(() => world.close());

/** Leads what is meant for fal to the stub; metering goes its own way. */
const LEAD = `
  const lead = (url, init) => fetch(process.env.STUB_URL + new URL(url).pathname, init);
  const call = async (task) => {
    try { return await task(); } catch (error) { return error.name; }
  };`;
const CALLS = `
  const seen = [];
  fal.config({ credentials: 'k', fetch: lead });
  seen.push(await call(async () => (await fal.run('fal-ai/flux/dev', { input: { prompt: 'a' }, usageMetadata: { agent: 'one' } })).requestId));
  fal.config({ credentials: 'k', fetch: lead });
  seen.push(await call(async () => (await fal.run('fal-ai/flux/dev', { input: { prompt: 'b' } })).requestId));
  const own = createFalClient({ credentials: 'k', fetch: lead });
  seen.push(await call(async () => (await own.run('fal-ai/flux/dev', { input: { prompt: 'c' } })).requestId));
  seen.push(await call(async () => typeof (await fal.queue.submit('fal-ai/flux/dev', { input: {} }))));`;

const ESM = `
  IMPORT
  import { createFalClient, fal } from '@fal-ai/client';
  import { close, status } from 'fusewire';
  ${LEAD}
  ${CALLS}
  await close();
  console.log(JSON.stringify({ seen }));`;
const CJS = `
  IMPORT
  const { createFalClient, fal } = require('@fal-ai/client');
  const { close } = require('fusewire');
  ${LEAD}
  (async () => {
    ${CALLS}
    await close();
    console.log(JSON.stringify({ seen }));
  })();`;

const WAYS: readonly (readonly [string, string, string, string, string[]])[] = [
  ['ESM, with the flag', 'a.mjs', ESM, '', ['--import', 'fusewire/register']],
  ['ESM, imported first', 'b.mjs', ESM, "import 'fusewire/register';", []],
  ['CommonJS, with the flag', 'c.cjs', CJS, '', ['--import', 'fusewire/register']],
  ['CommonJS, required first', 'd.cjs', CJS, "require('fusewire/register');", []],
  ['CommonJS, required after the client', 'e.cjs', CJS, "require('@fal-ai/client'); require('fusewire/register');", []],
];

describe('fusewire/register guards fal’s clients', () => {
  it.each(WAYS)('%s: each call is metered once', { timeout: TIMEOUT_MS }, async (_name, file, source, first, flags) => {
    program.write(file, source.replace('IMPORT', first));
    const { stdout, stderr } = await program.run([...flags, file], world.env());
    expect(stderr.replace(/^.*(Warning|trace-warnings).*$/gm, '').trim()).toBe('');
    expect(JSON.parse(stdout.trim().split('\n').at(-1)!).seen).toHaveLength(4);
    const prompts = world.calls.map(({ body }) => body['prompt']);
    expect(prompts).toEqual(['a', 'b', 'c', undefined]);
    expect(JSON.stringify(world.calls)).not.toContain('usageMetadata');
    const events = world.events.filter(({ provider }) => provider === 'fal_ai');
    expect(events).toHaveLength(4);
    expect(events.map(({ agent }) => agent).filter((agent) => agent !== undefined)).toEqual(['one']);
  });

  it.each(WAYS)('%s: I1: refused is not sent', { timeout: TIMEOUT_MS }, async (_name, file, source, first, flags) => {
    const waited = source.replace('const seen = [];', 'const seen = []; await ready();');
    const imported = waited.replace('close, status }', 'close, ready }').replace('{ close }', '{ close, ready }');
    program.write(file, imported.replace('IMPORT', first));
    const { stdout } = await program.run([...flags, file], world.trippedEnv());
    expect(JSON.parse(stdout.trim().split('\n').at(-1)!).seen).toEqual(Array(4).fill('BudgetExceededError'));
    expect(world.calls).toEqual([]);
  });
});
