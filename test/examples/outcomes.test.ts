/** Runs the three fleets of examples/outcomes as a user would. `npm test` builds first. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

async function run(name: string, ...options: string[]) {
  const env = { ...process.env };
  for (const variable of Object.keys(env)) if (/^(REVENIUM_|FUSEWIRE_|OPENAI_)/.test(variable)) delete env[variable];
  const file = `examples/outcomes/${name}.mjs`;
  return promisify(execFile)(process.execPath, [file, ...options], { cwd: root, env, timeout: 60_000 });
}

describe('the examples of outcomes', () => {
  it.each([
    ['sales', /^sales-1: (CONVERTED \$\d+|UNSUCCESSFUL|ESCALATED|FAILED \(.*\))$/m],
    ['coding', /^coding-1: /m],
    ['support', /^support-1: /m],
  ])('%s runs its fleet, and says what it cost and what it was worth', { timeout: 60_000 }, async (name, first) => {
    const { stdout } = await run(name, '--jobs', '3');
    expect(stdout).toMatch(first);
    expect(stdout).toMatch(/^jobs 3, succeeded \d, converted \d$/m);
    expect(stdout).toMatch(/^cost \$0\.\d*[1-9]\d*, worth \$\d+\.\d\d$/m);
  });

  it('failure rate and mix are what the options say', { timeout: 60_000 }, async () => {
    const always = await run('sales', '--jobs', '2', '--failure-rate', '1', '--seed', '3');
    expect(always.stdout).toMatch(/FAILED/);
    const never = await run('sales', '--jobs', '2', '--failure-rate', '0', '--mix', 'CONVERTED=1');
    expect(never.stdout).toMatch(/^jobs 2, succeeded 2, converted 2$/m);
  });

  it.each([
    ['--failure-rate', '2'],
    ['--jobs', 'many'],
    ['--mix', 'WON'],
  ])('refuses %s %s with exit code 2 and the list of options', async (option, value) => {
    const failed = await run('sales', option, value).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 2 });
    expect((failed as { stderr: string }).stderr).toContain('options:');
  });
});
