/** The example of docs/service.md is run as it stands. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { openServiceFixture } from '../../helpers/service-fixture.js';
import { openTestStore } from '../../helpers/stores.js';
import { hardControl } from '../../holds/service-desk.js';

const run = promisify(execFile);

it('the curl example of the API of holds does what it says', async () => {
  const document = await readFile(new URL('../../../docs/service.md', import.meta.url), 'utf8');
  const script = /## The API of holds[\s\S]*?```sh\n([\s\S]*?)```/.exec(document)?.[1] ?? '';
  expect(script).toContain('curl');
  const service = await openServiceFixture(openTestStore);
  try {
    const control = await service.store.createControl(service.team.id, hardControl('Cap', { limit: 5_000 }));
    const env = { ...process.env, FUSEWIRE_URL: service.url, REVENIUM_METERING_API_KEY: service.keys.metering };
    const commands = script.split(/^(?=#)/m).filter((part) => part.includes('curl'));
    expect(commands).toHaveLength(3);
    const answers = [];
    for (const command of commands) answers.push(JSON.parse((await run('sh', ['-c', command], { env })).stdout));
    const [taken, receipt, closed] = answers;
    expect(taken).toMatchObject({ outcome: 'held', hold: { state: 'open', parts: [{ amount: '1000', drawn: '0' }] } });
    expect(receipt).toMatchObject({ label: 'chatcmpl-1' });
    expect(closed).toMatchObject({ outcome: 'held', hold: { state: 'closed', parts: [{ drawn: '508' }] } });
    const hold = await service.store.getHold(service.team.id, taken.hold.id);
    expect(hold?.parts).toMatchObject([{ controlId: control.id, left: 0n, drawn: 508n }]);
  } finally {
    await service.close();
  }
});
