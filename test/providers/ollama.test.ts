import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RequestReading } from '../../src/providers/adapter.js';
import { ollamaAdapter, ollamaStopReason } from '../../src/providers/ollama.js';

function read(url: string, body: unknown = {}, method = 'POST'): RequestReading | undefined {
  return ollamaAdapter.readRequest({ method, url, body });
}

describe('ollamaAdapter.readRequest', () => {
  it('sees images, and tells what capture keeps: system apart, the rest in order', () => {
    const system = { role: 'system', content: 'Be brief.' };
    const seen = { role: 'user', content: 'What is this?', images: ['aGVsbG8='] };
    const chat = read('/api/chat', { model: 'm', messages: [system, seen] });
    expect(chat?.hasVisionContent).toBe(true);
    expect(chat?.prompts?.()).toEqual({ systemPrompt: 'Be brief.', inputMessages: [seen] });
    const generate = read('/api/generate', { model: 'm', system: 'Be kind.', prompt: 'Hi', images: [] });
    expect(generate?.hasVisionContent).toBe(undefined);
    expect(generate?.prompts?.()).toEqual({
      systemPrompt: 'Be kind.',
      inputMessages: [{ role: 'user', content: 'Hi', images: [] }],
    });
    expect(read('/api/embed', { model: 'm', input: ['a', 'b'] })?.prompts?.()).toEqual({
      systemPrompt: '',
      inputMessages: ['a', 'b'],
    });
    for (const odd of [null, 5, { messages: 5 }, { messages: [null, 3] }, { images: 'x' }]) {
      expect(() => read('/api/chat', odd)?.prompts?.()).not.toThrow();
    }
  });

  it.each([
    ['http://127.0.0.1:11434/api/chat', 'api.chat', 'CHAT', true],
    ['http://127.0.0.1:11434/api/generate', 'api.generate', 'GENERATE', true],
    ['https://ollama.com/api/embed', 'api.embed', 'EMBED', false],
    ['http://proxy.local/ollama/api/embeddings?x=1', 'api.embeddings', 'EMBED', false],
    ['/api/chat/', 'api.chat', 'CHAT', true],
    ['http://127.0.0.1:11434/v1/systemone', 'v1.systemone', 'CLASSIFY', false],
  ])('knows %s', (url, endpoint, operationType, streaming) => {
    expect(read(url, { model: 'gemma3:1b' })).toMatchObject({
      endpoint,
      operationType,
      streaming,
      known: true,
      kind: 'call',
      model: 'gemma3:1b',
      provider: 'OLLAMA',
      modelSource: 'OLLAMA',
      idsAreUnique: false,
    });
  });

  it('streams unless the request says otherwise, as the server does', () => {
    expect(read('/api/chat', {})?.streaming).toBe(true);
    expect(read('/api/chat', { stream: null })?.streaming).toBe(true);
    expect(read('/api/chat', { stream: false })?.streaming).toBe(false);
    expect(read('/api/embed', { stream: true })?.streaming).toBe(false);
  });

  it.each(['tags', 'show', 'ps', 'version', 'pull', 'push', 'create', 'copy', 'delete', 'blobs/sha256:29fd'])(
    'counts /api/%s as free',
    (name) => {
      expect(read(`http://h/api/${name}`)).toMatchObject({ kind: 'free', known: true });
    },
  );

  it('flags an endpoint that it does not know (I1)', () => {
    expect(read('http://h/api/brand_new', { model: 'm' })).toMatchObject({ kind: 'call', known: false, model: 'm' });
    expect(read('https://ollama.com/api/web_search')).toMatchObject({ kind: 'call', known: false });
  });

  it('leaves other paths to other adapters', () => {
    for (const url of ['http://h/v1/chat/completions', 'http://h/', '', 'api/chat', 'http://h/?next=/api']) {
      expect(read(url)).toBeUndefined();
    }
  });

  it('reads tools as a subtype and the temperature from the options', () => {
    const tools = [{ type: 'function' }];
    expect(read('/api/chat', { tools, options: { temperature: 0.2 } })).toMatchObject({
      operationType: 'CHAT',
      operationSubtype: 'function_call',
      temperature: 0.2,
    });
    expect(read('/api/chat', { tools: [] })).not.toHaveProperty('operationSubtype');
  });

  it('takes every text that the model reads into the prompt, and no image', () => {
    const reading = read('/api/chat', {
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Why?', images: ['aGVsbG8='] },
        { role: 'assistant', content: '', thinking: 'Hmm', tool_calls: [{ function: { name: 'weather' } }] },
        'odd',
      ],
      tools: [{ type: 'function', function: { name: 'weather' } }],
      format: { type: 'object' },
    });
    expect(reading?.promptText()).toBe(
      'Be brief.\nWhy?\nHmm\n[{"function":{"name":"weather"}}]\n' +
        '[{"type":"function","function":{"name":"weather"}}]\n{"type":"object"}',
    );
    const generate = read('/api/generate', {
      system: 's',
      prompt: 'p',
      suffix: 'x',
      images: ['aGVsbG8='],
      format: 'json',
    });
    expect(generate?.promptText()).toBe('s\np\nx');
    expect(read('/api/embed', { input: ['one', 'two'] })?.promptText()).toBe('one\ntwo');
    expect(read('/api/embed', { input: 'one' })?.promptText()).toBe('one');
  });

  it('never throws, whatever the body and the URL are', () => {
    fc.assert(
      fc.property(fc.constantFrom('/api/chat', '/api/embed', '/api/x', '/v1/systemone'), fc.anything(), (url, body) => {
        const reading = read(url, body);
        expect(typeof reading?.promptText()).toBe('string');
      }),
    );
  });
});

describe('the usage reader', () => {
  const reader = () => ollamaAdapter.createUsageReader(read('/api/chat', {})!);

  it.each([
    ['stop', 'END'],
    ['length', 'TOKEN_LIMIT'],
    ['error', 'ERROR'],
    ['cancelled', 'CANCELLED'],
    ['canceled', 'CANCELLED'],
    ['tool_calls', 'END_SEQUENCE'],
    ['content_filter', 'ERROR'],
    ['load', 'END'],
    [null, 'END'],
    ['constructor', 'END'],
  ])('maps done_reason %s to %s', (given, expected) => {
    expect(ollamaStopReason(given)).toBe(expected);
  });

  it('takes counts, model and stop reason from the last chunk', () => {
    const usage = reader();
    usage.chunk({ model: 'm', message: { content: 'Hi' }, done: false });
    expect(usage.reading()).toEqual({ model: 'm', finished: false, outputText: 'Hi' });
    usage.chunk({
      model: 'm:1b',
      message: { content: '' },
      done: true,
      done_reason: 'length',
      prompt_eval_count: 3,
      eval_count: 1,
    });
    expect(usage.reading()).toEqual({
      model: 'm:1b',
      inputTokens: 3,
      outputTokens: 1,
      stopReason: 'TOKEN_LIMIT',
      finished: true,
      outputText: 'Hi',
      rawUsage: { prompt_eval_count: 3, eval_count: 1 },
    });
  });

  it('counts thinking and tool calls as output', () => {
    const usage = reader();
    usage.chunk({ message: { thinking: 'Hmm. ', content: '' } });
    usage.chunk({ message: { content: 'It is ' } });
    usage.chunk({ response: 'blue', thinking: '!' });
    usage.chunk({ message: { tool_calls: [{ function: { name: 'f' } }] } });
    expect(usage.reading().outputText).toBe('Hmm. It is !blue[{"function":{"name":"f"}}]');
  });

  it('reads an error inside the stream, and does not take it for an end', () => {
    const usage = reader();
    usage.chunk({ message: { content: 'Hi' } });
    usage.chunk({ error: 'out of memory' });
    expect(usage.reading()).toMatchObject({ errorReason: 'out of memory', finished: false });
    const whole = reader();
    whole.whole({ error: { code: 5 } });
    expect(whole.reading()).toMatchObject({ errorReason: '{"code":5}', finished: false });
  });

  it('I5: a count that is absent or nonsense stays unknown', () => {
    const usage = reader();
    usage.whole({ prompt_eval_count: -1, eval_count: '5', done: true });
    expect(usage.reading()).not.toHaveProperty('inputTokens');
    expect(usage.reading()).not.toHaveProperty('outputTokens');
    usage.whole({ prompt_eval_count: 0 });
    expect(usage.reading().inputTokens).toBe(0);
  });

  it('never throws, whatever arrives', () => {
    fc.assert(
      fc.property(fc.array(fc.anything()), (chunks) => {
        const usage = reader();
        for (const chunk of chunks) usage.chunk(chunk);
        expect(typeof usage.reading().outputText).toBe('string');
      }),
    );
  });
});
