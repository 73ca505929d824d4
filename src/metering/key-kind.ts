/** What a key says about itself: `rev_<kind>_<TENANT>_<secret>` (contract 1.5). Pure; never logs a key. */

/** The ids of a self-hosted service's teams, and so the tenants of its keys, begin so. */
export const LOCAL_TENANT_PREFIX = 'fw';

/**
 * A key that a self-hosted Fusewire service issued: its tenant is the team's id, which begins with `fw`, and its secret
 * has 43 characters. Both, so that a key of the hosted service is not held back because its tenant happens to begin so.
 */
const LOCAL_KEY = new RegExp(`^rev_(?:mk|sk)_(${LOCAL_TENANT_PREFIX}[A-Za-z0-9]+)_[A-Za-z0-9]{43}$`);

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
  const tenant = LOCAL_KEY.exec(apiKey.trim())?.[1];
  if (tenant === undefined) return undefined;
  if (HOSTED.test(baseUrl.hostname)) return 'local-key-to-hosted-service';
  return teamId === undefined || teamId === '' || teamId === tenant ? undefined : 'key-of-another-team';
}
