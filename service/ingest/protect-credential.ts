/** `subscriber.credential.value` is a live key of somebody: it never reaches the store as it came (I12). */
import { createHmac } from 'node:crypto';

/** Replaces a credential by a text that is the same for the same credential of the same team, and tells nothing else. */
export type CredentialProtector = (teamId: string, value: string) => string;

const HEX_CHARACTERS = 32;
/** A shorter credential would be given away by its last characters. */
const SHOWN_FROM_LENGTH = 12;

/**
 * Makes a protector: `hmac_<32 hex>_<last four characters>`. Each team has a key of its own, derived from `secret`, so
 * that equal credentials of two teams cannot be matched. The secret must outlive restarts: with another one, the same
 * credential counts as a new one.
 */
export function createCredentialProtector(secret: Uint8Array): CredentialProtector {
  if (secret.length < 32) throw new Error('the credential secret needs at least 32 bytes');
  return (teamId, value) => {
    const teamKey = createHmac('sha256', secret).update(`credential:${teamId}`).digest();
    const digest = createHmac('sha256', teamKey).update(value).digest('hex').slice(0, HEX_CHARACTERS);
    const shown = value.length >= SHOWN_FROM_LENGTH ? value.slice(-4) : '****';
    return `hmac_${digest}_${shown}`;
  };
}
