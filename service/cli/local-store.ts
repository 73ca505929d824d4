/** Commands on this machine that open the database themselves while no service runs. */
import { existsSync } from 'node:fs';
import { openStoreBriefly } from '../admin/embedded-store.js';
import type { ServiceConfig } from '../config.js';
import { createLogger, toLog } from '../http/logger.js';
import type { Store } from '../store/store.js';
import { CliFailure, type CliIo } from './io.js';

/** Opens the store of a data folder for the moment. @throws CliFailure where there is none */
export async function withStoreAlone<T>(
  io: CliIo,
  config: ServiceConfig,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const { databaseFile: file, databaseUrl: url } = config;
  if (url === undefined && !existsSync(file)) {
    throw new CliFailure(`there is no database at ${file}; \`fusewire serve\` makes one`);
  }
  const log = toLog(createLogger('warn'));
  const store = await openStoreBriefly({ file, url, runtime: io.runtime, log });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
