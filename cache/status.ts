/** What an operator wants to know of the rules: four times and a revision, not one flag (style rule 17). */
import type { Runtime } from '../src/runtime.js';
import type { OperatorBypass } from '../src/wire/feed-bypass.js';

/** Counts since the instance was created. */
export interface EnforcementCounters {
  /** Refreshes that asked the service. */
  polls: number;
  /** HTTP requests, retries included. */
  requests: number;
  /** Refreshes that ended without an accepted answer. */
  failures: number;
  /** Answers that were no feed. */
  malformed: number;
  /** Rules that were dropped alone, because they were not understood (I8). */
  droppedRules: number;
  notModified: number;
  /** Requests that the service was allowed to answer only when something changes. */
  waits: number;
  /** Differences that were applied to the rules in force. */
  differences: number;
  /** Differences that did not fit; the whole feed was fetched instead. */
  differencesRefused: number;
  /** Operators' bypasses in the feed that were not understood, and ignored. */
  malformedBypasses: number;
  /** Answers that were older than the rules in force (I8). */
  olderRevisions: number;
  /** `Retry-After` values that did not fit one refresh. */
  coolDowns: number;
  mirrorWrites: number;
  /** Mirrors that could not be written. */
  mirrorFailures: number;
  /** Mirrors that could not be read, or were corrupt. */
  mirrorUnreadable: number;
}

/** The state of an instance's rules. Times are milliseconds since the epoch; `undefined`: never so far. */
export interface EnforcementStatus {
  /** The service was asked. */
  readonly lastRequestMs: number | undefined;
  /** The service answered with something that was accepted, or said that nothing changed. */
  readonly lastSuccessMs: number | undefined;
  /** A rule set was put in force, from the wire or from disk. */
  readonly lastActivationMs: number | undefined;
  readonly lastMirrorWriteMs: number | undefined;
  readonly revision: number | undefined;
  /** 0: no rule set was ever loaded. */
  readonly generation: number;
  /** Where the rules in force came from; `none` while there are none. */
  readonly source: 'none' | 'wire' | 'disk';
  readonly ruleCount: number;
  /** Why the last refresh failed; gone with the next success. */
  readonly lastError: { readonly atMs: number; readonly reason: string } | undefined;
  /** The operators' bypass in the rules in force; it may be over already. */
  readonly bypass: OperatorBypass | undefined;
  /** Why the mirror could not be written; gone with the next write. */
  readonly mirrorError: string | undefined;
  /** Until when the service asked to be left alone. */
  readonly coolDownUntilMs: number | undefined;
  /**
   * `idle` before the first check, `polling` from then on. `unconfigured`: key or team id is missing, and both are looked
   * for again. `dormant`: the base URL is not http or https. `stopped`: for good.
   */
  readonly state: 'idle' | 'polling' | 'unconfigured' | 'dormant' | 'stopped';
  readonly counters: Readonly<EnforcementCounters>;
}

/** What is written down while it happens. The rest of {@link EnforcementStatus} is known elsewhere. */
export class StatusBook {
  readonly #now: () => number;
  readonly counters: EnforcementCounters = {
    polls: 0,
    requests: 0,
    failures: 0,
    malformed: 0,
    droppedRules: 0,
    notModified: 0,
    waits: 0,
    differences: 0,
    differencesRefused: 0,
    malformedBypasses: 0,
    olderRevisions: 0,
    coolDowns: 0,
    mirrorWrites: 0,
    mirrorFailures: 0,
    mirrorUnreadable: 0,
  };
  lastRequestMs: number | undefined;
  lastSuccessMs: number | undefined;
  lastActivationMs: number | undefined;
  lastMirrorWriteMs: number | undefined;
  lastError: EnforcementStatus['lastError'];
  source: EnforcementStatus['source'] = 'none';
  ruleCount = 0;

  constructor(runtime: Pick<Runtime, 'now'>) {
    this.#now = () => runtime.now();
  }

  /** A request leaves. */
  requested(): void {
    this.counters.requests += 1;
    this.lastRequestMs = this.#now();
  }

  /** A refresh came to an accepted answer. */
  succeeded(): void {
    this.lastSuccessMs = this.#now();
    this.lastError = undefined;
  }

  /** A refresh came to nothing. */
  failed(reason: string): void {
    this.counters.failures += 1;
    this.lastError = { atMs: this.#now(), reason };
  }

  /** A rule set is in force. */
  activated(source: 'wire' | 'disk', ruleCount: number): void {
    this.source = source;
    this.ruleCount = ruleCount;
    this.lastActivationMs = this.#now();
  }

  /** No rule set is in force any more. */
  cleared(): void {
    this.source = 'none';
    this.ruleCount = 0;
  }

  /** The mirror is on the disk. */
  mirrored(): void {
    this.counters.mirrorWrites += 1;
    this.lastMirrorWriteMs = this.#now();
  }
}
