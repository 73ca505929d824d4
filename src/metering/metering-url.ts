/** Where metered events go (contract 1.6). Pure. */
import { isToolEvent, type MeteredEvent } from '../wire/usage-event.js';

const DEFAULT_BASE = 'https://api.revenium.ai';

/** The base of metering, or why the text is none. */
export type MeteringBase = { readonly ok: true; readonly url: URL } | { readonly ok: false; readonly reason: string };

/**
 * Reads a metering base URL: with or without `/meter`, `/meter/v2`, `/v2`, trailing slashes, in any case. Empty means
 * the hosted service. The result ends in `/meter/v2`; a path before it is kept; user, query and fragment are dropped.
 * Only http and https are taken.
 */
export function parseMeteringBase(text: string | undefined): MeteringBase {
  const trimmed = text?.trim() || DEFAULT_BASE;
  if (!URL.canParse(trimmed)) return { ok: false, reason: 'not a URL' };
  const url = new URL(trimmed);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return { ok: false, reason: `only http and https are possible, not ${url.protocol}` };
  }
  return { ok: true, url: normalise(url) };
}

/** The address for an event of this operation type; `base` in any form that {@link parseMeteringBase} takes. */
export function meteringUrl(base: URL, operationType: string): URL {
  return resourceUrl(base, resourceOf(operationType));
}

/** The address of a resource, such as `ai/images`, `tool/events` or `batch`; `base` as for {@link meteringUrl}. */
export function resourceUrl(base: URL, resource: string): URL {
  const url = normalise(base);
  url.pathname = `${url.pathname}/${resource}`;
  return url;
}

function normalise(base: URL): URL {
  const url = new URL(base.origin);
  // `/v2` alone: the Go client's result, `/meter/v2`, which is the only one that its service answers (contract 5.1).
  const prefix = base.pathname.replace(/\/+$/, '').replace(/(\/+meter)?(\/+v\d+)?$/i, '');
  url.pathname = `${prefix}/meter/v2`;
  return url;
}

/** The resource of batches, beside those of single events. */
export const BATCH_RESOURCE = 'batch';

/** The address of reports about refused calls. */
export function refusalsUrl(base: URL): URL {
  return resourceUrl(base, 'fusewire/refusals');
}

/**
 * The address of something that is not metering: jobs, metrics that are read back (contract 1.6). `/meter` and what
 * follows it is replaced by `/profitstream/v2/api`.
 */
export function managementUrl(base: URL, path: string): URL {
  const url = normalise(base);
  url.pathname = `${url.pathname.replace(/\/meter\/v2$/, '')}/profitstream/v2/api/${path}`;
  return url;
}

/** The resource that takes an event: by kind, and a usage event by its operation type (contract 5.1). */
export function resourceOfEvent(event: MeteredEvent): string {
  return isToolEvent(event) ? 'tool/events' : resourceOf(event.operationType);
}

/** The resource of an operation type, as it stands in the path of a single event and in the type of a batch's item. */
export function resourceOf(operationType: string): string {
  switch (operationType) {
    case 'IMAGE':
      return 'ai/images';
    case 'AUDIO':
      return 'ai/audio';
    case 'VIDEO':
      return 'ai/video';
    default:
      return 'ai/completions';
  }
}
