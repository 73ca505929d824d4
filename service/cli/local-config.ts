/** Settings of commands that work on this machine. */
import { readServiceConfig, type ServiceConfig } from '../config.js';
import { type GatewayConfig, readGatewayConfig } from '../gateway/gateway-config.js';
import type { CliIo } from './io.js';

/** Flags that override the environment. */
export interface LocalOptions {
  readonly port?: string;
  readonly host?: string;
  readonly dataDir?: string;
}

/** Flags of `fusewire serve`. */
export interface ServeOptions extends LocalOptions {
  readonly gatewayPort?: string;
  readonly gatewayHost?: string;
  /** `false`: `--no-gateway`. */
  readonly gateway?: boolean;
  readonly gatewayOnly?: boolean;
  readonly json?: boolean;
}

/** The settings of the gateway, flags before environment. */
export function localGatewayConfig(io: CliIo, options: ServeOptions): GatewayConfig {
  const flags = {
    ...(options.gatewayPort === undefined ? {} : { GATEWAY_PORT: options.gatewayPort }),
    ...(options.gatewayHost === undefined ? {} : { GATEWAY_HOST: options.gatewayHost }),
  };
  return readGatewayConfig({ ...io.runtime.env, ...flags }, io.workingDir);
}

/** The settings of this machine, flags before environment. */
export function localConfig(io: CliIo, options: LocalOptions): ServiceConfig {
  const flags = {
    ...(options.port === undefined ? {} : { PORT: options.port }),
    ...(options.host === undefined ? {} : { HOST: options.host }),
    ...(options.dataDir === undefined ? {} : { FUSEWIRE_DATA_DIR: options.dataDir }),
  };
  return readServiceConfig({ ...io.runtime.env, ...flags }, io.workingDir);
}
