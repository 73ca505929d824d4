/** The service as a library: what the demo, the examples and tests start. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime, type Runtime } from 'fusewire/internal';
import type { ServiceLogLevel } from '../config.js';
import { readGatewayConfig } from '../gateway/gateway-config.js';
import { createLogger, toLog } from '../http/logger.js';
import { ConnectionUrl } from '../store/postgres/connection-url.js';
import type { Store, Team } from '../store/store.js';
import { openStore } from './embedded-store.js';
import { type ClearKeys, mintKeys } from './first-start.js';
import { openService, type StoreOpener } from './open-service.js';

/** How to start a service; everything has a default. */
export interface StartServiceOptions {
  /** @defaultValue a temporary folder that is removed by `close` */
  readonly dataDir?: string;
  /** @defaultValue 127.0.0.1 */
  readonly host?: string;
  /** @defaultValue 0: a free port */
  readonly port?: number;
  /** The name of the first team. @defaultValue Default team */
  readonly teamName?: string;
  /** Clock, ids and timers. @defaultValue the real ones */
  readonly runtime?: Runtime;
  /** @defaultValue silent */
  readonly logLevel?: ServiceLogLevel;
  /** `postgres://…`: the database that services share. @defaultValue the embedded SQLite database in the data folder */
  readonly databaseUrl?: string;
  /** @defaultValue what `databaseUrl` says */
  readonly openStore?: StoreOpener;
  /**
   * Opens the gateway too, with these of its variables (`OLLAMA_BASE_URL`, `OPENAI_API_KEY` …); on a free port unless
   * `GATEWAY_PORT` says otherwise. @defaultValue it is not opened
   */
  readonly gateway?: Readonly<Record<string, string | undefined>>;
}

/** A service that runs in this process. */
export interface RunningService {
  /** Without a trailing slash: the value of `REVENIUM_METERING_BASE_URL`. */
  readonly url: string;
  /** Of the gateway, where it is open: `OPENAI_BASE_URL` with `/v1` behind it, `OLLAMA_HOST`, `ANTHROPIC_BASE_URL`. */
  readonly gatewayUrl: string | undefined;
  readonly team: Team;
  /** Keys of the team. On a folder that had a team already, these are new ones. */
  readonly keys: ClearKeys;
  /** The service's own store, for whoever wants to look behind the API. */
  readonly store: Store;
  /** Stops it gracefully; a temporary folder is removed. */
  close(): Promise<void>;
}

/**
 * Starts a service and resolves when it answers. Reads no environment variable and no `.env` file.
 *
 * @throws Error where the port is taken or the data folder cannot be used.
 */
export async function startService(options: StartServiceOptions = {}): Promise<RunningService> {
  const logger = createLogger(options.logLevel ?? 'silent');
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'fusewire-')));
  const removeFolder = async () => {
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const service = await openService({
      config: {
        host: options.host ?? '127.0.0.1',
        port: options.port ?? 0,
        dataDir,
        databaseFile: join(dataDir, 'fusewire.db'),
        databaseUrl: options.databaseUrl === undefined ? undefined : new ConnectionUrl(options.databaseUrl),
        logLevel: options.logLevel,
      },
      runtime: options.runtime ?? createRuntime(),
      log: toLog(logger),
      logger,
      openStore: options.openStore ?? openStore,
      teamName: options.teamName ?? 'Default team',
      gateway:
        options.gateway === undefined
          ? undefined
          : readGatewayConfig({ GATEWAY_PORT: '0', ...options.gateway }, process.cwd()),
    });
    const keys = service.firstKeys ?? (await mintKeys(service.store, service.team.id, 'started from code'));
    const close = async () => {
      await service.close();
      await removeFolder();
    };
    const { url = '', gatewayUrl, team, store } = service;
    return { url, gatewayUrl, team, keys, store, close };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}
