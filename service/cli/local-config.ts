/** Settings of commands that work on this machine. */
import { readServiceConfig, type ServiceConfig } from '../config.js';
import type { CliIo } from './io.js';

/** Flags that override the environment. */
export interface LocalOptions {
  readonly port?: string;
  readonly host?: string;
  readonly dataDir?: string;
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
