/** Who and what an event is for: the fields that every metered event may carry (contract 5.3). */
import { z } from 'zod';
import { agenticJobId, count, text } from './event-field-kinds.js';

const subscriberSchema = z.object(
  {
    id: text(),
    email: text(),
    credential: z.object({ name: text(), value: text() }, { error: 'must be an object {name, value}' }).nullish(),
  },
  { error: 'must be an object {id, email, credential}' },
);

/** Of completions, images, audio and video. */
export const metadataFields = {
  organizationName: text(),
  productName: text(),
  subscriptionId: text(),
  subscriber: subscriberSchema.nullish(),
  subscriberId: text(),
  subscriberEmail: text(),
  subscriberCredentialName: text(),
  subscriberCredential: text(),
  subscriberEmailSource: text(),
  agent: text(),
  agentVersion: z.unknown().optional(),
  taskType: text(),
  traceId: text(),
  traceType: text(),
  traceName: text(),
  parentTransactionId: text(),
  transactionName: text(),
  retryNumber: count(),
  environment: text(),
  region: text(),
  credentialAlias: text(),
  ticketId: text(),
  responseQualityScore: z.number({ error: 'must be a number from 0 to 1' }).nullish(),
  effort: text(),
  speed: text(),
  promptId: text(),
  promptLength: count(),
  querySource: text(),
  subagentType: text(),
  codingAssistantAccountUuid: text(),
  skillName: text(),
  skillKind: text(),
  skillSource: text(),
  skillPluginName: text(),
  skillMarketplaceName: text(),
  skillInvocationTrigger: text(),
  agenticJobId: agenticJobId().nullish(),
  agenticJobName: text(),
  agenticJobType: text(),
  agenticJobVersion: text(),
  squadId: text(),
  squadName: text(),
  squadRole: text(),
};
