// The built service and the built SDK, as `npm start` runs them: the part of the package test that needs no install.
// Runs on every Node version of the check (.ci/run), for the embedded database differs between them.
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { cp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { meteredEvents, runLoop } from '../package/support/loop.js';
import { run } from '../package/support/run.js';
import { type Served, serve } from '../package/support/serve.js';
import { type StubProvider, startStubProvider } from '../package/support/stub-provider.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

describe('the built service', () => {
  let provider: StubProvider;
  let served: Served;
  let project: string;
  beforeAll(async () => {
    project = mkdtempSync(join(tmpdir(), 'fusewire-smoke-'));
    symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'));
    const programs = join(ROOT, 'test', 'package', 'programs');
    for (const name of await readdir(programs)) await cp(join(programs, name), join(project, name));
    provider = await startStubProvider();
    served = await serve(join(ROOT, 'bin', 'fusewire.mjs'), project);
  });
  afterAll(async () => {
    await served?.stop();
    await provider?.close();
    rmSync(project, { recursive: true, force: true });
  });

  it('I1: lets both clients through, meters them, and has them refused when the control trips', async () => {
    const result = await runLoop(project, 'loop.mjs', served, provider);
    expect(result.answers).toEqual({ openai: 'Four.', ollama: 'Four.' });
    expect(Object.values(result.refused).map((refusal) => refusal.ruleName)).toEqual([
      'Tokens of a day',
      'Tokens of a day',
    ]);
    expect(provider.requests).toBe(result.attempts);
    expect(await meteredEvents(served)).toHaveLength(result.attempts);
  });

  it('I1: still refuses a CommonJS program that starts afterwards', async () => {
    const sent = provider.requests;
    const env = { ...served.env, REVENIUM_CIRCUIT_BREAKER_ENABLED: 'true', TEST_PROVIDER_URL: provider.url };
    const program = `
      const { guard, ready, close, BudgetExceededError } = require('fusewire');
      const { Ollama } = require('ollama');
      const client = guard(new Ollama({ host: process.env.TEST_PROVIDER_URL }));
      ready().then(() => client.chat({ model: 'llama3.2', messages: [] }))
        .catch((error) => { console.log(error instanceof BudgetExceededError); return close(); });`;
    const { stdout } = await run(process.execPath, ['-e', program], { cwd: project, env });
    expect(stdout.trim()).toBe('true');
    expect(provider.requests).toBe(sent);
  });
});
