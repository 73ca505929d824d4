/** What an instrument can say of a call that waits for a hold. */
import type { RequestReading } from '../providers/adapter.js';

/** A request whose body can still be changed. */
export interface ChangeableRequest {
  /** As it would leave, parsed; never changed in place. */
  readonly body: object;
  /** Reads the same request with another body. */
  read(body: object): RequestReading;
}

/** All of it may be left out. */
export interface SecureOptions {
  /** Absent: what leaves cannot be changed, and no reaction of a budget changes it. */
  readonly change?: ChangeableRequest | undefined;
  /** The caller's: a call that is aborted waits for nothing. */
  readonly signal?: AbortSignal | undefined;
}
