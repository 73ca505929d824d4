/** Puts the service together: data folder, store, HTTP side, window timer. And takes it apart again, in order. */
import { randomBytes } from 'node:crypto';
import type { Log, Runtime } from 'fusewire/internal';
import type { Logger } from 'pino';
import type { ServiceConfig } from '../config.js';
import { openGateway } from '../gateway/gateway.js';
import type { GatewayConfig } from '../gateway/gateway-config.js';
import { createMetrics, type Metrics } from '../http/metrics.js';
import { createServer } from '../http/server.js';
import { createCredentialProtector } from '../ingest/protect-credential.js';
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
  /** The gateway's settings; absent: it is not opened. */
  readonly gateway?: GatewayConfig | undefined;
  /** Open the gateway and no API: for replicas that only serve callers, on a database that processes share. */
  readonly gatewayOnly?: boolean | undefined;
}

/** A service that runs. */
export interface OpenService {
  /** Of the API; absent where only the gateway is open. */
  readonly url: string | undefined;
  /** Of the gateway; absent where it is not open. */
  readonly gatewayUrl: string | undefined;
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

/** Without an API nobody could ask for anything of a database that this process alone may open. */
export class GatewayAloneError extends Error {
  override readonly name = 'GatewayAloneError';

  constructor() {
    super('the gateway alone needs a database that processes share: set DATABASE_URL=postgres://…, or open both');
  }
}

/** What is opened is closed in the opposite order, once. */
class Steps {
  readonly #steps: (() => Promise<unknown>)[] = [];
  #closing: Promise<void> | undefined;

  add(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) await step();
  }
}

/**
 * Starts a service. Keys are made only once it listens, so that a port that is taken costs nobody the one sight of them.
 *
 * @throws DataFolderInUseError; GatewayAloneError; the error of `listen` (`EADDRINUSE` …); whatever the store cannot open with.
 */
export async function openService(parts: ServiceParts): Promise<OpenService> {
  const { config, runtime, log } = parts;
  const { databaseFile: file, databaseUrl, dataDir } = config;
  // A database that several services share is not in the folder; there the folder has a door for each of them.
  const isShared = databaseUrl !== undefined;
  if (parts.gatewayOnly === true && !isShared) throw new GatewayAloneError();
  await prepareDataFolder(dataDir);
  if (!isShared) {
    const held = await findOpenDoor(dataDir);
    if (held !== undefined) throw new DataFolderInUseError(dataDir, held.url);
    await prepareDatabaseFile(file);
  }
  const store = await parts.openStore({ file, url: databaseUrl, runtime, log });
  const steps = new Steps();
  steps.add(() => store.close());
  try {
    const credentialSecret = await (isShared ? sharedCredentialSecret(store, dataDir) : readCredentialSecret(dataDir));
    const metrics = createMetrics({ processMetrics: true });
    const shared = { parts, store, steps, credentialSecret, metrics, isShared };
    const api = parts.gatewayOnly === true ? undefined : await openApi(shared);
    const gatewayUrl = await openOwnGateway(shared);
    if (gatewayUrl !== undefined) await api?.noteGateway(gatewayUrl);
    const { team, keys } = await ensureFirstTeam(store, parts.teamName);
    await startTasks(shared);
    return { url: api?.url, gatewayUrl, team, firstKeys: keys, store, close: () => steps.close() };
  } catch (error) {
    await steps.close().catch(() => undefined);
    throw error;
  }
}

/** What the parts of a service that is being opened share. */
interface Opening {
  readonly parts: ServiceParts;
  readonly store: Store;
  readonly steps: Steps;
  readonly credentialSecret: Uint8Array;
  readonly metrics: Metrics;
  readonly isShared: boolean;
}

/** The API, open. */
interface OpenApi {
  readonly url: string;
  /** Tells local commands where the gateway is. */
  noteGateway(gatewayUrl: string): Promise<void>;
}

async function openApi({ parts, store, steps, credentialSecret, metrics, isShared }: Opening): Promise<OpenApi> {
  const { config, runtime, log } = parts;
  const adminToken = randomBytes(32).toString('hex');
  const rate = config.keyRatePerSecond;
  const rateLimits = rate === undefined ? {} : { keyPerSecond: rate };
  const webhookTargets = webhookTargetsOf(config);
  const serverConfig = { credentialSecret, adminToken, webhookTargets, rateLimits };
  const logger = parts.logger === undefined ? {} : { logger: parts.logger };
  const api = await createServer({ store, runtime, log, config: serverConfig, metrics, ...logger });
  steps.add(() => api.close());
  await api.listen({ host: config.host, port: config.port });
  const address = api.server.address();
  const port = address !== null && typeof address === 'object' ? address.port : config.port;
  const url = `http://${reachableHost(config.host)}:${port}`;
  const doorPort = isShared ? port : undefined;
  const door = { url, token: adminToken, pid: process.pid };
  await writeLocalDoor(config.dataDir, door, doorPort);
  steps.add(() => removeLocalDoor(config.dataDir, adminToken, doorPort));
  return { url, noteGateway: (gatewayUrl) => writeLocalDoor(config.dataDir, { ...door, gatewayUrl }, doorPort) };
}

async function openOwnGateway(opening: Opening): Promise<string | undefined> {
  const { parts, store, steps, metrics, credentialSecret } = opening;
  const { gateway, runtime, log, config } = parts;
  if (gateway === undefined) return undefined;
  const protectCredential = createCredentialProtector(credentialSecret);
  const open = await openGateway({
    ...{ config: gateway, store, runtime, log, metrics },
    ...{ dataDir: config.dataDir, protectCredential },
  });
  steps.add(() => open.close());
  return `http://${reachableHost(gateway.host)}:${open.port}`;
}

async function startTasks({ parts, store, steps, credentialSecret }: Opening): Promise<void> {
  const { config, runtime, log } = parts;
  const windows = createWindowTimer(store, runtime, log);
  windows.start();
  steps.add(() => windows.stop());
  const webhookTargets = webhookTargetsOf(config);
  for (const task of createBackground({ store, runtime, log, credentialSecret, webhookTargets })) {
    task.start();
    steps.add(() => task.stop());
  }
}

/** Where a program on this machine reaches a service that listens on `host`. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
