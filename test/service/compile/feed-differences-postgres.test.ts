import { expect, test } from 'vitest';
import { openPostgresStore } from '../../../service/store/postgres/open-postgres-store.js';
import { usePostgres } from '../postgres-support.js';
import { differencesHold } from './feed-differences.js';

const postgres = usePostgres();

test('bit by bit or at once, and by whatever differences: one feed', { timeout: 240_000 }, async () => {
  const url = await postgres.createMigrated();
  await expect(differencesHold(({ runtime }) => openPostgresStore({ url, runtime }), 20)).resolves.toBeUndefined();
});
