import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
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
    // A test file that leaves a server, a child process or a timer behind fails.
    setupFiles: ['test/support/leak-check.ts'],
    // For what hangs. A busy machine may give a test a tenth of a core: tests that parse every file need half a minute then.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
