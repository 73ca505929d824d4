/** What `fusewire serve` does. Loaded only when it is asked for: the other commands start without the server. */
import { openStore } from '../admin/embedded-store.js';
import type { ClearKeys } from '../admin/first-start.js';
import { DataFolderInUseError, type OpenService, openService } from '../admin/open-service.js';
import type { ServiceConfig } from '../config.js';
import { createLogger, defaultLogLevel, toLog } from '../http/logger.js';
import { CliFailure, type CliIo } from './io.js';
import { type LocalOptions, localConfig } from './local-config.js';

/** Runs the service until a signal ends it. @throws CliFailure with one clear line where it cannot start. */
export async function serve(io: CliIo, options: LocalOptions & { readonly json?: boolean }): Promise<void> {
  const config = localConfig(io, options);
  const logger = createLogger(config.logLevel ?? defaultLogLevel(io.isTerminal));
  const log = toLog(logger);
  const stop = stopSignal(io);
  const parts = { config, runtime: io.runtime, log, logger, openStore, teamName: 'Default team' };
  const service = await openService(parts).catch((error: unknown) => {
    stop.dispose();
    throw explain(error, config);
  });
  try {
    announce(io, config, service, options.json === true);
    await stop.received;
  } finally {
    await service.close();
    stop.dispose();
  }
}

/** Resolves at the first SIGINT or SIGTERM; the second one ends the process at once. */
function stopSignal(io: CliIo): { readonly received: Promise<void>; dispose(): void } {
  let resolve: () => void = () => undefined;
  let isStopping = false;
  const received = new Promise<void>((done) => {
    resolve = done;
  });
  const onSignal = (): void => {
    if (isStopping) process.exit(130);
    isStopping = true;
    if (io.isTerminal) io.err('stopping; once more ends it at once');
    resolve();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    received,
    dispose() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}

function announce(io: CliIo, config: ServiceConfig, service: OpenService, asJson: boolean): void {
  const { url, team, firstKeys } = service;
  const { bold, dim } = io.colors;
  if (asJson) {
    // One line, so that whoever started this process reads one line.
    io.out(
      JSON.stringify({ url, teamId: team.id, dataDir: config.dataDir, ...(firstKeys ? { keys: firstKeys } : {}) }),
    );
    return;
  }
  if (firstKeys !== undefined) {
    io.out(dim('# Your first team and its keys, shown this once. Put them into the .env of your program:'));
    io.out(`${envBlock(url, team.id, firstKeys)}\n`);
  } else {
    io.out(dim('# The keys were shown at the first start; `fusewire keys create --local` makes new ones.'));
  }
  const { databaseUrl, dataDir } = config;
  if (databaseUrl === undefined) {
    io.out(`Fusewire is at ${bold(url)}. Its data is in ${dataDir}; to start over, stop it and delete that folder.`);
  } else {
    io.out(`Fusewire is at ${bold(url)}. Its data is in ${databaseUrl}, shared with every service on that database.`);
    io.out(`${dataDir} holds only this machine's door for local commands.`);
  }
}

/** What a program needs to reach this service, ready for its `.env`. */
export function envBlock(url: string, teamId: string, keys: ClearKeys): string {
  return [
    `REVENIUM_METERING_BASE_URL=${url}`,
    `REVENIUM_TEAM_ID=${teamId}`,
    `REVENIUM_METERING_API_KEY=${keys.metering}`,
    `REVENIUM_WRITE_API_KEY=${keys.write}`,
    'REVENIUM_CIRCUIT_BREAKER_ENABLED=true',
  ].join('\n');
}

function explain(error: unknown, config: ServiceConfig): Error {
  if (error instanceof DataFolderInUseError) return new CliFailure(error.message);
  const { code, message } = error as NodeJS.ErrnoException;
  const where = `${config.host}:${config.port}`;
  switch (code) {
    case 'EADDRINUSE':
      return new CliFailure(`${where} is taken by another program; choose another port with --port or PORT`);
    case 'EACCES':
    case 'EPERM':
      return new CliFailure(`not allowed: ${message}`);
    case 'EEXIST':
    case 'ENOTDIR':
    // On a read-only file system Node reports a folder that cannot be made as one that is not there.
    case 'ENOENT':
    case 'EROFS':
    case 'ENOSPC':
      return new CliFailure(
        `the data folder ${config.dataDir} cannot be used (${message}); choose another with --data-dir or FUSEWIRE_DATA_DIR`,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new CliFailure(`${config.host} is not an address of this machine; choose another with --host or HOST`);
    default:
      return error instanceof Error ? error : new Error(String(error));
  }
}
