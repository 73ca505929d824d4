import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDriver } from '../../../service/store/sqlite/driver.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import type { StatementName } from '../../../service/store/statement-names.js';
import { readStatements } from '../../../service/store/statements.js';
import { handClock, NOON, tempFolder } from '../store-support.js';

/** What is asked with every batch of takes, by timers and by metrics, and how the holds are found. */
const STATEMENTS = {
  'select-due-holds': ['SEARCH hold USING COVERING INDEX hold_expiry (expires_at_ms<?)'],
  'select-due-hold-teams': ['hold_expiry (expires_at_ms<?)', 'hold_ended (ended_at_ms<?)'],
  'select-next-hold-expiry': ['hold_expiry'],
  'select-old-holds': ['hold_ended (ended_at_ms<?)'],
  'select-open-holds': ['hold_expiry'],
  'select-hold-totals': ['hold_part_live'],
  'select-held-cells': ['hold_part_live'],
  'select-idle-holders': ['hold_part_live', 'PRIMARY KEY (team_id=? AND id=?)'],
  'select-charged-and-overrun': ['hold_part_live (control_id=? AND group_key=?)'],
  'select-live-hold-parts': ['hold_part_live (control_id=?)'],
  'load-holds': ['PRIMARY KEY (team_id=? AND id=?)'],
  'load-hold-parts': ['PRIMARY KEY (team_id=? AND hold_id=?)'],
  'draw-hold-part': ['PRIMARY KEY (team_id=? AND hold_id=? AND control_id=?)'],
} as const satisfies Partial<Record<StatementName, readonly string[]>>;
const VALUES = {
  teamId: 't',
  nowMs: BigInt(NOON),
  endedBeforeMs: BigInt(NOON),
  size: 1n,
  controlId: 'c',
  id: '["i"]',
  takenBeforeMs: 0n,
  groupKey: '',
  fromMs: 0n,
  toMs: 0n,
};

describe('holds that ended are not read when others are taken', () => {
  const folder = tempFolder();
  const plans = new Map<string, string>();
  beforeAll(async () => {
    const file = join(folder.path, 'plans.db');
    await (await openSqliteStore({ file, runtime: handClock().runtime, inProcess: true })).close();
    const driver = await openDriver(file);
    for (const [name, sql] of readStatements('sqlite')) {
      if (!(name in STATEMENTS)) continue;
      const params: Record<string, string | bigint> = { ...VALUES, holdId: 'i', drawn: 1n, overrun: 0n };
      const rows = driver.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(params);
      plans.set(name, rows.map((row) => String(row['detail'])).join('\n'));
    }
    driver.close();
  });
  afterAll(() => folder.remove());

  it.each(Object.entries(STATEMENTS))('%s', (name, ways) => {
    const plan = plans.get(name)!;
    for (const way of ways) expect(plan).toContain(way);
    expect(plan).not.toMatch(/^SCAN (hold|hold_part|h|p)$/m);
    expect(plan).not.toMatch(/PRIMARY KEY \(team_id=\?\)/);
  });
});
