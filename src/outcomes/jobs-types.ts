/** Jobs and outcomes as the API takes and answers them (contract 5.9). */

/** How the execution of a job ended. */
export type ExecutionStatus = 'SUCCESS' | 'FAILED' | 'CANCELLED';
/** What came of a job. */
export type OutcomeType = 'CONVERTED' | 'ESCALATED' | 'DEFLECTED' | 'UNSUCCESSFUL' | 'CUSTOM';
/** Where a measured value comes from. */
export type Provenance = 'MEASURED' | 'SELF_REPORTED' | 'DERIVED' | 'ATTESTED';

/** What a job is declared with. */
export interface JobDeclaration {
  readonly name?: string;
  /** Lower-cased by the service. */
  readonly type?: string;
  readonly version?: string;
  readonly environment?: string;
}

/** One measured value of an outcome. */
export interface OutcomeMetric {
  readonly key: string;
  readonly value: number;
  readonly provenance: Provenance;
  readonly recordedBy?: string;
  readonly source?: string;
  readonly reason?: string;
  /** ISO-8601. */
  readonly recordedAt?: string;
}

/** What a job came to. */
export interface Outcome {
  readonly executionStatus: ExecutionStatus;
  readonly outcomeType?: OutcomeType;
  /** In `outcomeCurrency`. */
  readonly outcomeValue?: number;
  /** Three capital letters. @defaultValue `USD`, where there is a value */
  readonly outcomeCurrency?: string;
  /** Free form; sent as JSON text. */
  readonly metadata?: Readonly<Record<string, unknown>> | string;
  readonly reportedBy?: string;
  readonly outcomeReason?: string;
  readonly metrics?: readonly OutcomeMetric[];
}

/** A change of an outcome: what is absent stays as it is. */
export interface OutcomeAmendment extends Partial<Omit<Outcome, 'metrics'>> {
  /** Why; kept in the history. */
  readonly reason: string;
  /** Refuses the amendment where the outcome is not in this version any more. */
  readonly expectedEntityVersion?: number;
}

/** A job as the API answers it; a service may add members. */
export interface Job {
  readonly agenticJobId: string;
  readonly name?: string | null;
  readonly type?: string | null;
  readonly version?: string | null;
  readonly executionStatus?: ExecutionStatus | null;
  readonly outcomeType?: OutcomeType | null;
  readonly outcomeValue?: number | null;
  readonly outcomeCurrency?: string | null;
  readonly hasOutcome?: boolean;
  readonly outcomeAmendmentCount?: number;
  readonly [member: string]: unknown;
}

/** What narrows a list of jobs. Dates are ISO-8601. */
export interface JobQuery {
  readonly type?: string;
  readonly executionStatus?: ExecutionStatus;
  readonly outcomeType?: OutcomeType;
  readonly startDate?: string;
  readonly endDate?: string;
  /** From 0. */
  readonly page?: number;
  readonly size?: number;
  readonly sort?: string;
}

/** One page of a list. */
export interface JobPage {
  readonly jobs: readonly Job[];
  readonly page: {
    readonly number: number;
    readonly size: number;
    readonly totalElements: number;
    readonly totalPages: number;
  };
}

/** How many jobs came to what. */
export interface ConversionFunnel {
  readonly totalJobs: number;
  readonly successfulJobs: number;
  readonly convertedJobs: number;
  readonly successRate: number;
  readonly conversionRate: number;
}

/** What a job cost beside what it was worth. */
export interface JobRoi {
  readonly agenticJobId: string;
  readonly totalCost: number | null;
  readonly outcomeValue: number | null;
  readonly outcomeCurrency: string | null;
  readonly roi: number | null;
  readonly transactionCount: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
  readonly [member: string]: unknown;
}

/** The calls of a job. */
export interface JobTransactions {
  readonly transactions: readonly Readonly<Record<string, unknown>>[];
  readonly totalCount: number;
}

/** One version of an outcome. */
export interface OutcomeVersion {
  /** 0 is the report. */
  readonly amendmentSequence: number;
  readonly executionStatus: ExecutionStatus;
  readonly outcomeType: OutcomeType | null;
  readonly outcomeValue: number | null;
  readonly outcomeCurrency: string | null;
  readonly outcomeMetadata: string | null;
  readonly reportedBy: string | null;
  readonly reportedAt: string;
  readonly reason: string | null;
}
