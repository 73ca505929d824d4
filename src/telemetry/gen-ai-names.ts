/** From wire names to those of OpenTelemetry's conventions for generative AI (opentelemetry.io/docs/specs/semconv/gen-ai). */
import type { OperationType, RequestReading, StopReason } from '../providers/adapter.js';

/** Well-known values of `gen_ai.provider.name`; who is not listed keeps the wire name in lower case. */
const PROVIDERS: ReadonlyMap<string, string> = new Map([
  ['azure', 'azure.ai.openai'],
  ['azure_openai', 'azure.ai.openai'],
  ['foundry', 'azure.ai.inference'],
  ['aws', 'aws.bedrock'],
  ['bedrock', 'aws.bedrock'],
  ['google', 'gcp.gemini'],
  ['google_ai', 'gcp.gemini'],
  ['google_vertex_ai', 'gcp.vertex_ai'],
  ['vertex_ai', 'gcp.vertex_ai'],
  ['mistral', 'mistral_ai'],
  ['xai', 'x_ai'],
]);

/** `gen_ai.provider.name`. Vertex AI is told by the model's source. */
export function genAiProvider(provider: string, modelSource: string): string {
  const name = provider.trim().toLowerCase();
  if (name === 'google' && /vertex/i.test(modelSource)) return 'gcp.vertex_ai';
  return PROVIDERS.get(name) ?? name.replaceAll(' ', '_');
}

const OPERATIONS: Partial<Record<OperationType, string>> = {
  EMBED: 'embeddings',
  GENERATE: 'text_completion',
  TOOL_CALL: 'execute_tool',
};

/** `gen_ai.operation.name`: the well-known ones, and our own word in lower case for what has none. */
export function genAiOperation({ operationType, endpoint, provider }: RequestReading): string {
  if (endpoint === 'completions') return 'text_completion';
  if (operationType === 'CHAT') return provider.toLowerCase() === 'google' ? 'generate_content' : 'chat';
  return OPERATIONS[operationType] ?? operationType.toLowerCase();
}

const FINISH_REASONS: Readonly<Record<StopReason, string>> = {
  END: 'stop',
  END_SEQUENCE: 'tool_call',
  TOKEN_LIMIT: 'length',
  COMPLETION_LIMIT: 'length',
  COST_LIMIT: 'length',
  TIMEOUT: 'error',
  ERROR: 'error',
  CANCELLED: 'cancelled',
};

/** `gen_ai.response.finish_reasons`. */
export function genAiFinishReason(stopReason: StopReason): string {
  return FINISH_REASONS[stopReason];
}
