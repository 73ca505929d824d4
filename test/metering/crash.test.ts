import { describe, expect, it } from 'vitest';
import { createDelivery } from '../../src/metering/delivery.js';
import { openDiskOutbox } from '../../src/metering/disk-outbox.js';
import { Secret } from '../../src/secret.js';
import { realRuntime, until } from '../cache/support/fake-runtime.js';
import { temporaryDirectories } from '../cache/support/temporary-directory.js';
import { type Child, children } from './support/child.js';
import { startMeteringServer } from './support/metering-server.js';
import { OWNER, segments } from './support/outbox-folder.js';

const temporary = temporaryDirectories();
const start = children();

const ROUNDS = 16;

interface Said {
  readonly noted: Set<string>;
  readonly answered: Set<string>;
  /** Tools that ran to their end. */
  readonly ran: Set<string>;
}

function collect(said: Said, child: Child): void {
  for (const line of child.lines) {
    const [word, id] = line.split(' ');
    if (word === 'noted') said.noted.add(id!);
    if (word === 'answered') said.answered.add(id!);
    if (word === 'ran') said.ran.add(id!);
  }
}

describe('kill -9', () => {
  it(`I4: ${ROUNDS} rounds of two processes on one directory, killed mid-flight: every attempt and tool arrives exactly once`, async () => {
    const directory = temporary();
    const server = await startMeteringServer();
    // Slow enough that there is always something on its way.
    server.answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 3));
      return { status: 200 };
    };
    const said: Said = { noted: new Set(), answered: new Set(), ran: new Set() };
    let pair = [0, 1].map((number) => start('crash-child.ts', [directory, server.url.href, `0-${number}`]));
    for (let round = 1; round <= ROUNDS; round += 1) {
      // The next two start before these two die, so that the dead meet the living.
      const next =
        round === ROUNDS
          ? []
          : [0, 1].map((number) => start('crash-child.ts', [directory, server.url.href, `${round}-${number}`]));
      const least = 10 + round * 3;
      await until(() => pair.every((child) => child.lines.length >= least), 30_000);
      for (const child of pair) child.process.kill('SIGKILL');
      for (const child of pair) {
        expect(await child.ended).toBe('SIGKILL');
        expect(child.errors()).toBe('');
        collect(said, child);
      }
      pair = next;
    }

    const runtime = realRuntime();
    const outbox = openDiskOutbox({ directory, owner: OWNER, runtime, capacity: 100_000 });
    const delivery = createDelivery({
      outbox,
      runtime,
      endpoint: () => server.url,
      credentials: () => ({ apiKey: new Secret('hak_crash_0123456789') }),
    });
    await outbox.adopt();
    expect(await delivery.flush(30_000)).toBe(true);
    await delivery.stop();
    await outbox.close();
    await server.close();

    expect(said.noted.size).toBeGreaterThan(ROUNDS * 2 * 5);
    expect(segments(directory)).toEqual([]);
    for (const id of said.noted) {
      const event = server.taken.get(id);
      expect(event?.transactionId, id).toBe(id);
      // An answer that was written is never replaced by an estimate.
      if (said.answered.has(id)) expect(event?.attributes, id).not.toHaveProperty('recovered');
    }
    expect(said.ran.size).toBeGreaterThan(ROUNDS * 2);
    for (const id of said.ran) {
      expect(server.taken.get(id), id).toMatchObject({ transactionId: id, toolId: 'crm-lookup', success: true });
    }
    const estimates = [...server.taken.values()].filter((event) => event.attributes?.['recovered'] === true);
    for (const event of estimates) expect(event.attributes?.['usageState']).toBe('estimated');
    expect(estimates.length).toBeGreaterThan(0);
    // One body for each key, however often it was sent; and one key for each transaction.
    const bodies = new Map<string, Set<string>>();
    const keys = new Map<string, Set<string>>();
    for (const { key, event } of server.requests) {
      bodies.set(key, (bodies.get(key) ?? new Set()).add(JSON.stringify(event)));
      keys.set(event.transactionId, (keys.get(event.transactionId) ?? new Set()).add(key));
    }
    for (const [key, seen] of bodies) expect(seen.size, key).toBe(1);
    for (const [id, seen] of keys) expect(seen.size, id).toBe(1);
    // What was not said may have happened too, in the last moment of a process: never more than its attempts.
    expect(server.taken.size - said.noted.size - said.ran.size).toBeLessThanOrEqual(ROUNDS * 6);
    const paths = server.requests.map(({ path, event }) => [path, 'toolId' in event]);
    expect(paths.filter(([path, isTool]) => (path === '/meter/v2/tool/events') !== isTool)).toEqual([]);
  }, 180_000);
});
