import type { BudgetArithmetic, CallDimensions, RefuseDecision } from './decision.js';

const BRAND = Symbol.for('fusewire.BudgetExceededError');
/** LangChain's mark of errors that its models do not try again; asked for a minute otherwise, and refused each time. */
const NOT_RETRYABLE = Symbol.for('langchain.errors.retryable');
const CAUSE_DEPTH_MAX = 10;

function isBranded(value: unknown): value is BudgetExceededError {
  return typeof value === 'object' && value !== null && Reflect.get(value, BRAND) === true;
}

/** Which call was refused, as far as it said. */
export interface BudgetExceededContext {
  readonly subscriberId: string | null;
  readonly productName: string | null;
  readonly model: string | null;
  readonly provider: string | null;
}

/**
 * A call was refused because a budget is used up. It was not sent: the provider saw no request and nothing was metered.
 *
 * Derives straight from `Error`, so that no handler for errors of an SDK catches it by accident. Fields as contract 3.1;
 * those that the rule did not give are `null`.
 *
 * @example
 * try {
 *   await client.chat.completions.create(request);
 * } catch (error) {
 *   if (!BudgetExceededError.is(error)) throw error;
 *   console.log(error.ruleName, error.currentValue, error.threshold, error.resetsAt);
 * }
 */
export class BudgetExceededError extends Error {
  override readonly name = 'BudgetExceededError';
  /** Machine-readable, the same for every refusal. */
  readonly code = 'COST_LIMIT_EXCEEDED';
  readonly ruleName: string | null;
  /** As the feed sent it. {@link ruleIdText} is always a string. */
  readonly ruleId: number | string | null;
  /** The value that met the limit: the caller's own in a grouped or department budget. */
  readonly currentValue: number | null;
  readonly threshold: number | null;
  /** ISO-8601 time of the next reset. */
  readonly resetsAt: string | null;
  readonly periodType: string | null;
  readonly action = 'BLOCK';
  /** Why, finer than `code`: the decision's own code. */
  readonly reason: string;
  readonly context: BudgetExceededContext;
  /** The arithmetic of the hard budget that refused; absent where none did. */
  declare readonly budget?: BudgetArithmetic;

  constructor(decision: RefuseDecision, call: CallDimensions = {}) {
    super(decision.message);
    const rule = decision.rule;
    this.ruleName = rule?.ruleName ?? null;
    this.ruleId = rule?.ruleId ?? null;
    this.currentValue = rule?.currentValue ?? null;
    this.threshold = rule?.threshold ?? null;
    this.resetsAt = rule?.resetsAt ?? null;
    this.periodType = rule?.periodType ?? null;
    this.reason = decision.code;
    if (decision.budget !== undefined) this.budget = decision.budget;
    this.context = {
      subscriberId: call.subscriberId ?? null,
      productName: call.product ?? null,
      model: call.model ?? null,
      provider: call.provider ?? null,
    };
    Object.defineProperty(this, BRAND, { value: true });
    Object.defineProperty(this, NOT_RETRYABLE, { value: false });
  }

  /**
   * Whether `error` is a `BudgetExceededError` of any copy of this package, or was caused by one: a runner of a provider
   * client may wrap it (I1). {@link find} returns the refusal itself.
   */
  static is(error: unknown): error is BudgetExceededError {
    return BudgetExceededError.find(error) !== undefined;
  }

  /** The `BudgetExceededError` that `error` is or was caused by, else `undefined`. */
  static find(error: unknown): BudgetExceededError | undefined {
    let candidate = error;
    try {
      for (let depth = 0; depth < CAUSE_DEPTH_MAX; depth += 1) {
        if (isBranded(candidate)) return candidate;
        if (typeof candidate !== 'object' || candidate === null) return undefined;
        // The AI SDK's error of several tries has no cause; it names the last one so.
        candidate = Reflect.get(candidate, 'cause') ?? Reflect.get(candidate, 'lastError');
      }
    } catch {
      // Somebody else's error may have a getter that throws; asking about it must not.
    }
    return undefined;
  }

  /** `ruleId` as text. */
  get ruleIdText(): string | null {
    return this.ruleId === null ? null : String(this.ruleId);
  }

  /** Alias of {@link ruleName}, as the Python SDK names it. */
  get rule_name(): string | null {
    return this.ruleName;
  }
  /** Alias of {@link ruleId}, as the Python SDK names it. */
  get rule_id(): number | string | null {
    return this.ruleId;
  }
  /** Alias of {@link currentValue}, as the Python SDK names it. */
  get current_value(): number | null {
    return this.currentValue;
  }
  /** Alias of {@link resetsAt}, as the Python SDK names it. */
  get resets_at(): string | null {
    return this.resetsAt;
  }

  /** The fields of the contract, for logs and answers. */
  toJSON(): Record<string, unknown> {
    const { name, code, message, ruleName, ruleId, currentValue, threshold, resetsAt, periodType, context } = this;
    const fields = { name, code, message, ruleName, ruleId, currentValue, threshold, resetsAt, periodType, context };
    return this.budget === undefined ? fields : { ...fields, reason: this.reason, budget: this.budget };
  }
}

// `instanceof` holds across copies of this package too: a program may load it as ESM while a preloaded module loaded it
// as CommonJS. It does not follow `cause`, and a subclass, which inherits this, is told by its prototype as usual.
Object.defineProperty(BudgetExceededError, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    if (this === BudgetExceededError) return isBranded(value);
    return typeof this === 'function' && Function.prototype[Symbol.hasInstance].call(this, value);
  },
});
