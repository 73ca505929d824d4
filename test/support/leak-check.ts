// Runs around every test file: one that leaves a server, a child process, a timer or a worker behind fails.
import { afterAll, expect } from 'vitest';
import { leakedSince, openResources } from './leaks.js';

/** Ends of processes and sockets arrive a few turns after they were asked for, on a busy machine seconds. */
const GRACE_MS = 20_000;
const before = openResources();

afterAll(async () => {
  const deadline = Date.now() + GRACE_MS;
  while (leakedSince(before).length > 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(leakedSince(before), 'left behind by this test file').toEqual([]);
});
