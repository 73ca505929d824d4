import { expect, test } from 'vitest';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import { tempFolder } from '../store-support.js';
import { differencesHold } from './feed-differences.js';

test('bit by bit or at once, and by whatever differences: one feed', { timeout: 120_000 }, async () => {
  const folder = tempFolder();
  await expect(
    differencesHold(
      ({ runtime }) => openSqliteStore({ file: `${folder.path}/feed.db`, runtime, inProcess: true }),
      100,
    ),
  ).resolves.toBeUndefined();
  folder.remove();
});
