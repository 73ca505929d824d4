/** From what was learnt of a run of a tool to its event (contract 5.7). Pure. */
import { maskSecrets } from '../log.js';
import { plainCopy } from '../metadata/fields.js';
import { normaliseMetadata } from '../metadata/normalise.js';
import type { ToolEvent, UsageMetadataFields } from '../wire/usage-event.js';
import type { ToolContext } from './tool-options.js';

/** What is known of one run. */
export interface ToolFacts {
  readonly transactionId: string;
  readonly toolId: string;
  readonly operation?: string | undefined;
  readonly durationMs: number;
  readonly success: boolean;
  /** Wall clock, ms: when the tool began to run. */
  readonly startedAtMs: number;
  readonly errorMessage?: string | undefined;
  readonly costUsd?: number | undefined;
  readonly usageMetadata?: unknown;
}

const ERROR_MESSAGE_MAX = 500;

/**
 * Builds the event. `context` beats `around`, what scopes, instance and environment say; a job that `usageMetadata` names
 * (`agenticJobId`, `agentic_job_id`) stands between them, as in the Python SDK. Unknown optionals are left out.
 */
export function buildToolEvent(
  facts: ToolFacts,
  context: ToolContext,
  around: UsageMetadataFields,
  middlewareSource: string,
): ToolEvent {
  const own = normaliseMetadata({
    agent: context.agent,
    organizationName: context.organizationName,
    productName: context.productName,
    workflowId: context.workflowId,
    traceId: context.traceId,
    agenticJobId: context.agenticJobId,
  }).fields;
  const usage = facts.usageMetadata === undefined ? undefined : plainCopy(facts.usageMetadata);
  const fields = { ...around, ...agenticJobIn(usage), ...own };
  const event: Record<string, unknown> = {
    transactionId: facts.transactionId,
    toolId: facts.toolId,
    operation: facts.operation ?? 'execute',
    durationMs: Math.round(facts.durationMs),
    success: facts.success,
    timestamp: new Date(facts.startedAtMs).toISOString(),
    middlewareSource,
  };
  const optional = {
    errorMessage: facts.success ? undefined : cleanMessage(facts.errorMessage),
    costUsd: facts.costUsd,
    usageMetadata: isEmpty(usage) ? undefined : usage,
    agenticJobId: fields.agenticJobId,
    agent: fields.agent,
    workflowId: fields.workflowId,
    traceId: fields.traceId,
    organizationName: fields.organizationName,
    productName: fields.productName,
    subscriberCredential: context.subscriberCredential ?? fields.subscriber?.credential?.value,
  };
  for (const [name, value] of Object.entries(optional)) if (value !== undefined) event[name] = value;
  return event as unknown as ToolEvent;
}

/** The text of an error, of any kind; it may be the caller's own object, and throw. */
export function errorMessageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message || error.name : String(error);
  } catch {
    return 'an error without a text';
  }
}

function cleanMessage(message: string | undefined): string | undefined {
  if (message === undefined || message === '') return undefined;
  return String(maskSecrets(message)).slice(0, ERROR_MESSAGE_MAX);
}

function agenticJobIn(usage: unknown): { agenticJobId?: string } {
  const { agenticJobId } = normaliseMetadata(usage).fields;
  return agenticJobId === undefined ? {} : { agenticJobId };
}

function isEmpty(usage: unknown): boolean {
  return typeof usage === 'object' && usage !== null && Object.keys(usage).length === 0;
}
