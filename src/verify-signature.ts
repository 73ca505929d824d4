/** Whether a webhook came from whom it says (contract section 7). */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { wallClock } from './runtime.js';

/** A header as frameworks give it: one text, or a list where it came several times. */
export type WebhookHeader = string | readonly string[] | undefined | null;

/** What {@link verifySignature} looks at. */
export interface SignedWebhook {
  /** The body exactly as it came, before any parsing: text, or bytes. */
  readonly payload: string | Uint8Array;
  /** `X-Revenium-Signature-256`: `sha256=<hex>`, or several of them, separated by commas, while a secret is rotated. */
  readonly signatureHeader: WebhookHeader;
  /** `X-Revenium-Webhook-Timestamp`: seconds since the epoch. */
  readonly timestampHeader: WebhookHeader;
  /** The secret, or all that are valid at the moment; one that fits is enough. Empty ones never fit. */
  readonly secrets: string | readonly string[];
  /**
   * How far the timestamp may be from now, either way, in seconds.
   *
   * @defaultValue 300
   */
  readonly toleranceSeconds?: number | undefined;
  /**
   * The time to compare with, seconds since the epoch.
   *
   * @defaultValue the system's clock
   */
  readonly nowSeconds?: number | undefined;
}

const TOLERANCE_SECONDS = 300;
const PREFIX = 'sha256=';
const HEX_DIGEST = /^[0-9a-f]{64}$/i;
const SECONDS = /^\d{1,15}$/;
/** A header names two signatures while a secret is rotated; a list of thousands is somebody's attempt. */
const SIGNATURES_MAX = 16;
const SECRETS_MAX = 16;

/**
 * Whether a webhook was signed with one of the secrets, and lately. Compares in constant time. Anything that is missing
 * or malformed makes it `false`; it never throws.
 *
 * The payload must be the raw body: a body that was parsed and written again has other bytes.
 *
 * @example
 * import { createServer } from 'node:http';
 * import { verifySignature } from 'fusewire';
 *
 * createServer(async (request, response) => {
 *   const chunks: Buffer[] = [];
 *   for await (const chunk of request) chunks.push(chunk);
 *   const isGenuine = verifySignature({
 *     payload: Buffer.concat(chunks),
 *     signatureHeader: request.headers['x-revenium-signature-256'],
 *     timestampHeader: request.headers['x-revenium-webhook-timestamp'],
 *     secrets: [process.env.REVENIUM_WEBHOOK_SECRET ?? ''],
 *   });
 *   response.writeHead(isGenuine ? 204 : 401).end();
 * });
 */
export function verifySignature(webhook: SignedWebhook): boolean {
  try {
    return verify(webhook);
  } catch {
    return false;
  }
}

function verify(webhook: SignedWebhook): boolean {
  const timestamp = single(webhook.timestampHeader);
  if (timestamp === undefined || !isRecent(timestamp, webhook)) return false;
  const given = signatures(webhook.signatureHeader);
  const secrets = (typeof webhook.secrets === 'string' ? [webhook.secrets] : [...webhook.secrets]).slice(
    0,
    SECRETS_MAX,
  );
  let isGenuine = false;
  // All pairs are looked at, whichever fits: how long it takes tells nothing.
  for (const secret of secrets) {
    if (typeof secret !== 'string' || secret === '') continue;
    const hmac = createHmac('sha256', secret).update(`${timestamp}.`);
    const expected = (
      typeof webhook.payload === 'string' ? hmac.update(webhook.payload, 'utf8') : hmac.update(webhook.payload)
    ).digest();
    for (const signature of given) isGenuine = timingSafeEqual(expected, signature) || isGenuine;
  }
  return isGenuine;
}

function isRecent(timestamp: string, { toleranceSeconds, nowSeconds }: SignedWebhook): boolean {
  if (!SECONDS.test(timestamp)) return false;
  const tolerance = toleranceSeconds ?? TOLERANCE_SECONDS;
  const now = nowSeconds ?? wallClock() / 1000;
  // A tolerance or a time that is no number refuses: every comparison with NaN is false.
  return Math.abs(now - Number(timestamp)) <= tolerance;
}

/** The digests of the header, each of 32 bytes. */
function signatures(header: WebhookHeader): Buffer[] {
  const text = typeof header === 'string' ? header : (header ?? []).join(',');
  return text
    .split(',', SIGNATURES_MAX)
    .map((part) => part.trim())
    .filter((part) => part.startsWith(PREFIX) && HEX_DIGEST.test(part.slice(PREFIX.length)))
    .map((part) => Buffer.from(part.slice(PREFIX.length), 'hex'));
}

/** The one value of a header. Two timestamps are none: which of them was signed? */
function single(header: WebhookHeader): string | undefined {
  if (typeof header === 'string') return header.trim();
  return header?.length === 1 ? header[0]?.trim() : undefined;
}
