import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDiskOutbox } from '../../src/metering/disk-outbox.js';
import { flushAtExit } from '../../src/metering/process-exit.js';
import { fakeRuntime, until } from '../cache/support/fake-runtime.js';
import { temporaryDirectories } from '../cache/support/temporary-directory.js';
import { type Child, children } from './support/child.js';
import { type MeteringServer, startMeteringServer } from './support/metering-server.js';
import { OWNER } from './support/outbox-folder.js';

const temporary = temporaryDirectories();
const start = children();
let server: MeteringServer;
beforeEach(async () => {
  server = await startMeteringServer();
});
afterEach(() => server.close());

const run = (ending: string, timeoutMs = 30_000, directory?: string): Child =>
  start('exit-child.ts', [server.url.href, ending, String(timeoutMs), ...(directory === undefined ? [] : [directory])]);

/** From the program's last line to the end of its process, in real milliseconds. */
async function tail(child: Child): Promise<number> {
  await until(() => child.lines.includes('end of program'), 60_000);
  const from = performance.now();
  await child.ended;
  return performance.now() - from;
}

/**
 * Far more than it takes on a machine that starves, and far less than what must not be waited for: three tries of 10 s,
 * a flush of 60 s, an event that waits 30 s.
 */
const FAR_MS = 20_000;

describe('the end of a process', { timeout: 90_000 }, () => {
  it('comes by itself when the work is done, with everything delivered', async () => {
    for (const ending of ['end', 'later']) {
      server.taken.clear();
      const child = run(ending, 60_000);
      expect(await tail(child)).toBeLessThan(FAR_MS);
      expect(await child.ended).toBe(0);
      // The 20, and the attempt that nobody had ended.
      expect(server.taken.size).toBe(21);
      expect(child.errors()).toBe('');
    }
  });

  it('is not held by an idle instance', async () => {
    const child = run('idle', 60_000);
    expect(await tail(child)).toBeLessThan(FAR_MS);
    expect(await child.ended).toBe(0);
    expect(server.requests).toHaveLength(0);
  });

  it('is held for no longer than the time limit where the service hangs', async () => {
    server.answer = () => 'hang';
    const child = run('end', 700);
    const took = await tail(child);
    expect(await child.ended).toBe(0);
    expect(took).toBeGreaterThan(500);
    expect(took).toBeLessThan(FAR_MS);
  });

  it('is hardly held where the service is down', async () => {
    await server.close();
    const child = run('end', 60_000);
    expect(await tail(child)).toBeLessThan(FAR_MS);
    expect(await child.ended).toBe(0);
  });

  it('I4: at process.exit() a durable outbox keeps what could not be sent, for the next process', async () => {
    server.answer = () => 'hang';
    const directory = temporary();
    const child = run('exit', 30_000, directory);
    expect(await child.ended).toBe(3);
    const outbox = openDiskOutbox({ directory, owner: OWNER, runtime: fakeRuntime().runtime });
    await outbox.adopt();
    const entries = outbox.claim(100);
    await outbox.close();
    expect(entries).toHaveLength(21);
    const open = entries.find((entry) => entry.idempotencyKey === 'open');
    expect(open?.event).toHaveProperty('attributes', { usageState: 'reported' });
  });

  it('by SIGTERM delivers first, then ends as it would have', async () => {
    server.answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return { status: 200 };
    };
    const child = run('signal');
    await until(() => child.lines.includes('ready'), 60_000);
    child.process.kill('SIGTERM');
    expect(await child.ended).toBe('SIGTERM');
    expect(server.taken.size).toBe(21);
  });

  it('by SIGTERM is up to the program where it has a handler of its own', async () => {
    const child = run('signal-own-handler');
    await until(() => child.lines.includes('ready'), 60_000);
    child.process.kill('SIGTERM');
    expect(await child.ended).toBe(0);
    expect(child.lines).toContain('own handler');
    expect(child.lines).toContain('end of program');
    expect(server.taken.size).toBe(21);
  });

  it('warns of no leak, however many instances there are', async () => {
    const child = run('many');
    expect(await child.ended).toBe(0);
    expect(child.errors()).toBe('');
  });
});

describe('the hooks', () => {
  it('are gone after they were uninstalled, twice too', () => {
    const names = ['beforeExit', 'exit', 'SIGTERM'];
    const before = names.map((name) => process.listenerCount(name));
    const limit = process.getMaxListeners();
    const { runtime } = fakeRuntime();
    const flush = () => Promise.resolve(true);
    const uninstall = flushAtExit({
      runtime,
      flush,
      settleOpenAttempts: () => undefined,
      timeoutMs: 1,
      installSignalHandlers: true,
    });
    expect(names.map((name) => process.listenerCount(name))).toEqual(before.map((count) => count + 1));
    uninstall();
    uninstall();
    expect(names.map((name) => process.listenerCount(name))).toEqual(before);
    expect(process.getMaxListeners()).toBe(limit);
  });

  it('I2: survive what they call', async () => {
    const { runtime } = fakeRuntime();
    const fail = () => {
      throw new Error('no');
    };
    const before = new Set(process.listeners('beforeExit'));
    const uninstall = flushAtExit({
      runtime,
      flush: () => Promise.reject(new Error('no')),
      settleOpenAttempts: fail,
      reportLeft: fail,
      timeoutMs: 1000,
      installSignalHandlers: false,
    });
    const hook = process.listeners('beforeExit').find((listener) => !before.has(listener)) as () => void;
    hook();
    await until(() => runtime.lines.length === 2);
    uninstall();
    expect(runtime.lines.every((line) => line.startsWith('error'))).toBe(true);
  });
});
