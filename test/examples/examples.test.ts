/** Runs every example and the demo as a user would: the built packages, one command each. `npm test` builds first. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = async (file: string) => {
  const env = { ...process.env };
  // A developer's own keys and servers must not be used by a test.
  for (const name of Object.keys(env)) if (/^(GOOGLE|GEMINI)_/.test(name)) delete env[name];
  for (const name of ['OPENAI_API_KEY', 'OPENAI_BASE_URL', 'OLLAMA_HOST', 'OLLAMA_BASE_URL']) delete env[name];
  for (const name of Object.keys(env)) if (name.startsWith('REVENIUM_')) delete env[name];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], { cwd: root, env, timeout: 60_000 });
  return { stdout, stderr };
};

/** What each example must say. */
const SAYS: Readonly<Record<string, readonly RegExp[]>> = {
  'openai.mjs': [/^answer: A budget/m, /^metered: gpt-4o-mini CHAT 42000 tokens \$0\.0072$/m, /EMBED 8 tokens/],
  'azure.mjs': [
    /^metered: Azure team-gpt-4\.1-mini is gpt-4\.1-mini, \$0\.0192$/m,
    /^metered: Azure support-prod is gpt-4o-mini, \$0\.0072$/m,
  ],
  'openai-media.mjs': [
    /^metered: generation gpt-image-1, 2 PER_TOKEN, \$0\.08458$/m,
    /^metered: transcription whisper-1, 90 seconds PER_MINUTE, \$0\.009$/m,
    /^metered: tts tts-1, 22 PER_CHARACTER, price unknown$/m,
  ],
  'google.mjs': [
    /^answer: A budget/m,
    /^left after: A$/m,
    /^metered: gemini-2.5-flash GOOGLE CHAT END 42000 tokens, 500 of them thoughts reported$/m,
    /^metered: gemini-2.5-pro GOOGLE_VERTEX_AI CHAT CANCELLED \d+ tokens, \d+ of them thoughts estimated$/m,
    /^metered: gemini-embedding-001 GOOGLE EMBED END \d+ tokens, 0 of them thoughts estimated$/m,
  ],
  'anthropic.mjs': [
    /^metered: claude-sonnet-5 END STANDARD 1000 in, 40000 from the cache reported 0\.015$/m,
    /^metered: claude-sonnet-5 CANCELLED STANDARD 1000 in, 40000 from the cache estimated 0\.01\d+$/m,
    /^result: first succeeded\nresult: first succeeded$/m,
    /^metered: claude-haiku-4-5 END BATCH 1000 in, 40000 from the cache reported price unknown$/m,
  ],
  'ai-sdk.mjs': [
    /^answer: A budget/m,
    /^metered: gpt-4o-mini CHAT whole 42000$/m,
    /^metered: gpt-4o-mini CHAT streamed 42000$/m,
    /^metered: text-embedding-3-small EMBED whole 8$/m,
    /^refused: Tokens of Northwind\nrequests of a refused stream: 0$/m,
  ],
  'perplexity.mjs': [
    /^metered: CHAT sonar 758 tokens \$0\.006 reported$/m,
    /^metered: SEARCH search 0 tokens \$0\.005 reported$/m,
  ],
  'litellm.mjs': [
    /^metered: Anthropic claude-sonnet-4-5 300\+700 tokens \$0\.02 triage$/m,
    /^events of the one call: 1$/m,
    /^refused at the proxy: 400 .*\[COST_LIMIT_EXCEEDED RULE_TRIPPED ruleId=\d+ spend=0\.04 limit=0\.03 /m,
  ],
  'fal.mjs': [
    /^made: 2 pictures, transaction 00000000-/m,
    /^refused: Pictures of the day, \d+ of 4$/m,
    // A polled budget is felt a moment after the picture that used it up; nothing is sent that is refused.
    /^requests to fal: ([2-9]), calls that were answered: \1$/m,
  ],
  'guarded-fetch.mjs': [
    /^refused: .*Tokens of the scraper/m,
    /^another agent: 1 answer$/m,
    /^another request: 200$/m,
    /^metered: gpt-4o-mini writer 42000 tokens$/m,
  ],
  'own-provider.mjs': [
    /^odd answer: \{"shape":"new"\}$/m,
    /^refused after \d+ answers and \d+ requests: Tokens of Acme$/m,
    /^metered: ACME odd \d+ unknown$/m,
  ],
  'ollama.mjs': [/^answer: A budget/m, /^refused after \d+ answers: .*Tokens of the shared box/m],
  'streaming.mjs': [/^metered: END 40000 2000 reported$/m, /^metered: CANCELLED \d+ [1-9]\d? estimated$/m],
  'decorators.mjs': [
    /^answer: A budget\nanswer: A budget\nmetered: Northwind triage question u-88\nmetered: Northwind triage order u-88$/m,
  ],
  'tools.mjs': [
    /^found: Rita\nthrown as it is: no customer u-99$/m,
    /^metered: crm-lookup lookup true triage conv-71 \{"plan":"pro"\}$/m,
    /^metered: crm-lookup lookup false triage conv-71 \{\}$/m,
    /^metered: fax execute true triage conv-71 \{"pages":2\}$/m,
  ],
  'metadata-scopes.mjs': [
    /^Northwind triage - staging$/m,
    /^Northwind writer - staging$/m,
    /^Northwind reviewer classify staging$/m,
  ],
  'catching-the-error.mjs': [/"code": "COST_LIMIT_EXCEEDED"/, /^requests that the refused call made: 0$/m],
  'fail-closed-with-mirror.mjs': [
    /^before the first poll: refused/m,
    /^after the first poll: answered$/m,
    /^restart without the service, with the mirror: answered$/m,
    /^restart without the service and without a mirror: refused/m,
  ],
  'shadow-mode.mjs': [/^4 calls answered, refused: 0/m],
  'langchain.mjs': [
    /^metered: gpt-4o-mini cause desk whole 42000 tokens\nmetered: gpt-4o-mini - streamed 42000 tokens$/m,
    /^refused: Tokens of Northwind - requests of a refused run: 0$/m,
  ],
  'bypass.mjs': [/^bypass off: refused\nbypass on: answered\nbypass off again: refused\nmetered, bypass: true$/m],
};

describe('the examples', () => {
  it.each(Object.entries(SAYS))('%s runs, and says what it promises', { timeout: 60_000 }, async (name, says) => {
    const { stdout } = await run(`examples/${name}`);
    for (const pattern of says) expect(stdout).toMatch(pattern);
  });

  it('are all run here, and all named in their README', () => {
    const files = readdirSync(new URL('../../examples/', import.meta.url)).filter((name) => name.endsWith('.mjs'));
    expect(files.sort()).toEqual(Object.keys(SAYS).sort());
    const readme = readFileSync(new URL('../../examples/README.md', import.meta.url), 'utf8');
    for (const file of files) expect(readme).toContain(`node examples/${file}`);
  });

  it('the demo, in a pipe, prints plain lines and exits 0 because all of it happened', {
    timeout: 60_000,
  }, async () => {
    const { stdout } = await run('examples/demo/main.mjs');
    expect(stdout).toContain('All of it really happened.');
    expect(stdout.includes('\u001b'), 'no escape sequences in a pipe').toBe(false);
    expect(stdout).toMatch(/currentValue\s+0\.0\d+/);
    expect(stdout, 'each client: answered is metered, and some were refused').toMatch(/openai\s+(\d+)\s+\1\s+[12]\s/);
  });

  it('the demo of the gateway exits 0 because all of it happened', { timeout: 60_000 }, async () => {
    const { stdout } = await run('examples/demo/gateway.mjs');
    expect(stdout).toContain('All of it really happened.');
    expect(stdout.includes('\u001b'), 'no escape sequences in a pipe').toBe(false);
    for (const caller of ['curl', 'openai', 'ollama', 'anthropic']) {
      expect(stdout, 'each got streamed answers').toMatch(new RegExp(`${caller}: \\d+ chunks`));
      expect(stdout, 'each was refused in its own way').toMatch(new RegExp(`${caller}\\s+402\\s+BUDGET_EXCEEDED`));
    }
    expect(stdout, 'the bill is exact').toMatch(/15 calls, \$0\.049026: to the nano-dollar/);
  });

  it('the demo of hard budgets exits 0 because all of it happened', { timeout: 90_000 }, async () => {
    const { stdout } = await run('examples/demo/holds.mjs');
    expect(stdout).toContain('All of it really happened.');
    expect(stdout.includes('\u001b'), 'no escape sequences in a pipe').toBe(false);
    const rows = [...stdout.matchAll(/^ {2}(?:one|other) +(\d+) +(\d+)/gm)].map((row) => [
      Number(row[1]),
      Number(row[2]),
    ]);
    const sums = [0, 1].map((column) => rows.reduce((sum, row) => sum + row[column]!, 0));
    expect(sums, 'answered and refused').toEqual([6, 58]);
    expect(stdout).toMatch(/held \$1, and is charged for it/);
    expect(stdout.match(/let through/g)).toHaveLength(2);
  });
});
