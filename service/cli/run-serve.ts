/** What `fusewire serve` does. Loaded only when it is asked for: the other commands start without the server. */
import { openStore } from '../admin/embedded-store.js';
import type { ClearKeys } from '../admin/first-start.js';
import { DataFolderInUseError, GatewayAloneError, type OpenService, openService } from '../admin/open-service.js';
import type { ServiceConfig } from '../config.js';
import type { GatewayConfig } from '../gateway/gateway-config.js';
import { createLogger, defaultLogLevel, toLog } from '../http/logger.js';
import { CliFailure, type CliIo, CliUsageError } from './io.js';
import { localConfig, localGatewayConfig, type ServeOptions } from './local-config.js';

/** Runs the service until a signal ends it. @throws CliFailure with one clear line where it cannot start. */
export async function serve(io: CliIo, options: ServeOptions): Promise<void> {
  if (options.gateway === false && options.gatewayOnly === true) {
    throw new CliUsageError('--no-gateway and --gateway-only together leave nothing to run');
  }
  const config = localConfig(io, options);
  const gateway = options.gateway === false ? undefined : localGatewayConfig(io, options);
  refuseSameAddress(config, gateway, options);
  const logger = createLogger(config.logLevel ?? defaultLogLevel(io.isTerminal));
  const log = toLog(logger);
  const stop = stopSignal(io);
  const { gatewayOnly } = options;
  const surroundings = { runtime: io.runtime, log, logger, openStore };
  const parts = { config, gateway, gatewayOnly, ...surroundings, teamName: 'Default team' };
  const service = await openService(parts).catch((error: unknown) => {
    stop.dispose();
    throw explain(error, config, gateway);
  });
  try {
    announce(io, config, service, options.json === true);
    await stop.received;
  } finally {
    await service.close();
    stop.dispose();
  }
}

/** The system would only say that the address is taken, by this very process. */
function refuseSameAddress(config: ServiceConfig, gateway: GatewayConfig | undefined, { gatewayOnly }: ServeOptions) {
  if (gateway === undefined || gatewayOnly === true || gateway.port === 0) return;
  if (gateway.port !== config.port || gateway.host !== config.host) return;
  throw new CliFailure(
    `the API and the gateway cannot both listen at ${config.host}:${config.port}; choose another port for one of them: ` +
      '--port or PORT for the API, --gateway-port or GATEWAY_PORT for the gateway',
  );
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
  const { url, gatewayUrl, team, firstKeys } = service;
  const { bold, dim } = io.colors;
  if (asJson) {
    const keys = firstKeys === undefined ? {} : { keys: firstKeys };
    // One line, so that whoever started this process reads one line.
    io.out(JSON.stringify({ url, gatewayUrl, teamId: team.id, dataDir: config.dataDir, ...keys }));
    return;
  }
  if (firstKeys !== undefined) {
    io.out(dim('# Your first team and its keys, shown this once. Put them into the .env of your program:'));
    io.out(`${envBlock(url ?? 'http://127.0.0.1:8787', team.id, firstKeys)}\n`);
  } else {
    io.out(dim('# The keys were shown at the first start; `fusewire keys create --local` makes new ones.'));
  }
  const { databaseUrl, dataDir } = config;
  if (url === undefined) {
    io.out(`The gateway is at ${bold(gatewayUrl ?? '')}. Its data is in ${databaseUrl}; no API is open here.`);
    io.out(`${dataDir} holds what it metered until it is in the database: keep it.`);
    return;
  }
  if (databaseUrl === undefined) {
    io.out(`Fusewire is at ${bold(url)}. Its data is in ${dataDir}; to start over, stop it and delete that folder.`);
  } else {
    io.out(`Fusewire is at ${bold(url)}. Its data is in ${databaseUrl}, shared with every service on that database.`);
    const outbox =
      gatewayUrl === undefined ? '' : ', and what its gateway metered until it is in the database: keep it';
    io.out(`${dataDir} holds this machine's door for local commands${outbox}.`);
  }
  if (gatewayUrl !== undefined) {
    io.out(
      `The gateway for programs in any language is at ${bold(gatewayUrl)}; \`fusewire customers create\` begins there.`,
    );
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

function explain(error: unknown, config: ServiceConfig, gateway: GatewayConfig | undefined): Error {
  if (error instanceof DataFolderInUseError || error instanceof GatewayAloneError) return new CliFailure(error.message);
  const { code, message } = error as NodeJS.ErrnoException;
  const where = `${config.host}:${config.port}`;
  const isGateway = gateway !== undefined && isOfGateway(error as ListenError, config, gateway);
  switch (code) {
    case 'EADDRINUSE':
      if (isGateway) {
        const taken = `${gateway.host}:${gateway.port}`;
        const cure =
          'choose another port with --gateway-port or GATEWAY_PORT, or leave the gateway out with --no-gateway';
        return new CliFailure(`${taken}, where the gateway listens, is taken by another program; ${cure}`);
      }
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
      if (isGateway) {
        const cure = 'choose another with --gateway-host or GATEWAY_HOST';
        return new CliFailure(`${gateway.host}, where the gateway listens, is not an address of this machine; ${cure}`);
      }
      return new CliFailure(`${config.host} is not an address of this machine; choose another with --host or HOST`);
    default:
      return error instanceof Error ? error : new Error(String(error));
  }
}

/** What the system says of an address on which nobody can listen. */
interface ListenError {
  readonly address?: string;
  readonly hostname?: string;
  readonly port?: number;
}

function isOfGateway({ address, hostname, port }: ListenError, config: ServiceConfig, gateway: GatewayConfig): boolean {
  if (port !== undefined && gateway.port !== config.port) return port === gateway.port;
  return gateway.host !== config.host && (address ?? hostname) === gateway.host;
}
