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

  const DIGITS = '0123456789abcdefABCDEF0123456789abcdef';
  const MAKERS: readonly (readonly [string, string])[] = [
    ...['sk-', 'sk-proj-', 'sk-ant-api03-', 'sk-or-v1-', 'pplx-', 'gsk_', 'hf_', 'sk_live_', 'rk_test_', 'AIza'],
    ...['ghp_', 'gho_', 'ghu_', 'github_pat_', 'glpat-', 'xoxb-', 'xai-', 'nvapi-', 'r8_', 'fw_', 'tvly-', 'npm_'],
    ...['dop_v1_', 'ya29.', 'rev_mk_', 'rev_sk_', 'hak_', 'whsec_', 'Bearer ', 'Authorization: Basic '],
    ...['OPENAI_API_KEY=', 'AZURE_OPENAI_API_KEY: ', 'AWS_SECRET_ACCESS_KEY=', 'FAL_KEY=', 'x-api-key: ', 'password='],
    ...['openaiApiKey: ', 'secretAccessKey = ', 'private_key=', 'Ocp-Apim-Subscription-Key: ', 'https://me:'],
  ].map((prefix) => [prefix, prefix.startsWith('https') ? '@host/path' : '']);
  /** How a prompt carries text: as it is, and inside JSON, JSON inside JSON, an address, a list. */
  const CARRIERS: readonly (readonly [string, (text: string) => string])[] = [
    ['plain', (text) => `use ${text} please`],
    ['a line of its own', (text) => `line one\n${text}\nline three`],
    ['a string of JSON', (text) => JSON.stringify({ note: `first\n${text}\nlast` })],
    ['JSON inside JSON', (text) => JSON.stringify({ arguments: JSON.stringify({ note: `first\n${text}` }) })],
    ['escaped unicode', (text) => `{"note":"\\u0022${text}\\u0022"}`],
    ['an address', (text) => `https://host/path?q=%20${text}`],
    ['other letters', (text) => `ключ${text}。密钥`],
  ];

  it.each(CARRIERS)('I12: keys of every maker are found in %s', (_name, carry) => {
    for (const [prefix, behind] of MAKERS) {
      expect(redact(carry(`${prefix}${DIGITS}${behind}`)), prefix).not.toContain(DIGITS);
    }
  });

  it.each([
    ['ASIAIOSFODNN7EXAMPLE', 'ASIA***REDACTED***'],
    ['SG.aBcDeFgHiJkLmNoPqRsTuV.aBcDeFgHiJkLmNoPqRsTuV-w_yz', 'SG.***REDACTED***'],
    ['11111111-2222-3333-4444-555555555555:0123456789abcdef0123456789abcdef', '***REDACTED***'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIEvQ\nAbCd==\n-----END RSA PRIVATE KEY-----', '***REDACTED***'],
    ['-----BEGIN PRIVATE KEY-----\\nMIIEvQ that is cut', '***REDACTED***'],
    ['password = "two words 9"', 'password = "***REDACTED***"'],
    ['password = "a\\"quoted 9"', 'password = "***REDACTED***"'],
    ['postgres://me:hunter22@db/x', 'postgres://me:***REDACTED***@db/x'],
  ])('I12: %s', (text, expected) => {
    expect(redact(text)).toBe(expected);
    expect(redact(expected)).toBe(expected);
  });

  it.each(['npm_config_cache', 'xai-grok-4-fast-reasoning', 'at 10:30@home', 'http://host:8080/a@b', 'monkey: banana'])(
    'leaves names and addresses alone: %s',
    (text) => expect(redact(text)).toBe(text),
  );

  it('takes time in proportion to the text', () => {
    for (const hostile of [
      'eyJ'.repeat(100_000),
      'token='.repeat(60_000),
      `${' '.repeat(300_000)}secret`,
      'a.'.repeat(2e5),
      '-eyJaaaaaaaaaaa'.repeat(70_000),
      `Bearer${' '.repeat(1e6)}`,
      'password:'.repeat(110_000),
      'token"    ='.repeat(100_000),
      `password: ${'a'.repeat(1e6)}!`,
      `password="${'a\\'.repeat(5e5)}`,
      '-----BEGIN PRIVATE KEY-----END '.repeat(30_000),
      '://a:'.repeat(2e5),
      `SG.${'a-SG.'.repeat(2e5)}`,
      'Authorization: Key '.repeat(50_000),
    ]) {
      const before = process.cpuUsage();
      redact(hostile);
      expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
    }
  });

  it.each([
    'api_key',
    'apiKey',
    'x-api-key',
    'Authorization',
    'access_token',
    'PASSWORD',
    'client_secret',
    'AZURE_OPENAI_API_KEY',
    'openaiApiKey',
  ])('a member called %s is a secret', (name) => {
    expect(isSecretName(name)).toBe(true);
  });

  it.each(['tokens', 'max_tokens', 'secretary', 'key', 'passwordless'])('a member called %s is none', (name) => {
    expect(isSecretName(name)).toBe(false);
  });
});
