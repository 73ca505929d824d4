/** The key and the team of an instance, read anew at each use: one that is set late or rotated is picked up (I9). */
import { type Config, isApiKey } from './config.js';
import { readVariable } from './config-variables.js';
import type { Runtime } from './runtime.js';
import { Secret } from './secret.js';

/** Who the instance is, towards the service. */
export interface Credentials {
  readonly apiKey: Secret;
  readonly teamId: string | undefined;
}

/** Reads key and team: code first, then the environment as it is now. A key with a wrong prefix is reported once. */
export function createCredentials(config: Config, runtime: Runtime): () => Credentials | undefined {
  let reported: string | undefined;
  let last: Credentials | undefined;
  return () => {
    const teamId = config.teamId ?? readVariable(runtime.env, 'REVENIUM_TEAM_ID')?.trim();
    const text = config.apiKey?.reveal() ?? readVariable(runtime.env, 'REVENIUM_METERING_API_KEY')?.trim();
    if (text === undefined) return undefined;
    if (!isApiKey(text)) {
      if (reported !== text) {
        runtime.log.error('REVENIUM_METERING_API_KEY does not begin with hak_ or rev_; nothing is metered with it');
        reported = text;
      }
      return undefined;
    }
    if (last === undefined || last.apiKey.reveal() !== text || last.teamId !== teamId) {
      last = { apiKey: new Secret(text), teamId };
    }
    return last;
  };
}
