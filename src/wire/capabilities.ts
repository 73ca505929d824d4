/** What a Fusewire service can beyond the contract, as it announces it in a header of every answer. */

/** The header, in answers and in requests. */
export const CAPABILITIES_HEADER = 'fusewire-capabilities';

/**
 * What this SDK makes use of. `feed-wait`: a poll may wait for a change. `feed-delta`: a poll may be answered with the
 * difference. `feed-whole`: a feed without the bound of 1 MiB. `ingest-batch`: several usage events in one request.
 * `refusals`: refused calls may be reported. `holds`: amounts can be set aside for calls under way.
 */
export const USED_CAPABILITIES = [
  'feed-wait',
  'feed-delta',
  'feed-whole',
  'ingest-batch',
  'refusals',
  'holds',
] as const;

/** One of {@link USED_CAPABILITIES}. */
export type Capability = (typeof USED_CAPABILITIES)[number];

/** Those capabilities in the header that are known here; others are ignored, and so is a header that means nothing. */
export function parseCapabilities(header: string | readonly string[] | undefined): ReadonlySet<Capability> {
  const text = typeof header === 'string' ? header : (header ?? []).join(',');
  const names = new Set(text.split(',').map((name) => name.trim().toLowerCase()));
  return new Set(USED_CAPABILITIES.filter((name) => names.has(name)));
}
