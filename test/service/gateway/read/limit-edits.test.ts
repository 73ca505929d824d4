import { describe, expect, it } from 'vitest';
import { withOutputLimitBytes } from '../../../../service/gateway/read/limit-edits.js';
import { readBody } from '../../../../service/gateway/read/read-body.js';

const OPENAI = { endpoint: 'chat.completions', provider: 'OPENAI', operationType: 'CHAT' } as const;
const OLLAMA = { endpoint: 'api.chat', provider: 'OLLAMA', operationType: 'CHAT' } as const;

function limited(reading: typeof OPENAI | typeof OLLAMA, text: string, tokens = 100): string | undefined {
  const body = readBody(Buffer.from(text), 'application/json', false);
  if (typeof body === 'string') throw new Error(body);
  return withOutputLimitBytes(reading, body, tokens)?.toString();
}

describe('an output limit in the bytes of a request', () => {
  it.each([
    ['is put before the other members', OPENAI, '{ "model" : "m" }', '{"max_completion_tokens":100, "model" : "m" }'],
    [
      'takes the place of a higher one',
      OPENAI,
      '{"n":2,"max_tokens": 5e3 ,"x":1.0}',
      '{"n":2,"max_tokens": 50 ,"x":1.0}',
    ],
    [
      'is put into the options',
      OLLAMA,
      '{"model":"m","options":{"seed":1.0}}',
      '{"model":"m","options":{"num_predict":100,"seed":1.0}}',
    ],
    ['is put into empty options', OLLAMA, '{"model":"m","options":{}}', '{"model":"m","options":{"num_predict":100}}'],
    ['brings options', OLLAMA, '{"model":"m","options":null}', '{"model":"m","options":{"num_predict":100}}'],
    [
      'replaces what is no limit',
      OLLAMA,
      '{"model":"m","options":{"num_predict":-1}}',
      '{"model":"m","options":{"num_predict":100}}',
    ],
  ] as const)('%s, and every other byte stays', (_, reading, text, wanted) => {
    expect(limited(reading, text)).toBe(wanted);
  });

  it('is not written where another server could read another one, or where it is low already', () => {
    expect(limited(OLLAMA, '{"model":"m","options":{"NUM_PREDICT":900}}')).toBeUndefined();
    expect(limited(OLLAMA, '{"model":"m","options":{"num_predict":900,"num_predict":2}}')).toBeUndefined();
    expect(limited(OLLAMA, '{"model":"m","options":[]}')).toBeUndefined();
    expect(limited(OPENAI, '{"model":"m","max_tokens":100}')).toBeUndefined();
  });
});
