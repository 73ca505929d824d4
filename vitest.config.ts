import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * One seed for everything random that fast-check makes: that of the code. What passed here passes elsewhere, and every
 * change is tested with others. `TEST_SEED=random` takes a new one each time, `TEST_SEED=17` that one.
 */
function seedOfCode(): string {
  const parts = ['cache', 'enforcement', 'service', 'src', 'test'].map((folder) => `HEAD:${folder}`);
  try {
    const trees = execFileSync('git', ['rev-parse', ...parts], { cwd: source('.'), stdio: 'pipe' });
    return String(createHash('sha256').update(trees).digest().readInt32BE());
  } catch {
    // Not in a repository.
    return '1';
  }
}

const seededFastCheck = source('./test/support/fast-check.ts');
const bundledWriter = source('./test/support/spawn-bundled-writer.ts');

export default defineConfig({
  plugins: [
    {
      name: 'seeded-fast-check',
      enforce: 'pre',
      resolveId: (id, importer) => (id === 'fast-check' && importer !== seededFastCheck ? seededFastCheck : undefined),
    },
    {
      name: 'bundled-writer',
      enforce: 'pre',
      resolveId: (id) => (id.endsWith('/spawn-writer.js') ? bundledWriter : undefined),
    },
  ],
  resolve: {
    // Tests run on the sources; tests of child processes and of the package run on the build (npm test builds first).
    alias: [
      { find: /^fusewire$/, replacement: source('./src/index.ts') },
      {
        find: /^fusewire\/(openai|ollama|anthropic|azure|google|perplexity|litellm|fal|langchain|ai-sdk|outcomes|register|testing|internal)$/,
        replacement: `${source('./src')}/$1.ts`,
      },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // test/package installs tarballs into empty projects: `npm run test:package`.
    exclude: ['**/node_modules/**', 'test/matrix/**', 'test/package/**'],
    globalSetup: ['test/support/bundled-children.ts'],
    // A test file that leaves a server, a child process or a timer behind fails.
    setupFiles: ['test/support/leak-check.ts'],
    // For what hangs. A busy machine may give a test a tenth of a core: tests that parse every file need half a minute then.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } },
    env: { TEST_SEED: process.env['TEST_SEED'] ?? seedOfCode() },
    pool: 'forks',
    maxWorkers: 2,
  },
});
