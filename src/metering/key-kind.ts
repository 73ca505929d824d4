/** What a key says about itself: `rev_<kind>_<TENANT>_<secret>` (contract 1.5). Pure; never logs a key. */

/** Tenants of keys that a self-hosted Fusewire service issues begin so: `fw` and the team's id. */
export const LOCAL_TENANT_PREFIX = 'fw';

/** Hosts of the hosted service. Keys of a self-hosted one are worth nothing there, and are none of their business. */
const HOSTED = /(^|\.)revenium\.(ai|io)$/i;

/** Why a key does not fit. */
export type ForeignKey =
  /** A key of a self-hosted service on its way to the hosted one. It is not sent. */
  | 'local-key-to-hosted-service'
  /** A key of a self-hosted service that names another team than the one configured. It is sent, with a warning. */
  | 'key-of-another-team';

/** The tenant segment of a key, or `undefined` where it has none (`hak_` keys, other kinds, malformed ones). */
export function teamOfKey(apiKey: string): string | undefined {
  return /^rev_(?:mk|sk)_([A-Za-z0-9-]+)_\S+$/.exec(apiKey.trim())?.[1];
}

/**
 * Whether a key is about to be sent where it does not belong. Only keys of a self-hosted service are judged: what the
 * hosted one puts into its tenant segment need not be the team id.
 */
export function keyLooksForeign(apiKey: string, teamId: string | undefined, baseUrl: URL): ForeignKey | undefined {
  const tenant = teamOfKey(apiKey);
  if (tenant === undefined || !tenant.toLowerCase().startsWith(LOCAL_TENANT_PREFIX)) return undefined;
  if (HOSTED.test(baseUrl.hostname)) return 'local-key-to-hosted-service';
  if (teamId === undefined || teamId === '') return undefined;
  const named = tenant.toLowerCase();
  const wanted = teamId.toLowerCase();
  return named === wanted || named === `${LOCAL_TENANT_PREFIX}${wanted}` ? undefined : 'key-of-another-team';
}
