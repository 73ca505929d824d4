import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import { leakedSince, openResources } from '../support/leaks.js';

describe('the check for what a test file leaves behind', () => {
  it('finds a server, until it is closed', async () => {
    const before = openResources();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    expect(leakedSince(before)).toContain('TCPServerWrap');
    server.close();
    await once(server, 'close');
    await expect.poll(() => leakedSince(before)).not.toContain('TCPServerWrap');
  });

  it('finds a child process, until it ended', async () => {
    const before = openResources();
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    expect(leakedSince(before)).toContain('ProcessWrap');
    child.kill('SIGKILL');
    await once(child, 'close');
    await expect.poll(() => leakedSince(before)).not.toContain('ProcessWrap');
  });

  it('finds a timer, unless it is cleared or does not hold the process', () => {
    const before = openResources();
    const timer = setInterval(() => {}, 60_000);
    expect(leakedSince(before)).toEqual(['Timeout']);
    timer.unref();
    expect(leakedSince(before)).toEqual([]);
    clearInterval(timer);
  });
});
