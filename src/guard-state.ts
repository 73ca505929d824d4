/** How enforcement is switched, as the guard asks it for every call. */
import type { BypassSwitch } from '../cache/bypass-switch.js';
import type { GuardState } from '../enforcement/guard.js';
import type { Config } from './config.js';
import { readVariable } from './config-variables.js';
import type { Credentials } from './credentials.js';
import type { Runtime } from './runtime.js';

/**
 * One object with getters: a decision allocates nothing here, and reads the environment only until key and team are
 * known. A key that goes away later stops the polls, not the rules that are loaded.
 */
export function createGuardState(
  config: Config,
  runtime: Runtime,
  credentials: () => Credentials | undefined,
  bypass: BypassSwitch,
): GuardState {
  let wasConfigured = false;
  return {
    enabled: config.circuitBreakerEnabled,
    failMode: config.failMode,
    get bypassed() {
      return bypass.isOn();
    },
    get configured() {
      wasConfigured ||= credentials()?.teamId !== undefined;
      return wasConfigured;
    },
    get missing() {
      const known = credentials();
      const names = known === undefined ? ['REVENIUM_METERING_API_KEY'] : [];
      const teamId = known?.teamId ?? config.teamId ?? readVariable(runtime.env, 'REVENIUM_TEAM_ID');
      return teamId === undefined ? [...names, 'REVENIUM_TEAM_ID'] : names;
    },
  };
}
