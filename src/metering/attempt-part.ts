/** What an attempt's answer may hold of other calls. */
import type { ResolvedMetadata } from '../metadata/resolver.js';
import type { RequestReading, UsageReading } from '../providers/adapter.js';
import type { AttemptEnd } from './attempt.js';

/** An answer of its own inside the answer of an attempt: one result of a batch. */
export interface AttemptPart {
  /** The same whoever reads it and however often; absent where nothing of it is unique. */
  readonly transactionId?: string | undefined;
  readonly request: RequestReading;
  readonly metadata: ResolvedMetadata;
  readonly reading: UsageReading;
  readonly end: AttemptEnd;
  /** Wall clock, ms: when the provider says that the work began and ended. Default: those of the attempt. */
  readonly startedAtMs?: number | undefined;
  readonly endedAtMs?: number | undefined;
}
