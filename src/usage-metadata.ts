/** What a caller may say about a call. */

/**
 * Usage metadata: who a call is for and what it is part of. Every field is optional; budgets, groups and reports use
 * what is there. Pass it as `usageMetadata` of a request, around code with `withUsageMetadata`, per instance, or by
 * environment variables: call beats inner scope beats outer scope beats instance beats environment. The snake_case
 * spellings of the fields are accepted too. Limits: contract 1.2 and 5.3.
 */
export interface UsageMetadata {
  /** The person or system on whose behalf the call is made. */
  readonly subscriber?: {
    readonly id?: string;
    readonly email?: string;
    readonly credential?: { readonly name?: string; readonly value?: string };
  };
  readonly organizationName?: string;
  readonly productName?: string;
  readonly subscriptionId?: string;
  readonly agent?: string;
  /** At most 64 characters. */
  readonly agentVersion?: string;
  readonly taskType?: string;
  /** Of tool events; on a usage event it is the attribute of that name. */
  readonly workflowId?: string;
  /** Default: the trace of `withTraceContext`, else that of OpenTelemetry's active span. */
  readonly traceId?: string;
  /** At most 128 of `A-Z a-z 0-9 _ -`; anything else is left out. */
  readonly traceType?: string;
  /** Cut at 256 characters. */
  readonly traceName?: string;
  readonly parentTransactionId?: string;
  /** Default: `taskType`. */
  readonly transactionName?: string;
  readonly retryNumber?: number;
  readonly environment?: string;
  readonly region?: string;
  readonly credentialAlias?: string;
  /** Cut at 256 characters. */
  readonly ticketId?: string;
  /** 0 to 1; values outside are clamped. */
  readonly responseQualityScore?: number;
  /** Free form, kept with the event; nested at most 5 deep. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Any other field of contract 5.3, or a snake_case spelling. */
  readonly [field: string]: unknown;
}
