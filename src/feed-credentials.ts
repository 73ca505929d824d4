/** The key and the team that the poller asks with: none where the key would go to a host that it is not meant for. */
import type { Config } from './config.js';
import type { Credentials } from './credentials.js';
import { keyLooksForeign } from './metering/key-kind.js';
import type { Runtime } from './runtime.js';

/**
 * What the poller reads at each poll. A key of a self-hosted service is not sent to the hosted one: that is said once a
 * key, and polling begins by itself when key or address fit. (docs/decisions/2026-11-21-foreign-keys.md)
 */
export function createFeedCredentials(
  config: Pick<Config, 'enforcementBaseUrl'>,
  runtime: Pick<Runtime, 'log'>,
  credentials: () => Credentials | undefined,
): () => { readonly apiKey: string; readonly teamId: string } | undefined {
  const base = new URL(config.enforcementBaseUrl);
  let refused: Credentials | undefined;
  return () => {
    const known = credentials();
    if (known?.teamId === undefined) return undefined;
    const apiKey = known.apiKey.reveal();
    if (keyLooksForeign(apiKey, known.teamId, base) !== 'local-key-to-hosted-service') {
      return { apiKey, teamId: known.teamId };
    }
    if (refused !== known) {
      refused = known;
      const fix = 'set REVENIUM_METERING_BASE_URL, or REVENIUM_ENFORCEMENT_BASE_URL';
      runtime.log.error(`the key belongs to a self-hosted service, and the rules are not asked for with it; ${fix}`, {
        host: base.host,
      });
    }
    return undefined;
  };
}
