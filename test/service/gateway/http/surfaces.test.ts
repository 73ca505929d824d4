import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  dialectOf,
  MODEL_ID_LENGTH_MAX,
  modelIdOf,
  QUERY_LENGTH_MAX,
  queryOf,
  SURFACES,
  surfaceOf,
} from '../../../../service/gateway/http/surfaces.js';
import { unknownPath } from '../../../../service/gateway/http/unknown-path.js';

const kindOf = (method: string, url: string) => surfaceOf(method, url)?.kind;
const PATHS = [...new Set(SURFACES.map(({ path }) => path))];

describe('the surfaces of the gateway', () => {
  it.each([
    ['POST', 'call', '/api/chat /api/generate /api/embed /api/embeddings'],
    ['POST', 'call', '/v1/chat/completions /v1/responses /v1/completions /v1/embeddings /v1/moderations'],
    ['POST', 'call', '/v1/images/generations /v1/images/edits /v1/images/variations'],
    ['POST', 'call', '/v1/audio/speech /v1/audio/transcriptions /v1/audio/translations /v1/messages'],
    ['POST', 'free', '/api/show /v1/messages/count_tokens'],
    ['GET', 'free', '/api/tags /api/ps /api/version'],
    ['GET', 'models', '/api/models /v1/models /v1/models/gpt-4o'],
    ['GET', 'health', '/health /health/ollama /healthz /readyz /'],
    ['HEAD', 'health', '/health /health/ollama /healthz /readyz /'],
  ])('are %s, %s: %s', (method, kind, paths) => {
    for (const path of paths.split(' ')) {
      expect(kindOf(method, path), path).toBe(kind);
      for (const other of [
        'PUT',
        'DELETE',
        'PATCH',
        'OPTIONS',
        'TRACE',
        'CONNECT',
        'post',
        method === 'POST' ? 'GET' : 'POST',
      ]) {
        expect(kindOf(other, path), `${other} ${path}`).toBeUndefined();
      }
    }
  });

  it('are these and no others', () => {
    expect(SURFACES).toHaveLength(33);
    expect(new Set(SURFACES.map(({ name, method }) => `${method} ${name}`)).size).toBe(SURFACES.length);
  });

  it.each([
    ...['/v1/responses/resp_1', '/v1/responses/resp_1/cancel', '/v1/responses/resp_1/input_items'],
    ...['/v1/files', '/v1/batches', '/v1/realtime', '/v1/fine_tuning/jobs', '/v1/assistants', '/v1/threads'],
    ...['/v1/messages/batches', '/v1/organizations', '/v1/complete', '/api/pull', '/api/push', '/api/create'],
    ...['/api/delete', '/api/copy', '/api/blobs/sha256:00', '/api/register-device', '/metrics', '/openapi.json'],
    ...['/v2/api/teams', '/meter/v2/ai/completions', '/console', '', '*', '/v1', '/api', '/v1/', '/api/'],
  ])('do not include %s', (path) => {
    for (const method of ['GET', 'POST', 'HEAD', 'DELETE']) expect(surfaceOf(method, path), method).toBeUndefined();
  });

  it('are told apart letter by letter', () => {
    for (const path of PATHS) {
      for (const spelling of spellingsOf(path)) {
        for (const method of ['GET', 'POST', 'HEAD']) {
          expect(surfaceOf(method, spelling), `${method} ${spelling}`).toBeUndefined();
        }
      }
    }
  });

  it('read a path as every other reader of addresses does', () => {
    const pieces = fc.constantFrom(
      ...[
        '/',
        '//',
        '.',
        '..',
        '%2e',
        '%2F',
        '%5c',
        '\\',
        '?',
        '#',
        '@',
        ':',
        ';',
        '%00',
        ' ',
        '\t',
        'é',
        'v1',
        'V1',
        'api',
      ],
      ...[
        'models',
        'chat',
        'completions',
        'messages',
        'health',
        'http:',
        'host',
        'gpt-4o',
        'a=b',
        '&',
        '%',
        '+',
        '*',
        '~',
      ],
    );
    const urls = fc.oneof(
      fc.array(pieces, { maxLength: 9 }).map((all) => all.join('')),
      fc
        .tuple(fc.constantFrom(...PATHS, '/v1/models/'), fc.array(pieces, { maxLength: 5 }))
        .map(([path, all]) => path + all.join('')),
      fc.string({ maxLength: 40 }),
    );
    let served = 0;
    fc.assert(
      fc.property(fc.constantFrom('GET', 'POST', 'HEAD'), urls, (method, url) => {
        const found = surfaceOf(method, url);
        if (found === undefined) return;
        served += 1;
        const read = new URL(url, 'http://gateway.test');
        expect([read.host, read.pathname, read.hash]).toEqual(['gateway.test', found.path, '']);
        const query = queryOf(found, url);
        expect(['', '?']).toContain(query.slice(0, 1));
        if (query !== '') expect(new URL(`http://gateway.test/x${query}`).search).toBe(read.search);
        const id = modelIdOf(found);
        if (id === undefined) expect(PATHS).toContain(found.path);
        else expect(id.split('/').every((part) => !/^\.{0,2}$/.test(part))).toBe(true);
      }),
      { numRuns: 20_000 },
    );
    expect(served).toBeGreaterThan(100);
  });
});

/** What somebody could send in place of a path, and somebody else could read as that path. */
function spellingsOf(path: string): string[] {
  const rest = path.slice(1);
  const all = [
    ...[`${path}/`, `/${path}`, `/.${path}`, `/..${path}`, `/x/..${path}`, `/%2e${path}`, `${path}%20`, `${path}%00`],
    ...[`${path}/.`, `${path}/..`, `${path};a=b`, `${path}#top`, `\\${rest}`, `//host${path}`, `http://host${path}`],
    ...[`https://host${path}`, rest, ` ${path}`, `${path} `, `${path}\t`, `*${path}`, `${path}%3Fa=b`, `${path}\\`],
  ];
  if (rest !== '') all.push(path.toUpperCase(), `/%${rest.charCodeAt(0).toString(16)}${rest.slice(1)}`);
  if (rest.includes('/'))
    all.push(`/${rest.replace('/', '%2f')}`, `/${rest.replace('/', '//')}`, `/${rest.replace('/', '/./')}`);
  return all;
}

describe('the path of one model', () => {
  const idOf = (path: string) => {
    const found = surfaceOf('GET', path);
    return found === undefined ? undefined : modelIdOf(found);
  };

  it.each([
    ['/v1/models/gpt-4o', 'gpt-4o'],
    ['/v1/models/llama3.2:1b', 'llama3.2:1b'],
    ['/v1/models/hf.co%2Fuser%2Fmodel:Q4_K_M', 'hf.co/user/model:Q4_K_M'],
    ['/v1/models/%E2%82%AC', '€'],
    ['/v1/models/gpt-4o?limit=1', 'gpt-4o'],
  ])('%s asks about %s', (path, id) => expect(idOf(path)).toBe(id));

  it.each([
    ...['/v1/models/', '/v1/models/a/b', '/v1/models/..', '/v1/models/.', '/v1/models/%2e%2e', '/v1/models/%2E'],
    ...[
      '/v1/models/a%2F..%2Fb',
      '/v1/models/%2F',
      '/v1/models/a%2F',
      '/v1/models/a%00',
      '/v1/models/a%0d%0ab',
      '/v1/models/a%5Cb',
    ],
    ...['/v1/models/%', '/v1/models/%zz', '/v1/models/%ff', '/v1/models/a b', '/v1/models/a"b', '/v1/models/a\\b'],
    `/v1/models/${'m'.repeat(MODEL_ID_LENGTH_MAX + 1)}`,
  ])('%s is none', (path) => expect(idOf(path)).toBeUndefined());

  it('has the form of Anthropic for its clients', () => {
    const headers = { 'anthropic-version': '2023-06-01' };
    expect(surfaceOf('GET', '/v1/models', headers)?.name).toBe('anthropic.models');
    expect(surfaceOf('GET', '/v1/models', {})?.name).toBe('openai.models');
    expect(surfaceOf('GET', '/v1/models/claude-opus-4', headers)?.dialect).toBe('anthropic');
    expect(surfaceOf('POST', '/v1/chat/completions', headers)?.dialect).toBe('openai');
  });
});

describe('the query string', () => {
  const passed = (method: string, url: string) => {
    const found = surfaceOf(method, url);
    return found === undefined ? undefined : queryOf(found, url);
  };

  it('goes on to OpenAI and Anthropic as it came', () => {
    expect(passed('POST', '/v1/messages?beta=true')).toBe('?beta=true');
    expect(passed('POST', '/v1/chat/completions?a=%20&b=/?x')).toBe('?a=%20&b=/?x');
    expect(passed('POST', '/v1/messages?')).toBe('');
    expect(passed('POST', '/v1/messages')).toBe('');
  });

  it('is dropped where nobody reads one', () => {
    for (const [method, url] of [
      ['POST', '/api/chat?a=b'],
      ['GET', '/v1/models?limit=5'],
      ['GET', '/health?x'],
    ]) {
      expect(passed(method!, url!)).toBe('');
    }
  });

  it.each(['%', '%4', '%zz', 'a b', 'a\rb', 'a"b', 'a#b', 'é', '<', 'a'.repeat(QUERY_LENGTH_MAX + 1)])(
    '?%s is refused',
    (query) => {
      expect(passed('POST', `/v1/messages?${query}`)).toBeUndefined();
      expect(unknownPath('POST', `/v1/messages?${query}`).status).toBe(400);
    },
  );

  it('may have its whole length', () => {
    expect(passed('POST', `/v1/messages?${'a'.repeat(QUERY_LENGTH_MAX)}`)).toHaveLength(QUERY_LENGTH_MAX + 1);
  });
});

describe('what is said about other paths', () => {
  it('names the path without what could deceive its reader', () => {
    const failure = unknownPath('GET', '/admin\u001b[31m?secret=1');
    expect([failure.status, failure.code]).toEqual([404, 'unknown_path']);
    expect(failure.message).toContain('/admin?[31m;');
    expect(failure.message).not.toContain('secret');
    expect(unknownPath('GET', `/${'x'.repeat(5_000)}`).message.length).toBeLessThan(300);
  });

  it('names the methods of a path that has others', () => {
    const failure = unknownPath('GET', '/api/chat');
    expect([failure.status, failure.options.headers]).toEqual([405, ['allow', 'POST']]);
    expect(unknownPath('DELETE', '/health').options.headers).toEqual(['allow', 'GET, HEAD']);
  });

  it('is said in the form of the protocol that was meant', () => {
    expect(dialectOf('/api/pull', {})).toBe('ollama');
    expect(dialectOf('/v1/messages/batches', {})).toBe('anthropic');
    expect(dialectOf('/v1/files', { 'anthropic-version': '2023-06-01' })).toBe('anthropic');
    expect(dialectOf('/v1/files', {})).toBe('openai');
    expect(dialectOf('/', {})).toBe('openai');
  });
});
