import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningService, startService } from '../../../service/index.js';
import { runCli } from '../../helpers/run-cli.js';
import { runInProcess } from './in-process.js';

const TAGS = {
  models: [
    { name: 'llama3.2:latest', model: 'llama3.2:latest', size: 2_019_393_189, modified_at: '2026-11-01T10:00:00Z' },
    { name: 'own:7b', model: 'own:7b', size: 512, modified_at: '2026-11-02T10:00:00Z' },
  ],
};

describe('fusewire models', { timeout: 60_000 }, () => {
  let folder: string;
  let service: RunningService;
  let ollama: Server;
  let answer: { status: number; body: string };
  let base: string;
  let env: Record<string, string>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusewire-cli-'));
    service = await startService();
    ollama = createServer((request, reply) => {
      const isAsked = request.url === '/api/tags';
      reply.writeHead(isAsked ? answer.status : 404).end(isAsked ? answer.body : '');
    });
    await new Promise<void>((resolve) => ollama.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(ollama.address() as { port: number }).port}`;
    answer = { status: 200, body: JSON.stringify(TAGS) };
    env = {
      OLLAMA_BASE_URL: base,
      REVENIUM_METERING_BASE_URL: service.url,
      REVENIUM_WRITE_API_KEY: service.keys.write,
    };
  });
  afterAll(async () => {
    await service.close();
    await new Promise((resolve) => ollama.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });
  const run = (args: readonly string[], more: Record<string, string> = {}) =>
    runInProcess(args, { workingDir: folder, env: { ...env, ...more } });
  const rows = (out: string) =>
    out
      .replace(/\n$/, '')
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t'));

  it('lists what Ollama has, with size and price; a price that is set is shown exactly', async () => {
    const before = await run(['models', 'list']);
    expect([before.code, before.err]).toEqual([0, '']);
    expect(rows(before.out)).toEqual([
      ['llama3.2:latest', 'ollama', '', '2.0 GB', '2026-11-01T10:00:00Z', 'free', ''],
      ['own:7b', 'ollama', '', '512 B', '2026-11-02T10:00:00Z', 'free', ''],
    ]);
    expect((await run(['set-pricing', 'own:7b', '0.001', '0.0000005'])).out).toContain('= $0.0010005 each request');
    const after = await runCli(folder, ['list-models'], env);
    expect([after.code, rows(after.out)[1]!.slice(5)]).toEqual([
      0,
      ['known', '$0.0010 a request + $0.0000005 for the model = $0.0010005 each request'],
    ]);
    const [, json] = JSON.parse((await run(['models', 'list', '--json'])).out);
    expect(json).toMatchObject({ model: 'own:7b', sizeBytes: 512, priceState: 'known', price: { perRequest: 0.001 } });
  });

  it('lists what the configuration names; a model without a price is unknown, and says what to do', async () => {
    const file = join(folder, 'gateway.json');
    const aliases = {
      fast: { model: 'llama3.2:latest', upstream: 'ollama' },
      smart: { model: 'gpt-4o', upstream: 'openai' },
      odd: { model: 'never-heard-of', upstream: 'openai' },
    };
    await writeFile(file, JSON.stringify({ aliases }));
    const { out } = await run(['models', 'list'], { FUSEWIRE_GATEWAY_CONFIG: file, OPENAI_API_KEY: 'sk-test' });
    expect(
      rows(out)
        .slice(2)
        .map((row) => [row[0], row[1], row[2], row[5], row[6]]),
    ).toEqual([
      ['fast', 'ollama', 'llama3.2:latest', 'free', ''],
      ['smart', 'openai', 'gpt-4o', 'known', expect.stringMatching(/^\$[\d.]+ a million in, \$[\d.]+ a million out$/)],
      ['odd', 'openai', 'never-heard-of', 'unknown', 'declare it: fusewire prices set, or free'],
    ]);
  });

  it('says where Ollama was looked for, and lists without prices where there is no service', async () => {
    const nowhere = await run(['models', 'list'], { OLLAMA_BASE_URL: 'http://127.0.0.1:9' });
    expect([nowhere.code, nowhere.out]).toEqual([1, '']);
    expect(nowhere.err).toContain('http://127.0.0.1:9/api/tags does not answer');
    expect(nowhere.err).toContain('Start it with `ollama serve`, or set OLLAMA_BASE_URL');
    const alone = await run(['models', 'list'], { REVENIUM_METERING_BASE_URL: 'http://127.0.0.1:9' });
    expect([alone.code, rows(alone.out)[0]![5]]).toEqual([0, 'not asked']);
    expect(alone.err).toContain('prices were not asked for: http://127.0.0.1:9 does not answer');
    answer = { status: 500, body: 'oops' };
    expect(await run(['models', 'list'])).toMatchObject({ code: 1, err: expect.stringContaining('answered 500') });
    answer = { status: 200, body: '{"models":[]}' };
    const none = await runInProcess(['models', 'list'], { workingDir: folder, env, isTerminal: true });
    expect(none.out).toContain('ollama pull');
    expect((await run(['sync-models'])).out).toContain('fusewire models list asks Ollama each time');
  });
});
