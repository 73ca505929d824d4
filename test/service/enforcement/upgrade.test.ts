import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRuntime } from 'fusewire/internal';
import { afterEach, expect, it } from 'vitest';
import { openDriver } from '../../../service/store/sqlite/driver.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import { DAY, NOON, tempFolder } from '../store-support.js';
import { refusal } from './enforcement-contract.js';

const MIGRATIONS = fileURLToPath(new URL('../../../service/store/sql/sqlite/migrations/', import.meta.url));
const folder = tempFolder();
afterEach(() => folder.remove());

it('enforcement events of the first release stay readable, and are found like later ones', async () => {
  const file = join(folder.path, 'fusewire.db');
  const driver = await openDriver(file);
  driver.exec('CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT');
  for (const name of ['0001_ledger.sql', '0002_control-fill.sql'])
    driver.exec(readFileSync(join(MIGRATIONS, name), 'utf8'));
  driver.exec(`
    INSERT INTO schema_version VALUES (1), (2);
    INSERT INTO team VALUES ('fwT', 1, 't', 0, 1, 1, 1);
    INSERT INTO cost_control (
      id, rule_id, team_id, name, description, metric_type, window_type, action, group_by, hard_limit, filters,
      shadow_mode, enabled, notification_channel_ids, on_unknown_price, counted_from_ms, created_at_ms, updated_at_ms,
      deleted_at_ms
    ) VALUES
      ('cA', 7, 'fwT', 'Old cap', '', 'TOTAL_COST', 'DAILY', 'BLOCK', 'AGENT', '2', '[]', 0, 1, '[]', 'flag', 0, 0, 0, NULL),
      ('cB', 8, 'fwT', 'Gone', '', 'TOKEN_COUNT', 'DAILY', 'BLOCK', NULL, '9', '[]', 0, 1, '[]', 'flag', 0, 0, 0, 5);
    INSERT INTO enforcement_event VALUES
      ('e1', 'fwT', 'cA', 'warn', 'Bot', '1.5', '1', ${NOON - DAY}, ${NOON - 4}, 'tx-1'),
      ('e2', 'fwT', 'cA', 'trip', 'Bot', '2.5', '2', ${NOON - DAY}, ${NOON - 3}, 'tx-2'),
      ('e3', 'fwT', 'cA', 'reset', 'Bot', '2.5', '2', ${NOON - DAY}, ${NOON - 2}, NULL),
      ('e4', 'fwT', 'cB', 'shadow', NULL, '10', '9', ${NOON - DAY}, ${NOON - 1}, NULL),
      ('e5', 'fwT', 'cA', 'unknown-price', NULL, '0', '2', ${NOON - DAY}, ${NOON}, 'tx-3');
  `);
  driver.close();
  const store = await openSqliteStore({
    file,
    runtime: createRuntime({ now: () => NOON }, 'CRITICAL'),
    inProcess: true,
  });
  const page = { page: 0, size: 9 };
  const { items } = await store.listEnforcementEvents('fwT', page);
  expect(
    items.map(({ id, kind, level, outcome, isShadow, count }) => [id, kind, level, outcome, isShadow, count]),
  ).toEqual([
    ['e5', 'unknown-price', 'WARN', 'PRICE_UNKNOWN', false, 1],
    ['e4', 'shadow', 'HARD', 'OBSERVED', true, 1],
    ['e3', 'reset', 'HARD', 'RESET', false, 1],
    ['e2', 'trip', 'HARD', 'BLOCKED', false, 1],
    ['e1', 'warn', 'WARN', 'WARNED', false, 1],
  ]);
  expect(items[3]).toMatchObject({
    ...{
      controlId: 'cA',
      ruleId: 7,
      ruleName: 'Old cap',
      metricType: 'TOTAL_COST',
      groupBy: 'AGENT',
      groupValue: 'Bot',
    },
    ...{
      groupLabel: 'Bot',
      currentValue: '2.5',
      threshold: '2',
      transactionId: 'tx-2',
      ruleDeleted: false,
      windowKey: null,
    },
  });
  expect(items[1]).toMatchObject({ ruleName: 'Gone', ruleDeleted: true });
  const found = await store.listEnforcementEvents('fwT', {
    ...page,
    text: 'OLD cap',
    group: { by: 'AGENT', value: 'Bot' },
  });
  expect(found.items.map(({ id }) => id)).toEqual(['e3', 'e2', 'e1']);
  const { items: met } = await store.affectedByEnforcement('fwT', { affected: 'bot' }, 9);
  expect(met).toMatchObject([{ groupBy: 'AGENT', groupValue: 'Bot', events: 3 }]);
  expect(await store.recordRefusals('fwT', [refusal(NOON, { ruleId: 4_711 })])).toBe(1);
  const { counts } = await store.summarizeEnforcement('fwT', {}, 9);
  expect(counts.reduce((sum, { events }) => sum + events, 0)).toBe(6);
  await store.close();
});
