/** Who watches attempts: telemetry, the terminal summary. */
import type { Decision, RefuseDecision } from '../../enforcement/decision.js';
import type { ResolvedMetadata } from '../metadata/resolver.js';
import type { RequestReading } from '../providers/adapter.js';
import type { UsageEvent } from '../wire/usage-event.js';
import type { Attempt, AttemptEnd } from './attempt.js';

/** Who watches attempts: telemetry, the terminal summary. None of its methods may throw (I2). */
export interface AttemptObserver {
  /** A call was refused before it was sent. */
  refused(request: RequestReading, metadata: ResolvedMetadata, decision: RefuseDecision): void;
  /** An attempt is about to leave. What it returns is told of the attempt's end. */
  began(attempt: Attempt, metadata: ResolvedMetadata, decision: Decision): AttemptWatch | undefined;
}

/** Is told of one attempt, once. */
export interface AttemptWatch {
  /** The attempt was metered as `event`. */
  metered(event: UsageEvent, end: AttemptEnd): void;
  /** The attempt needs no event of its own: a layer inside or a gateway meters it. */
  withdrawn(): void;
}
