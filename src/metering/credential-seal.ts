/**
 * Keeps somebody's live key (`subscriber.credential.value` of a usage event, `subscriberCredential` of a tool event) off
 * the disk (I12) and yet deliverable after a crash: on disk it is encrypted under a key derived from the metering key,
 * which is never on disk. See
 * docs/decisions/2026-11-21-credentials-in-the-outbox.md.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { isToolEvent, type MeteredEvent } from '../wire/usage-event.js';

/** An event as it lies on disk. */
export interface SealedEvent {
  /** Without the credential's value. */
  readonly event: MeteredEvent;
  /** The value, encrypted; absent where there was none, or no key to encrypt it with. */
  readonly sealed?: string;
}

/** Seals and opens the credential of events of one owner. Neither throws. */
export interface CredentialSeal {
  seal(event: MeteredEvent): SealedEvent;
  /** The event with its credential; without the value where the metering key is another one by now. */
  open(sealed: SealedEvent): MeteredEvent;
}

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Creates the seal of an owner. `secret` gives the metering key as it is now; without one, values stay off the disk. */
export function createCredentialSeal(owner: string, secret: () => string | undefined): CredentialSeal {
  let derived: { readonly from: string; readonly key: Uint8Array } | undefined;
  const currentKey = (): Uint8Array | undefined => {
    const from = secret();
    if (from === undefined || from === '') return undefined;
    if (derived?.from !== from) {
      const key = new Uint8Array(hkdfSync('sha256', from, owner, 'fusewire outbox credential', 32));
      derived = { from, key };
    }
    return derived.key;
  };
  return {
    seal(event) {
      const value = credentialValueOf(event);
      if (value === undefined) return { event };
      const key = currentKey();
      // The empty text keeps the place of the field, so that the body is the same, byte for byte, when it is opened.
      const bare = withCredentialValue(event, '');
      return key === undefined ? { event: bare } : { event: bare, sealed: encrypt(value, key) };
    },
    open({ event, sealed }) {
      if (credentialValueOf(event) === undefined) return event;
      const key = currentKey();
      const value = sealed === undefined || key === undefined ? undefined : decrypt(sealed, key);
      return withCredentialValue(event, value);
    },
  };
}

/** The live key that an event carries. */
export function credentialValueOf(event: MeteredEvent): string | undefined {
  return isToolEvent(event) ? event.subscriberCredential : event.subscriber?.credential?.value;
}

/** The event with another value of its credential; `undefined` removes the value. */
export function withCredentialValue(event: MeteredEvent, value: string | undefined): MeteredEvent {
  if (isToolEvent(event)) {
    if (event.subscriberCredential === undefined) return event;
    if (value !== undefined) return { ...event, subscriberCredential: value };
    const { subscriberCredential: _removed, ...bare } = event;
    return bare;
  }
  const { subscriber } = event;
  if (subscriber?.credential === undefined) return event;
  const credential = { ...subscriber.credential, value };
  if (value === undefined) delete credential.value;
  return { ...event, subscriber: { ...subscriber, credential: credential as { name?: string; value?: string } } };
}

function encrypt(text: string, key: Uint8Array): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64');
}

function decrypt(sealed: string, key: Uint8Array): string | undefined {
  try {
    const bytes = Buffer.from(sealed, 'base64');
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES));
    decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    const body = bytes.subarray(IV_BYTES + TAG_BYTES);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
}
