import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { readGatewayConfig } from '../../../service/gateway/gateway-config.js';
import { runInProcess } from '../cli/in-process.js';

const guide = readFileSync('docs/migrating.md', 'utf8').split('## From the Ollama gateway')[1]?.split('\n## ')[0] ?? '';
const help = (...words: string[]) => runInProcess([...words, '--help'], { workingDir: tmpdir() });

describe('docs/migrating.md, from the Ollama gateway', () => {
  it('names words of its command line that work here', async () => {
    const row = guide.split('\n').find((line) => line.includes('cli/cli.py')) ?? '';
    const words = [...row.split(' | ')[0]!.matchAll(/`(?:python cli\/cli\.py )?([a-z-]+)`/g)].map(
      ([, word = '']) => word,
    );
    expect(words).toHaveLength(14);
    for (const word of words) expect([word, (await help(word)).code]).toEqual([word, 0]);
  });

  it('names commands and flags of ours that there are', async () => {
    const calls = [
      ...guide.matchAll(/fusewire (import lmsvr|prices set|tunnel init|customers create|status|serve)\b([^\n`#]*)/g),
    ];
    expect(calls.length).toBeGreaterThan(6);
    for (const [, words = '', rest = ''] of calls) {
      const { code, out } = await help(...words.split(' '));
      expect(code, words).toBe(0);
      for (const [flag] of rest.matchAll(/--[a-z-]+/g)) expect(out).toContain(flag);
    }
    expect((await help('import', 'lmsvr')).out).toContain('--zero-budget');
  });

  it('names variables that the gateway reads', () => {
    const { upstreams } = readGatewayConfig(
      { OLLAMA_BASE_URL: 'http://a:1', OPENAI_API_KEY: 'b', ANTHROPIC_API_KEY: 'c' },
      '/',
    );
    expect(upstreams.map(({ name, origin }) => [name, origin])).toEqual([
      ['ollama', 'http://a:1'],
      ['openai', 'https://api.openai.com'],
      ['anthropic', 'https://api.anthropic.com'],
    ]);
  });

  it('names paths that the gateway has', () => {
    const row = guide.split('\n').find((line) => line.startsWith('| `/api/chat`')) ?? '';
    const paths = [...row.split(' | ')[0]!.matchAll(/`(\/[\w/-]+)`/g)].map(([, path = '']) => path);
    expect(paths.length).toBeGreaterThan(8);
    const surfaces = readFileSync('service/gateway/http/surfaces.ts', 'utf8');
    expect(
      paths.filter((path) => !surfaces.includes(`'${path}'`) && !surfaces.includes(`'${path.replace('/v1', '')}'`)),
    ).toEqual([]);
  });
});
