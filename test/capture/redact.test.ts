import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSecretName, redact } from '../../src/capture/redact.js';

const KEYS: readonly (readonly [string, string])[] = [
  ['pplx-0123456789abcdef', 'pplx-***REDACTED***'],
  ['sk-proj-AbCdEf0123456789_x', 'sk-proj-***REDACTED***'],
  ['sk-ant-api03-AbCdEf0123456789', 'sk-ant-***REDACTED***'],
  ['sk-0123456789abcdefABCDEF', 'sk-***REDACTED***'],
  ['AKIAIOSFODNN7EXAMPLE', 'AKIA***REDACTED***'],
  ['ghp_0123456789abcdef', 'ghp_***REDACTED***'],
  ['ghs_0123456789abcdef', 'ghs_***REDACTED***'],
  ['rev_mk_T9qLm2_0f3c7be1d2', 'rev_mk_***REDACTED***'],
  ['hak_0123456789ab', 'hak_***REDACTED***'],
  ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl', '***REDACTED_JWT***'],
  ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx', '***REDACTED_JWT***'],
  ['Bearer abcdef0123456789', 'Bearer ***REDACTED***'],
  ['api_key=abcdef123456', 'api_key=***REDACTED***'],
  ['token: "s3cr3tvalue"', 'token: "***REDACTED***"'],
  ["password='hunter2!'", "password='***REDACTED***'"],
  ['{"client_secret":"abcd1234"}', '{"client_secret":"***REDACTED***"}'],
  ['"{\\"password\\":\\"hunter22\\"}"', '"{\\"password\\":\\"***REDACTED***\\"}"'],
];

describe('redaction', () => {
  it.each(KEYS)('I12: %s becomes %s', (text, expected) => {
    expect(redact(text)).toBe(expected);
    expect(redact(`before ${text} after`)).toBe(`before ${expected} after`);
  });

  it.each([
    'I forgot my password and need help',
    'The password is not the problem: people are.',
    'password: reset',
    'a task-force of risk-takers',
    'sk-8 is a road',
    'tokens per second: 20 tokens',
    'Bearers of bad news',
    'the secret of a good soup',
  ])('leaves prose alone: %s', (text) => {
    expect(redact(text)).toBe(text);
  });

  it('finds several, and does the same when it is done twice', () => {
    const once = redact('a=sk-0123456789abcdef b=ghp_0123456789abcdef password=abcd1234 Bearer sk-ant-0123456789');
    expect(once).not.toMatch(/0123456789|abcd1234/);
    expect(redact(once)).toBe(once);
  });

  it('never leaves a key of known make behind, wherever it stands', () => {
    const key = fc
      .tuple(
        fc.constantFrom('sk-', 'sk-proj-', 'sk-ant-', 'pplx-', 'ghp_', 'AKIA'),
        fc.stringMatching(/^[A-Za-z0-9]{16,40}$/),
      )
      .map(([prefix, rest]) => ({ rest, text: `${prefix}${rest}` }));
    fc.assert(
      fc.property(fc.string(), key, fc.string(), (before, { rest, text }, after) => {
        expect(redact(`${before} ${text} ${after}`)).not.toContain(rest);
      }),
    );
  });

  it('takes time in proportion to the text', () => {
    for (const hostile of [
      'eyJ'.repeat(100_000),
      'token='.repeat(60_000),
      `${' '.repeat(300_000)}secret`,
      'a.'.repeat(2e5),
    ]) {
      const startedAt = performance.now();
      redact(hostile);
      expect(performance.now() - startedAt).toBeLessThan(2_000);
    }
  });

  it.each(['api_key', 'apiKey', 'x-api-key', 'Authorization', 'access_token', 'PASSWORD', 'client_secret'])(
    'a member called %s is a secret',
    (name) => {
      expect(isSecretName(name)).toBe(true);
    },
  );

  it.each(['tokens', 'max_tokens', 'secretary', 'key', 'passwordless'])('a member called %s is none', (name) => {
    expect(isSecretName(name)).toBe(false);
  });
});
