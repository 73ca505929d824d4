/** The adapters on fixtures in the providers' real wire format, whole and in chunks. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ProviderAdapter, UsageReading } from '../../src/providers/adapter.js';
import { ollamaAdapter } from '../../src/providers/ollama.js';
import { openaiAdapter } from '../../src/providers/openai.js';

interface Fixture {
  readonly file: string;
  readonly adapter: ProviderAdapter;
  readonly url: string;
  readonly request: object;
  readonly expected: Partial<UsageReading>;
}

const OPENAI = 'https://api.openai.com/v1';
const OLLAMA = 'http://127.0.0.1:11434/api';

const FIXTURES: readonly Fixture[] = [
  {
    file: 'openai/responses.sse',
    adapter: openaiAdapter,
    url: `${OPENAI}/responses`,
    request: { model: 'gpt-4o-mini', input: 'Say.', stream: true },
    expected: {
      responseId: 'resp_fx1',
      model: 'gpt-4o-mini-2024-07-18',
      inputTokens: 120,
      outputTokens: 16,
      totalTokens: 136,
      cacheReadTokens: 64,
      reasoningTokens: 8,
      stopReason: 'TOKEN_LIMIT',
      finished: true,
    },
  },
  {
    file: 'openai/embeddings.json',
    adapter: openaiAdapter,
    url: `${OPENAI}/embeddings`,
    request: { model: 'text-embedding-3-small', input: 'x' },
    expected: { inputTokens: 9, totalTokens: 9, model: 'text-embedding-3-small' },
  },
  {
    file: 'openai/completions.json',
    adapter: openaiAdapter,
    url: `${OPENAI}/completions`,
    request: { model: 'gpt-3.5-turbo-instruct', prompt: 'The sky is' },
    expected: { responseId: 'cmpl-fx1', inputTokens: 5, outputTokens: 1, totalTokens: 6, stopReason: 'TOKEN_LIMIT' },
  },
  {
    file: 'ollama/chat.ndjson',
    adapter: ollamaAdapter,
    url: `${OLLAMA}/chat`,
    request: { model: 'gemma3:1b', messages: [], stream: true },
    expected: { inputTokens: 26, outputTokens: 12, stopReason: 'TOKEN_LIMIT', finished: true },
  },
  {
    file: 'ollama/generate.json',
    adapter: ollamaAdapter,
    url: `${OLLAMA}/generate`,
    request: { model: 'qwen2.5:0.5b', prompt: 'Why?', stream: false },
    expected: { inputTokens: 31, outputTokens: 7, stopReason: 'END' },
  },
  {
    file: 'ollama/embed.json',
    adapter: ollamaAdapter,
    url: `${OLLAMA}/embed`,
    request: { model: 'nomic-embed-text', input: 'x' },
    expected: { inputTokens: 8 },
  },
];

/** The JSON values of a fixture: one, or one a line or event. */
function valuesOf(file: string): unknown[] {
  const text = readFileSync(new URL(`../fixtures/${file}`, import.meta.url), 'utf8');
  if (file.endsWith('.json')) return [JSON.parse(text)];
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('event:'));
  return lines.map((line) => JSON.parse(line.replace(/^data: /, '')));
}

describe('the adapters on fixtures', () => {
  it.each(FIXTURES)('$file', ({ file, adapter, url, request, expected }) => {
    const reading = adapter.readRequest({ method: 'POST', url, body: request });
    expect(reading).toMatchObject({ known: true, kind: 'call', streaming: !file.endsWith('.json') });
    const reader = adapter.createUsageReader(reading!);
    for (const value of valuesOf(file)) {
      if (file.endsWith('.json')) reader.whole(value);
      else reader.chunk(value);
    }
    expect(reader.reading()).toMatchObject(expected);
  });

  it('I5: a stream that stops before its last chunk reports no counts, and keeps the text for the estimate', () => {
    for (const { file, adapter, url, request } of FIXTURES.filter((fixture) => !fixture.file.endsWith('.json'))) {
      const reader = adapter.createUsageReader(adapter.readRequest({ method: 'POST', url, body: request })!);
      for (const value of valuesOf(file).slice(0, -1)) reader.chunk(value);
      const { inputTokens, outputTokens, finished, outputText } = reader.reading();
      expect({ file, inputTokens, outputTokens, finished }).toEqual({
        file,
        inputTokens: undefined,
        outputTokens: undefined,
        finished: false,
      });
      expect(outputText).toMatch(/[水空]/);
    }
  });
});
