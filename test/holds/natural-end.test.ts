/** A program that ends by itself leaves nothing held: what is left of its slice is not charged two minutes later. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { startStandIn } from './overspend/stand-in.js';
import { startBudgetService } from './overspend/team-budget.js';

const CHILD = fileURLToPath(new URL('./natural-end-child.ts', import.meta.url));

it('a program that never says close() gives back what it held when it ends by itself', {
  timeout: 60_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-end-'));
  const standIn = await startStandIn();
  const service = await startBudgetService(join(folder, 'data'));
  try {
    const control = await service.createBudget(10_000);
    const { url: serviceUrl, teamId, key } = service;
    const program = JSON.stringify({ serviceUrl, teamId, key, providerUrl: standIn.url });
    const startedAt = Date.now();
    await promisify(execFile)(process.execPath, ['--import', 'tsx', CHILD, program], { timeout: 30_000 });
    expect(Date.now() - startedAt, 'it does not linger').toBeLessThan(15_000);
    const spent = standIn.calls.reduce((sum, { tokens }) => sum + tokens, 0);
    expect(await service.standing(control)).toEqual({ spend: spent, held: 0, limit: 10_000 });
    const { items } = await service.store.listHolds(teamId, { page: 0, size: 10, controlId: control.id });
    expect(items.length).toBeGreaterThan(0);
    expect(items.map(({ state }) => state)).toEqual(items.map(() => 'closed'));
  } finally {
    await service.close();
    await standIn.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
