/** `fusewire serve`: the service in the foreground. */
import type { Command } from 'commander';
import { openEmbeddedStore } from '../admin/embedded-store.js';
import type { ClearKeys } from '../admin/first-start.js';
import { DataFolderInUseError, type OpenService, openService } from '../admin/open-service.js';
import { readServiceConfig, type ServiceConfig } from '../config.js';
import { createLogger, defaultLogLevel, toLog } from '../http/logger.js';
import { CliFailure, type CliIo } from './io.js';

interface ServeOptions {
  readonly port?: string;
  readonly host?: string;
  readonly dataDir?: string;
  readonly json?: boolean;
}

/** Adds the command. */
export function addServe(program: Command, io: CliIo): void {
  program
    .command('serve')
    .description('Run the service. The first start makes a team and prints its keys, once.')
    .option('--port <number>', 'where to listen (PORT, 8787)')
    .option('--host <address>', 'where to listen (HOST, 127.0.0.1)')
    .option('--data-dir <folder>', 'where everything is kept (FUSEWIRE_DATA_DIR, ./fusewire-data)')
    .option('--json', 'print one line of JSON instead of text')
    .action((options: ServeOptions) => serve(io, options));
}

/** The settings of this machine, flags before environment. */
export function localConfig(io: CliIo, options: Pick<ServeOptions, 'port' | 'host' | 'dataDir'>): ServiceConfig {
  const flags = {
    ...(options.port === undefined ? {} : { PORT: options.port }),
    ...(options.host === undefined ? {} : { HOST: options.host }),
    ...(options.dataDir === undefined ? {} : { FUSEWIRE_DATA_DIR: options.dataDir }),
  };
  return readServiceConfig({ ...io.runtime.env, ...flags }, io.workingDir);
}

async function serve(io: CliIo, options: ServeOptions): Promise<void> {
  const config = localConfig(io, options);
  const logger = createLogger(config.logLevel ?? defaultLogLevel(io.isTerminal));
  const log = toLog(logger);
  const stop = stopSignal(io);
  const parts = { config, runtime: io.runtime, log, logger, openStore: openEmbeddedStore, teamName: 'Default team' };
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
  io.out(
    `Fusewire is at ${bold(url)}. Its data is in ${config.dataDir}; to start over, stop it and delete that folder.`,
  );
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
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new CliFailure(`${config.host} is not an address of this machine; choose another with --host or HOST`);
    default:
      return error instanceof Error ? error : new Error(String(error));
  }
}
