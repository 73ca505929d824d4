import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { ServiceConfigError } from '../../../service/config.js';
import { readBaseUrl, upstreamPathOf } from '../../../service/gateway/configured-upstream.js';
import { ollamaUpstream, readGatewayConfig, upstreamNamed } from '../../../service/gateway/gateway-config.js';
import { configuredTarget } from '../../../service/gateway/model-routes.js';
import { DEFAULT_LIMITS } from '../../../service/gateway/types.js';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function withFile(content: unknown, env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-config-'));
  folders.push(folder);
  writeFileSync(join(folder, 'gateway.json'), typeof content === 'string' ? content : JSON.stringify(content));
  return readGatewayConfig({ ...env, FUSEWIRE_GATEWAY_CONFIG: 'gateway.json' }, folder);
}

function problemsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ServiceConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('the configuration of the gateway', () => {
  it('needs nothing: it listens on this machine alone and offers its Ollama', () => {
    const config = readGatewayConfig({}, '/');
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 8000,
      assumedOutputTokens: 4_096,
      allowHostedTools: false,
    });
    expect(config.upstreams.map(({ name }) => name)).toEqual(['ollama']);
    expect(ollamaUpstream(config)).toMatchObject({
      origin: 'http://127.0.0.1:11434',
      basePath: '',
      onClientLeave: 'abort',
    });
    expect(config.limits).toEqual(DEFAULT_LIMITS);
  });

  it('offers OpenAI and Anthropic once their keys are set, each with the header that it reads', () => {
    const config = readGatewayConfig({ OPENAI_API_KEY: 'sk-one', ANTHROPIC_API_KEY: 'sk-ant-two' }, '/');
    const openai = upstreamNamed(config, 'openai')!;
    expect(openai).toMatchObject({ origin: 'https://api.openai.com', basePath: '/v1', onClientLeave: 'drain' });
    expect(openai.headers).toEqual([['authorization', 'Bearer sk-one']]);
    expect(upstreamNamed(config, 'anthropic')!.headers).toEqual([['x-api-key', 'sk-ant-two']]);
  });

  it('prints no key, however it is printed (I12)', () => {
    const config = readGatewayConfig({ OPENAI_API_KEY: 'sk-very-secret' }, '/');
    for (const text of [JSON.stringify(config), inspect(config, { depth: 9 }), String(config.upstreams)]) {
      expect(text).not.toContain('very-secret');
    }
  });

  it('keeps the base path of a URL, as the clients of the protocol read it', () => {
    const env = {
      OLLAMA_BASE_URL: 'http://box:11434/ollama/',
      OPENAI_API_KEY: 'k',
      OPENAI_BASE_URL: 'https://proxy.example/openai/v1/',
      ANTHROPIC_API_KEY: 'k',
      ANTHROPIC_BASE_URL: 'https://api.anthropic.com/v1',
    };
    const config = readGatewayConfig(env, '/');
    const path = (name: string, asked: string) => upstreamPathOf(upstreamNamed(config, name)!, asked);
    expect(path('ollama', '/api/chat')).toBe('/ollama/api/chat');
    expect(path('ollama', '/v1/chat/completions')).toBe('/ollama/v1/chat/completions');
    expect(path('openai', '/v1/chat/completions')).toBe('/openai/v1/chat/completions');
    expect(path('anthropic', '/v1/messages')).toBe('/v1/messages');
    const google = readBaseUrl('https://generativelanguage.googleapis.com/v1beta/openai', 'openai');
    expect(
      typeof google === 'string' ? google : upstreamPathOf({ protocol: 'openai', ...google }, '/v1/embeddings'),
    ).toBe('/v1beta/openai/embeddings');
  });

  it('tells every problem at once, and repeats no key', () => {
    const problems = problemsOf(() =>
      readGatewayConfig(
        {
          GATEWAY_PORT: '70000',
          GATEWAY_HOST: 'http://x',
          OLLAMA_BASE_URL: 'http://user:hunter2@box',
          OPENAI_API_KEY: 'sk with spaces',
          FUSEWIRE_GATEWAY_CONFIG: 'not-there.json',
        },
        '/',
      ),
    );
    expect(problems).toHaveLength(5);
    for (const name of [
      'GATEWAY_PORT',
      'GATEWAY_HOST',
      'OLLAMA_BASE_URL',
      'OPENAI_API_KEY',
      'FUSEWIRE_GATEWAY_CONFIG',
    ]) {
      expect(problems.join('\n')).toContain(name);
    }
    expect(problems.join()).not.toMatch(/hunter2|with spaces/);
  });

  it('refuses to be its own upstream: a variable for its clients may stand in the same file', () => {
    const env = { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'http://localhost:8000/v1' };
    expect(problemsOf(() => readGatewayConfig(env, '/')).join()).toContain("this gateway's own address");
    expect(readGatewayConfig({ OPENAI_BASE_URL: 'http://elsewhere/v1' }, '/').notes.join()).toContain('OPENAI_API_KEY');
  });

  it('reads more upstreams, routes, aliases and bounds from a file; keys come from the environment', () => {
    const config = withFile(
      {
        upstreams: [
          { name: 'groq', protocol: 'openai', baseUrl: 'https://api.groq.com/openai/v1', apiKeyEnv: 'GROQ_KEY' },
        ],
        models: { 'groq/*': { upstream: 'groq', rename: '*' }, 'llama-guard': 'groq', 'llama-*': 'ollama' },
        aliases: { fast: { model: 'llama-3.1-8b-instant', upstream: 'groq' } },
        limits: { callsMax: 7, keyRatePerSecond: 0 },
        corsOrigins: ['https://app.example.com'],
        assumedOutputTokens: 99,
        allowances: { imageTokens: 5 },
      },
      { GROQ_KEY: 'gsk' },
    );
    expect(upstreamNamed(config, 'groq')!.headers).toEqual([['authorization', 'Bearer gsk']]);
    const target = (name: string) => {
      const found = configuredTarget(config.routes, name);
      return found === undefined ? undefined : [found.upstream.name, found.model];
    };
    expect(target('groq/llama-x')).toEqual(['groq', 'llama-x']);
    expect(target('llama-guard')).toEqual(['groq', 'llama-guard']);
    expect(target('llama-3')).toEqual(['ollama', 'llama-3']);
    expect(target('fast')).toEqual(['groq', 'llama-3.1-8b-instant']);
    expect(target('other')).toBeUndefined();
    expect(config.limits).toEqual({ ...DEFAULT_LIMITS, callsMax: 7, keyRatePerSecond: 0 });
    expect(config.allowances).toEqual({ imageTokens: 5, fileTokens: 200_000, templateTokens: 1_024 });
    expect(config.corsOrigins).toEqual(['https://app.example.com']);
  });

  it.each([
    [{ upstream: [] }, /"upstream" is not known there/],
    [{ limits: { callMax: 1 } }, /limits\. "callMax" is not known/],
    [{ limits: { callsMax: 0 } }, /limits\.callsMax must be 1 or more/],
    [
      { upstreams: [{ name: 'openai', protocol: 'openai', baseUrl: 'https://x' }] },
      /upstreams\[0\]\.name openai is taken/,
    ],
    [{ upstreams: [{ name: 'a', protocol: 'soap', baseUrl: 'https://x' }] }, /upstreams\[0\]\.protocol/],
    [
      { upstreams: [{ name: 'a', protocol: 'openai', baseUrl: 'ftp://x' }] },
      /upstreams\[0\]\.baseUrl must begin with http/,
    ],
    [
      { upstreams: [{ name: 'a', protocol: 'openai', baseUrl: 'https://x', apiKeyEnv: 'NOT_SET' }] },
      /NOT_SET is not set/,
    ],
    [{ upstreams: [{ name: 'a', protocol: 'openai', baseUrl: 'https://x', apiKey: 'sk' }] }, /"apiKey" is not known/],
    [{ models: { 'a*b*': 'ollama' } }, /more than one \*/],
    [{ models: { a: 'nowhere' } }, /there is no upstream "nowhere"; there are ollama/],
    [{ aliases: { a: { model: '../x', upstream: 'ollama' } } }, /aliases\.a\.model must/],
    [{ corsOrigins: ['https://a.example/path'] }, /corsOrigins\[0\] must be an origin/],
    ['{"a": 1,}', /is no JSON \(position 8/],
  ])('says where a file is wrong: %j', (content, expected) => {
    expect(problemsOf(() => withFile(content)).join('\n')).toMatch(expected);
  });
});
