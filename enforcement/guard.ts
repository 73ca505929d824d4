/** Station 2: what is switched on, then what is known, then {@link decide}. The only part with a clock and a log. */
import { decide } from './decide.js';
import type { CallDimensions, Decision, Observation } from './decision.js';
import type { RuleSet } from './rule-set.js';
import { WarnOnce } from './warn-once.js';

/** What a decision does while no rule set was ever loaded. */
export type FailMode = 'open' | 'closed';

/** How enforcement is switched at the moment. */
export interface GuardState {
  /** `REVENIUM_CIRCUIT_BREAKER_ENABLED`. */
  readonly enabled: boolean;
  /** Switched off for an incident; comes before everything else. */
  readonly bypassed: boolean;
  /** Whether key and team id are there, without which nothing is ever fetched. */
  readonly configured: boolean;
  readonly failMode: FailMode;
  /** The names of the variables that are missing, for the one warning about it. */
  readonly missing?: readonly string[];
}

/** The active rules. */
export interface LoadedRules {
  readonly ruleSet: RuleSet;
  /** Grows with every activation. */
  readonly generation: number;
}

/** The log as the guard needs it. */
export interface GuardLog {
  warn(message: string): void;
  error(message: string): void;
}

/** Where the guard gets what it needs; every function is asked anew for each call. */
export interface GuardSources {
  state(): GuardState;
  /** `undefined` until a rule set was loaded, from the service or from the mirror. */
  rules(): LoadedRules | undefined;
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  readonly log: GuardLog;
}

/** Decides on calls. Never throws (I2). */
export interface Guard {
  decide(call: CallDimensions): Decision;
}

const BYPASSED: Decision = Object.freeze({ outcome: 'allow', code: 'BYPASSED' });
const DISABLED: Decision = Object.freeze({ outcome: 'allow', code: 'DISABLED' });
const NOT_CONFIGURED: Decision = Object.freeze({ outcome: 'allow', code: 'NOT_CONFIGURED' });
const NO_RULES_YET: Decision = Object.freeze({ outcome: 'allow', code: 'NO_RULES_YET' });
const UNDECIDED: Decision = Object.freeze({ outcome: 'allow', code: 'UNDECIDED' });
const UNINITIALIZED: Decision = Object.freeze({
  outcome: 'refuse',
  code: 'UNINITIALIZED',
  message: 'Request blocked: enforcement cache is uninitialized and REVENIUM_CB_FAIL_MODE=closed.',
  rule: null,
});

/** A failing check is logged at most so often, milliseconds. */
const FAILURE_LOG_INTERVAL_MS = 60_000;

/**
 * A guard in the order of contract 2.10: bypass, disabled, not configured, nothing loaded, the rules. Disabled or
 * bypassed it returns a constant. Fail-closed without key or team id refuses every call: it can never be initialised,
 * and letting through would be the opposite of what was asked for; the one warning names what is missing.
 */
export function createGuard(sources: GuardSources): Guard {
  const log = harmless(sources.log);
  const warnings = new WarnOnce(log.warn);
  let saidNotConfigured = false;
  let failedAtMs = Number.NEGATIVE_INFINITY;

  const decideNow = (call: CallDimensions): Decision => {
    const state = sources.state();
    if (state.bypassed) return BYPASSED;
    if (!state.enabled) return DISABLED;
    if (!state.configured) {
      if (!saidNotConfigured) {
        saidNotConfigured = true;
        log.warn(notConfigured(state));
      }
      return state.failMode === 'closed' ? UNINITIALIZED : NOT_CONFIGURED;
    }
    const loaded = sources.rules();
    // The rules that were just read from a mirror may say so.
    if (state.bypassed) return BYPASSED;
    if (loaded === undefined) return state.failMode === 'closed' ? UNINITIALIZED : NO_RULES_YET;
    const nowMs = sources.now();
    const decision = decide(loaded.ruleSet, call, nowMs);
    if (decision.observed !== undefined) warnOf(decision.observed, nowMs);
    return decision;
  };

  const warnOf = (observed: readonly Observation[], nowMs: number) => {
    for (const one of observed) {
      const key = `${one.kind} ${one.ruleId} ${one.untilMs ?? ''}`;
      warnings.say(key, one.untilMs, nowMs, () => describe(one));
    }
  };

  const sayFailed = (error: unknown) => {
    try {
      const nowMs = sources.now();
      if (Math.abs(nowMs - failedAtMs) < FAILURE_LOG_INTERVAL_MS) return;
      failedAtMs = nowMs;
      log.error(`the enforcement check failed, the call is let through: ${String(error)}`);
    } catch {
      // A clock that throws is not worse than a check that fails.
    }
  };

  return {
    decide(call) {
      try {
        return decideNow(call);
      } catch (error) {
        sayFailed(error);
        return UNDECIDED;
      }
    },
  };
}

/** A log that throws changes no decision. */
function harmless(log: GuardLog): GuardLog {
  const silenced = (level: 'warn' | 'error') => (message: string) => {
    try {
      log[level](message);
    } catch {
      // The line is lost.
    }
  };
  return { warn: silenced('warn'), error: silenced('error') };
}

function notConfigured(state: GuardState): string {
  const missing =
    state.missing === undefined || state.missing.length === 0 ? 'key or team id' : state.missing.join(', ');
  const effect = state.failMode === 'closed' ? 'every call is refused (fail mode closed)' : 'every call is let through';
  return `the circuit breaker is enabled, but ${missing} is not set: no rules can be fetched, and ${effect}`;
}

const WHY: Record<Observation['kind'], string> = {
  shadow: 'would refuse this call, but is in shadow mode',
  action: 'is used up, but its action is not to block',
  warning: 'is past its warn limit',
};

/** Names the rule and the figures, never a person. */
function describe(one: Observation): string {
  const name = one.ruleName === null ? `rule ${one.ruleId}` : `rule ${one.ruleName} (${one.ruleId})`;
  const spent = one.currentValue === null ? '' : `: ${one.currentValue} of ${one.threshold ?? 'an unknown limit'}`;
  return `${name} ${WHY[one.kind]}${spent}${one.kind === 'action' ? ` (${one.action})` : ''}`;
}
