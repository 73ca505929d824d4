/** Puts the service together: data folder, store, HTTP side, window timer. And takes it apart again, in order. */
import { randomBytes } from 'node:crypto';
import type { Log, Runtime } from 'fusewire/internal';
import type { Logger } from 'pino';
import type { ServiceConfig } from '../config.js';
import { createMetrics } from '../http/metrics.js';
import { createServer } from '../http/server.js';
import type { ConnectionUrl } from '../store/postgres/connection-url.js';
import type { Store, Team } from '../store/store.js';
import { createBackground, webhookTargetsOf } from './background.js';
import {
  prepareDatabaseFile,
  prepareDataFolder,
  readCredentialSecret,
  removeLocalDoor,
  sharedCredentialSecret,
  writeLocalDoor,
} from './data-folder.js';
import { type ClearKeys, ensureFirstTeam } from './first-start.js';
import { findOpenDoor } from './local-door.js';
import { createWindowTimer } from './window-timer.js';

/** Opens the store of a service. */
export type StoreOpener = (options: {
  readonly file: string;
  /** The PostgreSQL database that is used instead of the file. */
  readonly url?: ConnectionUrl | undefined;
  readonly runtime: Runtime;
  readonly log: Log;
}) => Promise<Store>;

/** What {@link openService} stands on. */
export interface ServiceParts {
  readonly config: ServiceConfig;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly logger?: Logger;
  readonly openStore: StoreOpener;
  /** Of the first team. */
  readonly teamName: string;
}

/** A service that runs. */
export interface OpenService {
  readonly url: string;
  readonly team: Team;
  /** The first team's keys, where this was its first start. */
  readonly firstKeys: ClearKeys | undefined;
  readonly store: Store;
  /** Stops accepting, finishes what is under way, closes the store. Once; later calls wait for the first. */
  close(): Promise<void>;
}

/** Two services on one data folder would be two writers on one database. */
export class DataFolderInUseError extends Error {
  override readonly name = 'DataFolderInUseError';

  constructor(dataDir: string, url: string) {
    super(`the data folder ${dataDir} is in use by the service at ${url}`);
  }
}

/**
 * Starts a service. Keys are made only once it listens, so that a port that is taken costs nobody the one sight of them.
 *
 * @throws DataFolderInUseError; the error of `listen` (`EADDRINUSE` …); whatever the store cannot open with.
 */
export async function openService(parts: ServiceParts): Promise<OpenService> {
  const { config, runtime, log } = parts;
  await prepareDataFolder(config.dataDir);
  const { databaseFile: file, databaseUrl, dataDir } = config;
  // A database that several services share is not in the folder; there the folder has a door for each of them.
  const isShared = databaseUrl !== undefined;
  if (!isShared) {
    const held = await findOpenDoor(dataDir);
    if (held !== undefined) throw new DataFolderInUseError(dataDir, held.url);
    await prepareDatabaseFile(file);
  }
  const store = await parts.openStore({ file, url: databaseUrl, runtime, log });
  const steps: (() => Promise<unknown>)[] = [() => store.close()];
  const closeAll = async (): Promise<void> => {
    for (const step of steps.splice(0).reverse()) await step();
  };
  try {
    const credentialSecret = await (isShared ? sharedCredentialSecret(store, dataDir) : readCredentialSecret(dataDir));
    const adminToken = randomBytes(32).toString('hex');
    const webhookTargets = webhookTargetsOf(config);
    const rate = config.keyRatePerSecond;
    const rateLimits = rate === undefined ? {} : { keyPerSecond: rate };
    const serverConfig = { credentialSecret, adminToken, webhookTargets, rateLimits };
    const logger = parts.logger === undefined ? {} : { logger: parts.logger };
    const metrics = createMetrics({ processMetrics: true });
    const api = await createServer({ store, runtime, log, config: serverConfig, metrics, ...logger });
    steps.push(() => api.close());
    await api.listen({ host: config.host, port: config.port });
    const address = api.server.address();
    const port = address !== null && typeof address === 'object' ? address.port : config.port;
    const url = `http://${reachableHost(config.host)}:${port}`;
    const { team, keys } = await ensureFirstTeam(store, parts.teamName);
    const windows = createWindowTimer(store, runtime, log);
    windows.start();
    steps.push(() => windows.stop());
    for (const task of createBackground({ store, runtime, log, credentialSecret, webhookTargets })) {
      task.start();
      steps.push(() => task.stop());
    }
    const doorPort = isShared ? port : undefined;
    await writeLocalDoor(dataDir, { url, token: adminToken, pid: process.pid }, doorPort);
    steps.push(() => removeLocalDoor(dataDir, adminToken, doorPort));
    let closing: Promise<void> | undefined;
    const close = () => {
      closing ??= closeAll();
      return closing;
    };
    return { url, team, firstKeys: keys, store, close };
  } catch (error) {
    await closeAll().catch(() => undefined);
    throw error;
  }
}

/** Where a program on this machine reaches a service that listens on `host`. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
