/** Chooses the outbox of an instance: durable where a directory is configured, else in memory. */
import { createHash } from 'node:crypto';
import type { Runtime } from '../runtime.js';
import { openDiskOutbox } from './disk-outbox.js';
import { createMemoryOutbox } from './memory-outbox.js';
import { parseMeteringBase } from './metering-url.js';
import type { Outbox } from './outbox.js';
import type { OutboxOwner } from './owner-folder.js';

/** What the choice reads of the configuration. */
export interface OutboxConfig {
  readonly cacheDir: string | undefined;
  readonly bufferMaxSize: number;
  readonly meteringBaseUrl: string;
}

/** Key and team as they are now. */
export interface OutboxCredentials {
  readonly apiKey: { reveal(): string };
  readonly teamId: string | undefined;
}

/** Opens the outbox of an instance. No file is read or written before the first call. Never throws. */
export function openOutbox(
  config: OutboxConfig,
  runtime: Runtime,
  credentials: () => OutboxCredentials | undefined,
): Outbox {
  const { cacheDir, bufferMaxSize: capacity } = config;
  if (cacheDir === undefined) return createMemoryOutbox({ capacity, runtime });
  return openDiskOutbox({
    directory: cacheDir,
    owner: () => ownerOf(config.meteringBaseUrl, credentials()),
    capacity,
    runtime,
    secret: () => credentials()?.apiKey.reveal(),
  });
}

/**
 * The owner: origin and team. Without a team id the key stands for the team, as a hash, so that two teams that share a
 * directory stay apart; without either nobody is known yet, and nothing is written.
 */
export function ownerOf(meteringBaseUrl: string, credentials: OutboxCredentials | undefined): OutboxOwner | undefined {
  const base = parseMeteringBase(meteringBaseUrl);
  if (!base.ok || credentials === undefined) return undefined;
  const { origin } = base.url;
  if (credentials.teamId !== undefined && credentials.teamId !== '') return { origin, teamId: credentials.teamId };
  const keyHash = createHash('sha256').update(credentials.apiKey.reveal()).digest('hex');
  return { origin, teamId: `key ${keyHash}` };
}
