/** The adapter of docs/writing-a-provider.md, run as it stands there. */
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StubWorld, startStubWorld } from '../helpers/stub-world.js';
import { TemporaryProgram } from '../helpers/temporary-program.js';

const LINES_MAX = 40;
const document = readFileSync(new URL('../../docs/writing-a-provider.md', import.meta.url), 'utf8');
const adapter = /```ts\n([\s\S]*?)```/.exec(document)![1]!;

const PROGRAM = `
  import { BudgetExceededError, close, guard, ready } from 'fusewire';
  import { acme } from './acme.mjs';
  const usage = { input: 7, output: 2, cached: 3 };
  let requests = 0;
  const client = guard({
    acmeVersion: 1,
    chat: {
      async complete(request) {
        requests += 1;
        return { id: 'a', text: 'blue', request, ...(request.model === 'odd' ? { text: undefined } : { usage }) };
      },
      async *stream() { requests += 1; yield { text: 'bl' }; yield { text: 'ue', usage }; },
    },
  }, { providers: [acme] });
  await ready();
  const seen = [];
  try {
    seen.push(await client.chat.complete({ model: 'acme-1', prompt: 'Why?', usageMetadata: { agent: 'triage' } }));
    for await (const part of client.chat.stream({ model: 'acme-1', prompt: 'Why?' })) seen.push(part);
    seen.push(await client.chat.complete({ model: 'odd', prompt: 'Why?' }));
  } catch (error) {
    seen.push(BudgetExceededError.is(error) ? 'refused' : String(error));
  }
  await close();
  console.log(JSON.stringify({ seen, requests }));`;

let program: TemporaryProgram;
let world: StubWorld;
beforeAll(async () => {
  world = await startStubWorld();
  program = new TemporaryProgram().installFusewire();
  const target = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  program.write('acme.mjs', ts.transpileModule(adapter, { compilerOptions: target }).outputText);
  program.write('main.mjs', PROGRAM);
}, 60_000);
afterAll(async () => {
  await world.close();
  program.remove();
});

async function run(env: Record<string, string>) {
  const { stdout, stderr } = await program.run(['main.mjs'], env);
  return { ...(JSON.parse(stdout.trim().split('\n').at(-1)!) as { seen: unknown[]; requests: number }), stderr };
}

describe('the adapter of the document', () => {
  it('is as short as the document says', () => {
    expect(adapter.trimEnd().split('\n').length).toBeLessThanOrEqual(LINES_MAX);
  });

  it('meters answers and streams, and calls an answer of another shape unknown', async () => {
    const { seen, requests } = await run(world.env());
    expect(requests).toBe(3);
    expect(seen[0]).toMatchObject({ text: 'blue', request: { model: 'acme-1', prompt: 'Why?' } });
    expect(seen[0]).not.toHaveProperty('request.usageMetadata');
    expect(world.events).toHaveLength(3);
    const [whole, streamed, odd] = ['complete', 'stream', 'odd'].map((kind) =>
      world.events.find((event) => {
        const { endpoint } = event['attributes'] as { endpoint: string };
        return kind === 'odd' ? event['model'] === 'odd' : endpoint === `chat.${kind}` && event['model'] === 'acme-1';
      }),
    );
    const counts = { inputTokenCount: 7, outputTokenCount: 2, cacheReadTokenCount: 3, provider: 'ACME' };
    expect(whole).toMatchObject({ ...counts, agent: 'triage', attributes: { usageState: 'reported' } });
    expect(streamed).toMatchObject({ ...counts, isStreamed: true });
    expect(odd).toMatchObject({ attributes: { usageState: 'unknown', providerResponseId: 'a' } });
  });

  it('I1: refuses before anything is sent', async () => {
    const { seen, requests } = await run(world.trippedEnv());
    expect(seen).toEqual(['refused']);
    expect(requests).toBe(0);
  });
});
