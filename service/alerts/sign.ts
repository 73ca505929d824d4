/** Signing a webhook (contract section 7). Pure. */
import { createHmac } from 'node:crypto';

/**
 * The headers of a delivery: the time in Unix seconds, and an HMAC-SHA-256 over `<time>.<body>` for each secret, the
 * current one first. While a secret is rotated there are two, so that a receiver with either one accepts it.
 */
export function signatureHeaders(
  body: string,
  secrets: readonly string[],
  nowMs: number,
): Readonly<Record<'X-Revenium-Signature-256' | 'X-Revenium-Webhook-Timestamp', string>> {
  const time = String(Math.floor(nowMs / 1_000));
  const signatures = secrets.map((secret) => {
    return `sha256=${createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')}`;
  });
  return { 'X-Revenium-Signature-256': signatures.join(', '), 'X-Revenium-Webhook-Timestamp': time };
}
