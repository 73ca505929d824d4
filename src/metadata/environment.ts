/** Attribution defaults from the environment (contract 1.2). */
import { readVariable } from '../config-variables.js';
import { type NormalisedMetadata, normaliseMetadata } from './normalise.js';

const FIELDS: Readonly<Record<string, string>> = {
  productName: 'REVENIUM_PRODUCT_ID',
  environment: 'REVENIUM_ENVIRONMENT',
  region: 'REVENIUM_REGION',
  traceType: 'REVENIUM_TRACE_TYPE',
  traceName: 'REVENIUM_TRACE_NAME',
  parentTransactionId: 'REVENIUM_PARENT_TRANSACTION_ID',
  transactionName: 'REVENIUM_TRANSACTION_NAME',
  retryNumber: 'REVENIUM_RETRY_NUMBER',
  ticketId: 'REVENIUM_TICKET_ID',
  agenticJobId: 'REVENIUM_AGENTIC_JOB_ID',
  agenticJobName: 'REVENIUM_AGENTIC_JOB_NAME',
  agenticJobType: 'REVENIUM_AGENTIC_JOB_TYPE',
  agenticJobVersion: 'REVENIUM_AGENTIC_JOB_VERSION',
  skillName: 'REVENIUM_SKILL_NAME',
  skillKind: 'REVENIUM_SKILL_KIND',
  skillSource: 'REVENIUM_SKILL_SOURCE',
  skillPluginName: 'REVENIUM_SKILL_PLUGIN_NAME',
  skillMarketplaceName: 'REVENIUM_SKILL_MARKETPLACE_NAME',
  skillInvocationTrigger: 'REVENIUM_SKILL_INVOCATION_TRIGGER',
  effort: 'REVENIUM_EFFORT',
};

/** The environment's level of usage metadata; every other level beats it. */
export function environmentMetadata(env: Readonly<Record<string, string | undefined>>): NormalisedMetadata {
  const raw: Record<string, unknown> = {
    organizationName: readVariable(env, 'REVENIUM_ORGANIZATION_NAME') ?? readVariable(env, 'REVENIUM_ORGANIZATION_ID'),
    credentialAlias: readVariable(env, 'REVENIUM_CREDENTIAL_ALIAS')?.trim(),
  };
  for (const [field, variable] of Object.entries(FIELDS)) raw[field] = readVariable(env, variable);
  return normaliseMetadata(raw);
}
