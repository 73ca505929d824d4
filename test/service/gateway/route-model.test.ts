import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfiguredUpstream } from '../../../service/gateway/configured-upstream.js';
import type { GatewayConfig } from '../../../service/gateway/gateway-config.js';
import { Failure } from '../../../service/gateway/http/failure.js';
import { canonicalOllamaModel, modelNameProblem, ownerOfModel } from '../../../service/gateway/model-name.js';
import { createModelRouter } from '../../../service/gateway/route-model.js';
import type { Dialect } from '../../../service/gateway/types.js';
import { configOf, KEYS, upstreamOf } from './read-support.js';

const NONE = { aliases: new Map(), exact: new Map(), patterns: [] };

function routeOf(
  model: unknown,
  dialect: Dialect = 'openai',
  config: GatewayConfig = configOf(),
  models?: readonly string[],
) {
  const routed = createModelRouter({ config }).route(model, { dialect }, models === undefined ? {} : { models });
  return routed instanceof Failure ? [routed.status, routed.code] : [routed.upstream.name, routed.model];
}

describe('a model by its name', () => {
  it.each([
    ['gpt-4o-mini', 'openai'],
    ['o3', 'openai'],
    ['o4-mini-2025-04-16', 'openai'],
    ['chatgpt-4o-latest', 'openai'],
    ['text-embedding-3-small', 'openai'],
    ['tts-1', 'openai'],
    ['whisper-1', 'openai'],
    ['dall-e-3', 'openai'],
    ['gpt-image-1', 'openai'],
    ['omni-moderation-latest', 'openai'],
    ['ft:gpt-4o-mini:my-Org::AbC1', 'openai'],
    ['claude-sonnet-4-5', 'anthropic'],
    ['llama3.2', 'ollama'],
    ['gpt-oss', 'ollama'],
    ['gpt-oss:20b', 'ollama'],
    ['gpt-4:latest', 'ollama'],
    ['omega', 'ollama'],
    ['hf.co/someone/Some-Model-GGUF:Q4_K_M', 'ollama'],
  ])('%s belongs to %s', (model, owner) => expect(ownerOfModel(model)).toBe(owner));

  it('goes by alias, then exact name, then the longest pattern, then by its owner', () => {
    const far = upstreamOf('far', 'openai', 'https://far.example', '/v1');
    const near = upstreamOf('near', 'openai', 'https://near.example', '/v1');
    const routes = {
      aliases: new Map([['gpt-4o', { upstream: far, model: 'real' }]]),
      exact: new Map([
        ['gpt-4o', { upstream: near, model: 'gpt-4o' }],
        ['gpt-5', { upstream: near, model: 'gpt-5' }],
      ]),
      patterns: [{ before: 'gpt-', after: '', upstream: far, rename: undefined }],
    };
    const config = configOf({ routes });
    expect(routeOf('gpt-4o', 'openai', config)).toEqual(['far', 'real']);
    expect(routeOf('gpt-5', 'openai', config)).toEqual(['near', 'gpt-5']);
    expect(routeOf('gpt-6', 'openai', config)).toEqual(['far', 'gpt-6']);
    expect(routeOf('o3', 'openai', config)).toEqual(['openai', 'o3']);
  });

  it('of a provider without a key is not offered, and is never sent to Ollama instead; the log says which variable', () => {
    const notes: string[] = [];
    const router = createModelRouter({ config: configOf({ routes: NONE }, {}), note: (text) => notes.push(text) });
    for (const model of ['gpt-4o', 'gpt-4o', 'claude-sonnet-4-5']) {
      const routed = router.route(model, { dialect: model.startsWith('c') ? 'anthropic' : 'openai' }, {});
      expect(routed).toMatchObject({ status: 404, code: 'model_not_found' });
      expect(JSON.stringify(routed)).not.toContain('API_KEY');
    }
    expect(notes).toHaveLength(2);
    expect(notes.join()).toMatch(/OPENAI_API_KEY.*ANTHROPIC_API_KEY/s);
  });

  it('answers in its own protocol only; the refusal names the path that does (weakness 3)', () => {
    expect(routeOf('gpt-4o', 'ollama')).toEqual([400, 'wrong_endpoint_for_model']);
    expect(routeOf('claude-sonnet-4-5', 'openai')).toEqual([400, 'wrong_endpoint_for_model']);
    expect(routeOf('gpt-4o', 'anthropic')).toEqual([400, 'wrong_endpoint_for_model']);
    expect(routeOf('llama3.2', 'anthropic')).toEqual([400, 'wrong_endpoint_for_model']);
    expect(routeOf('llama3.2', 'openai')).toEqual(['ollama', 'llama3.2']);
    const newer = new ConfiguredUpstream(
      { name: 'ollama', protocol: 'ollama', speaksAnthropic: true },
      { origin: 'http://box', basePath: '' },
    );
    expect(routeOf('llama3.2', 'anthropic', configOf({ upstreams: [newer] }))).toEqual(['ollama', 'llama3.2']);
    const failure = createModelRouter({ config: configOf() }).route('gpt-4o', { dialect: 'ollama' }, {});
    expect(failure).toMatchObject({ message: expect.stringContaining('/v1/chat/completions') });
  });

  it('of the wrong letter case is refused where it would have another owner', () => {
    expect(routeOf('GPT-4o')).toEqual([400, 'model_not_found']);
    expect(routeOf('Claude-sonnet-4-5', 'anthropic')).toEqual([400, 'model_not_found']);
    expect(routeOf('MyModel')).toEqual(['ollama', 'MyModel']);
  });

  it('is only asked for by keys that may', () => {
    expect(routeOf('gpt-4o', 'openai', configOf(), ['gpt-4o-mini'])).toEqual([403, 'model_not_allowed']);
    expect(routeOf('gpt-4o-mini', 'openai', configOf(), ['gpt-4o-mini'])).toEqual(['openai', 'gpt-4o-mini']);
    expect(routeOf('llama3:latest', 'openai', configOf(), ['llama3'])).toEqual(['ollama', 'llama3:latest']);
    expect(routeOf('gpt-4o', 'openai', configOf(), [])).toEqual([403, 'model_not_allowed']);
  });

  it('is refused where it is none: no name reads as a path, a URL or a header', () => {
    const names = [
      undefined,
      null,
      7,
      {},
      [],
      '',
      ' ',
      ' gpt-4o',
      'gpt-4o ',
      'a b',
      'a\nb',
      'a\u0000',
      'a\u00e9',
      '../a',
      'a/../b',
      'a//b',
      'a/',
      '/a',
      'http://evil/x',
      'a?b',
      'a#b',
      'a%2f',
      'a\\b',
      'x'.repeat(257),
      '__proto__',
      '\ud800',
      'gpt\u20114o',
      '.hidden',
    ];
    for (const name of names) expect(routeOf(name), String(JSON.stringify(name))).toEqual([400, 'invalid_model']);
    expect(routeOf('constructor')).toEqual(['ollama', 'constructor']);
    expect(routeOf('llama3@sha256:00')).toEqual([400, 'invalid_model']);
  });

  it('is always either routed to a configured upstream or refused, whatever is sent', () => {
    const config = configOf({}, KEYS);
    const router = createModelRouter({ config });
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.json(), fc.constantFrom('gpt-', 'claude-')),
        (name) => {
          const routed = router.route(name, { dialect: 'openai' }, {});
          if (routed instanceof Failure) expect(routed.status).toBeGreaterThanOrEqual(400);
          else {
            expect(config.upstreams.includes(routed.upstream)).toBe(true);
            expect(routed.model).toBe(name);
            expect(modelNameProblem(name)).toBeUndefined();
          }
        },
      ),
    );
  });

  it('of Ollama is billed by one name, under whichever of its names it is asked for', () => {
    const router = createModelRouter({
      config: configOf(),
      spelling: (name) => (name.toLowerCase() === 'llama3:8b-q4_k_m' ? 'llama3:8b-q4_K_M' : undefined),
    });
    const billed = (name: string) => {
      const routed = router.route(name, { dialect: 'ollama' }, {});
      return routed instanceof Failure ? routed.code : routed.billedModel;
    };
    for (const name of ['llama3', 'llama3:latest', 'library/llama3', 'registry.ollama.ai/library/llama3:latest']) {
      expect(billed(name)).toBe('llama3');
    }
    expect(billed('LLAMA3:8B-Q4_K_M')).toBe('llama3:8b-q4_K_M');
    expect(canonicalOllamaModel('hf.co/a/b:latest')).toBe('hf.co/a/b');
  });
});
