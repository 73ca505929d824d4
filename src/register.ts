/**
 * `fusewire/register`: importing it guards every provider's client of the process, with the default instance,
 * which the environment configures. Use `node --import fusewire/register app.js`, or import it before anything else.
 */
import { defaultFusewire } from './default-instance.js';
import { installRegister, type Registration } from './instrument/register.js';
import { isLoaderThread } from './instrument/register-thread.js';
import { createRuntime, type Runtime } from './runtime.js';

/** Both copies of this package may be imported, by a flag and by the program: the first one registers. */
const REGISTRATION = Symbol.for('fusewire.registration');
type Shared = { [REGISTRATION]?: Registration };

/** The registration of this process. Its `ready` matters on runtimes that cannot `require` ES modules only. */
export const registration: Registration = registerOnce();

function registerOnce(): Registration {
  const shared = globalThis as Shared;
  shared[REGISTRATION] ??= register();
  return shared[REGISTRATION];
}

/** Never throws (I2): a program that cannot be guarded runs as it would without us, and the log says so. */
function register(): Registration {
  const runtime = createRuntime();
  try {
    if (isLoaderThread()) return { ready: Promise.resolve() };
    return installRegister({
      instrument: (client) => void defaultFusewire().guard(client),
      log: runtime.log,
      entry: process.argv[1],
      preloaded: isPreloaded(runtime),
    });
  } catch (error) {
    runtime.log.error('fusewire/register could not register; use guard()', { error: String(error) });
    return { ready: Promise.resolve() };
  }
}

/** Whether a flag loaded this package before any module of the program. */
function isPreloaded(runtime: Runtime): boolean {
  const flags = [...process.execArgv, runtime.env['NODE_OPTIONS'] ?? ''].join(' ');
  return /(?:^|\s)(?:--import|--require|-r)[=\s]+\S*fusewire\/(?:\S*\/)?register/.test(flags);
}
