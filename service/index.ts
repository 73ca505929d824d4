/** The service as a library. Unlisted parts are its own business. */
export type { ClearKeys } from './admin/first-start.js';
export { DataFolderInUseError, type StoreOpener } from './admin/open-service.js';
export { type RunningService, type StartServiceOptions, startService } from './admin/start-service.js';
export {
  readServiceConfig,
  SERVICE_VARIABLES,
  type ServiceConfig,
  ServiceConfigError,
  type ServiceLogLevel,
} from './config.js';
export { CAPABILITIES, createServer, type ServerConfig, type ServerParts } from './http/server.js';
export type { Store, Team } from './store/store.js';
