/** Which outbox an instance gets: on disk where a folder is configured, else in memory. */
import { join } from 'node:path';
import type { Config } from '../config.js';
import type { Credentials } from '../credentials.js';
import type { Runtime } from '../runtime.js';
import { openDiskOutbox } from './disk-outbox.js';
import { createMemoryOutbox } from './memory-outbox.js';
import type { Outbox } from './outbox.js';

/**
 * The outbox of a configuration. It holds what waits for its first delivery and what waits for a retry, so its bound is
 * the larger of the two that contract 1.4 names. The durable one belongs to an origin and a team: a key without a team
 * is a team of its own.
 */
export function openOutbox(config: Config, runtime: Runtime, credentials: () => Credentials | undefined): Outbox {
  const capacity = Math.max(config.bufferMaxSize, config.queueSize);
  if (config.cacheDir === undefined) return createMemoryOutbox({ capacity, runtime });
  const { origin } = new URL(config.meteringBaseUrl);
  return openDiskOutbox({
    directory: join(config.cacheDir, 'outbox'),
    owner: () => {
      const known = credentials();
      return known && { origin, teamId: known.teamId ?? '' };
    },
    capacity,
    runtime,
    secret: () => credentials()?.apiKey.reveal(),
  });
}
