/** Secrets of webhooks. They have to be read again to sign, so they are sealed with AES-256-GCM and not hashed (I12). */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { randomSecret } from '../admin/keys.js';
import type { SealedSecret } from '../ledger/webhooks.js';

/** A new secret: `secret` is shown once, `sealed` is what is kept. */
export interface MintedSecret extends SealedSecret {
  readonly secret: string;
}

/** Seals secrets under the service's own, for one team each. */
export interface SecretSealer {
  /** Makes `whsec_…` with 256 random bits. */
  mint(teamId: string): MintedSecret;
  /** The secret again, or `undefined` where it was sealed with another secret of the service, or for another team. */
  open(teamId: string, sealed: string): string | undefined;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 'v1.';

/** A sealer whose key is derived from the service's secret; losing that makes every secret unreadable. */
export function createSecretSealer(serviceSecret: Uint8Array): SecretSealer {
  const key = Buffer.from(hkdfSync('sha256', serviceSecret, new Uint8Array(0), 'fusewire webhook secrets', 32));
  return {
    mint(teamId) {
      const secret = `whsec_${randomSecret()}`;
      return { secret, sealed: seal(key, teamId, secret), hint: secret.slice(-4) };
    },
    open: (teamId, sealed) => open(key, teamId, sealed),
  };
}

function seal(key: Buffer, teamId: string, secret: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(teamId));
  const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return VERSION + Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url');
}

function open(key: Buffer, teamId: string, sealed: string): string | undefined {
  if (!sealed.startsWith(VERSION)) return undefined;
  const bytes = Buffer.from(sealed.slice(VERSION.length), 'base64url');
  if (bytes.length <= NONCE_BYTES + TAG_BYTES) return undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(teamId)).setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const text = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}
