import { defineConfig } from 'vitest/config';

// Runs on what is published, not on the sources: no aliases. Needs a build (npm run test:package makes one) and npm.
export default defineConfig({
  test: {
    include: ['test/package/**/*.test.ts'],
    testTimeout: 60_000,
    // Packs and installs; better-sqlite3 may have to be compiled, which takes a minute or two.
    hookTimeout: 600_000,
    pool: 'forks',
    fileParallelism: false,
  },
});
