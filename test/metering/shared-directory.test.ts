import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDelivery } from '../../src/metering/delivery.js';
import { openDiskOutbox } from '../../src/metering/disk-outbox.js';
import { Secret } from '../../src/secret.js';
import { realRuntime, until } from '../cache/support/fake-runtime.js';
import { temporaryDirectories } from '../cache/support/temporary-directory.js';
import { children } from './support/child.js';
import { startMeteringServer } from './support/metering-server.js';
import { allText, OWNER, segments } from './support/outbox-folder.js';

const temporary = temporaryDirectories();
const start = children();
const TEAMS = ['teamOne', 'teamTwo'];

describe('eight processes of two teams on one directory', () => {
  it('I4, I9, I11: through a rotated key and kill -9, each event arrives once, under a key of its own team', async () => {
    const directory = temporary();
    const server = await startMeteringServer();
    const valid = new Map(TEAMS.map((team) => [`hak_${team}_1`, team]));
    const keyFile = (team: string) => join(directory, `${team}.key`);
    for (const team of TEAMS) writeFileSync(keyFile(team), `hak_${team}_1`);
    const strangers: string[] = [];
    server.answer = ({ event, headers }) => {
      const team = valid.get(String(headers['x-api-key']));
      if (team === undefined) return { status: 401 };
      if (team !== event.organizationName) strangers.push(event.transactionId);
      return { status: 200 };
    };
    const run = [0, 1, 2, 3, 4, 5, 6, 7].map((number) => {
      const team = TEAMS[number % 2]!;
      return start('crash-child.ts', [directory, server.url.href, `p${number}`, team, keyFile(team)]);
    });
    await until(() => run.every((child) => child.lines.length > 20), 60_000);
    // The first team's key is rotated: first the service knows the new one only, then the processes do.
    valid.delete('hak_teamOne_1');
    valid.set('hak_teamOne_2', 'teamOne');
    const refused = run.map((child) => child.lines.length + 20);
    await until(() => run.every((child, index) => child.lines.length > refused[index]!), 60_000);
    writeFileSync(keyFile('teamOne'), 'hak_teamOne_2');
    const healed = server.taken.size + 50;
    await until(() => server.taken.size > healed, 60_000);
    for (const child of run) child.process.kill('SIGKILL');
    await Promise.all(run.map((child) => child.ended));

    for (const team of TEAMS) {
      const owner = { ...OWNER, teamId: team };
      expect(allText(directory, owner)).not.toContain('hak_');
      const runtime = realRuntime();
      const outbox = openDiskOutbox({ directory, owner, runtime, capacity: 100_000 });
      const apiKey = new Secret(team === 'teamOne' ? 'hak_teamOne_2' : 'hak_teamTwo_1');
      const delivery = createDelivery({ outbox, runtime, endpoint: () => server.url, credentials: () => ({ apiKey }) });
      await outbox.adopt();
      expect(await delivery.flush(60_000)).toBe(true);
      await delivery.stop();
      await outbox.close();
      expect(segments(directory, owner)).toEqual([]);
    }
    await server.close();

    expect(strangers).toEqual([]);
    const noted = run.flatMap((child) => child.lines.filter((line) => line.startsWith('noted ')));
    for (const line of noted) expect(server.taken.has(line.slice('noted '.length)), line).toBe(true);
    const accepted = server.requests.filter((request) => valid.has(String(request.headers['x-api-key'])));
    const bodies = new Map<string, string>();
    for (const { key, event } of accepted) {
      expect(bodies.get(key) ?? JSON.stringify(event), key).toBe(JSON.stringify(event));
      bodies.set(key, JSON.stringify(event));
    }
    expect(run.every((child) => !child.errors().includes('please report'))).toBe(true);
  }, 240_000);
});
