import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfigFile } from '../../service/gateway/gateway-config-file.js';
import { DEFAULT_LIMITS } from '../../service/gateway/types.js';
import { nextCommands } from '../../service/tunnel/next-commands.js';
import { runInProcess } from '../service/cli/in-process.js';
import { readCompose } from './support/compose.js';

const guide = readFileSync('docs/deploying.md', 'utf8');
const compose = readCompose(readFileSync('docker-compose.yml', 'utf8'));
const blocks = [...guide.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', code = '']) => ({
  language,
  code,
}));
const codeIn = (language: string) => blocks.filter((block) => block.language === language).map(({ code }) => code);
/** Simple commands, in words; what stands after `&&` is one of its own. */
const commands = [
  ...codeIn('sh').flatMap((code) => code.trim().split('\n')),
  ...[...guide.matchAll(/`(fusewire [a-z][^`]*)`/g)].map(([, code = '']) => code),
]
  .flatMap((line) => line.split(' && '))
  .map((line) => (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', '')));
const starting = (...words: readonly string[]) =>
  commands
    .filter((command) => words.every((word, index) => command[index] === word))
    .map((command) => command.slice(words.length));

/** Arguments of `fusewire`, whatever runs it; it is the name of a container and of a user too. */
const cliCalls = commands.flatMap((command) => {
  const isProgram = (word: string, index: number) =>
    /^[^=]*\bfusewire$/.test(word) && !['exec', '-u', '--now', '--prefix'].includes(command[index - 1] ?? '');
  const at = command.findIndex(isProgram);
  const isNamed = at === -1 || at === command.length - 1 || command.includes('useradd');
  return isNamed ? [] : [command.slice(at + 1)];
});

describe('docs/deploying.md', () => {
  it('has shell blocks that a shell takes', () => {
    expect(codeIn('sh').length).toBeGreaterThan(5);
    for (const code of codeIn('sh')) {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: code, encoding: 'utf8' });
      expect([status, stderr]).toEqual([0, '']);
    }
  });

  it('names commands of fusewire that there are, with flags that they have', async () => {
    const seen = new Set<string>();
    for (const words of cliCalls) {
      const flags = words.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0]!);
      const [group = '', sub = ''] = words;
      const help = await runInProcess([group, '--help'], { workingDir: tmpdir() });
      expect([help.code, words]).toEqual([0, words]);
      const isGroup =
        sub !== '' &&
        new RegExp(`^ {2}${sub.replace(/\W/g, '.')}\\b`, 'm').test(help.out) &&
        /^Commands:/m.test(help.out);
      const path = isGroup ? [group, sub] : [group];
      const { code, out } = await runInProcess([...path, '--help'], { workingDir: tmpdir() });
      expect(code, path.join(' ')).toBe(0);
      // A group alone shows its commands: then the word after it must be one of them.
      if (/^Commands:/m.test(out)) expect([words, sub]).toEqual([words, '']);
      for (const flag of flags) expect(out, `${path.join(' ')} ${flag}`).toMatch(new RegExp(`(^|\\s)${flag}\\b`, 'm'));
      seen.add(path.join(' '));
    }
    expect([...seen].sort()).toEqual([
      'backup',
      'customers create',
      'keys create',
      'keys revoke',
      'keys rotate',
      'serve',
      'status',
      'tunnel',
      'tunnel init',
      'tunnel validate',
    ]);
  });

  it('names services and files that Compose has', () => {
    const calls = starting('docker', 'compose');
    expect(calls.length).toBeGreaterThan(6);
    for (const words of calls) {
      const [verb, target = ''] = words[0] === '--profile' ? words.slice(2) : words;
      expect(['up', 'exec', 'cp']).toContain(verb);
      if (verb === 'exec') expect(Object.keys(compose.services)).toContain(target);
      if (verb === 'cp') expect(target).toMatch(/^fusewire:\/data\//);
    }
    for (const [, path = ''] of guide.matchAll(/\b((?:deploy|scripts)\/[\w./-]+\.\w+)/g))
      expect([path, existsSync(path)]).toEqual([path, true]);
  });

  it('names commands of cloudflared as they are said by `fusewire tunnel init`', () => {
    const wish = { file: '~/.cloudflared/config.yml', hostname: 'llm.example.com', tunnel: 'llm', isCreated: false };
    const said = nextCommands(wish).map(({ command }) => command.replaceAll("'", ''));
    const named = commands.map((words) => words.join(' ')).filter((command) => /^(sudo )?cloudflared /.test(command));
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((command) => !said.includes(command))).toEqual([]);
  });

  it('has blocks that are what they say', () => {
    const override = { services: { ...(parse(codeIn('yaml')[0]!) as { services: Record<string, unknown> }).services } };
    expect(Object.keys(override.services).filter((name) => compose.services[name] === undefined)).toEqual([]);
    const problems: string[] = [];
    for (const code of [
      ...codeIn('json'),
      ...[...guide.matchAll(/`("addressHeader": "[^`]*)`/g)].map(([, member]) => `{${member}}`),
    ]) {
      expect(readConfigFile(code, 'the file', problems)).toHaveProperty('addressHeader');
    }
    expect(problems).toEqual([]);
    expect(
      blocks
        .map(({ language }) => language)
        .filter((language) => !['sh', 'yaml', 'nginx', 'caddy', 'json'].includes(language)),
    ).toEqual([]);
  });

  it.each(['nginx', 'caddy'])('has a proxy in %s that holds nothing back and outlasts the gateway', (language) => {
    const [code = ''] = codeIn(language);
    expect(code.match(/\{/g)?.length).toBe(code.match(/\}/g)?.length);
    const seconds = Number(/(?:proxy_read_timeout|response_header_timeout) (\d+)s/.exec(code)?.[1]);
    expect(seconds * 1_000).toBeGreaterThan(DEFAULT_LIMITS.upstreamHeadersTimeoutMs);
    expect(seconds * 1_000).toBeGreaterThan(DEFAULT_LIMITS.upstreamIdleMs);
    const mebibytes = Number(/(?:client_max_body_size|max_size) (\d+)m/i.exec(code)?.[1]);
    expect(mebibytes * 1_048_576).toBeGreaterThan(DEFAULT_LIMITS.bodyBytesMax);
    expect(code).toMatch(/proxy_buffering off|flush_interval -1/);
    expect(code).toContain('127.0.0.1:8000');
    expect(code).not.toContain('8787');
    expect(code).toContain('X-Real-IP');
  });

  it('says the limits that it speaks of as they are', () => {
    expect(guide).toContain(`(${DEFAULT_LIMITS.upstreamHeadersTimeoutMs / 1_000} s`);
    expect(guide).toContain(`${DEFAULT_LIMITS.bodyBytesMax / 1_048_576} MiB`);
  });
});
