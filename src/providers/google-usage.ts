/** The usage objects of Google's APIs: `usageMetadata` of Gemini and Vertex AI, `usage` of interactions. */
import { isRecord } from '../wire/is-record.js';
import { countOf } from './values.js';

/** Counts as the provider gave them; what it did not give is `undefined`, never 0 (I5). */
export interface GoogleUsage {
  /** The prompt and what server-side tools put into it: both are read by the model at the same price. */
  readonly inputTokens: number | undefined;
  /** Without thoughts. */
  readonly outputTokens: number | undefined;
  readonly totalTokens: number | undefined;
  /** Outside of `outputTokens`. */
  readonly reasoningTokens: number | undefined;
  /** Inside `inputTokens`. */
  readonly cacheReadTokens: number | undefined;
  readonly toolUseTokens: number | undefined;
  readonly inputAudioTokens: number | undefined;
  readonly outputAudioTokens: number | undefined;
  readonly inputImageTokens: number | undefined;
  readonly outputImageTokens: number | undefined;
  /** `standard`, `flex`, `priority` of Gemini, or Vertex AI's traffic type. */
  readonly serviceTier: string | undefined;
}

const TRAFFIC_TYPES: readonly string[] = ['', 'ON_DEMAND', 'PROVISIONED_THROUGHPUT'];

/**
 * Reads a usage object of any of the namings, or `undefined` where it holds no count. Zeros are left out on this wire:
 * where the total is there, a missing output count is what the total leaves. Never throws.
 */
export function readGoogleUsage(value: unknown): GoogleUsage | undefined {
  if (!isRecord(value)) return undefined;
  const prompt = countOf(value['promptTokenCount'] ?? value['total_input_tokens']);
  const toolUse = countOf(value['toolUsePromptTokenCount'] ?? value['total_tool_use_tokens']);
  const total = countOf(value['totalTokenCount'] ?? value['total_tokens']);
  const reasoning = countOf(
    value['thoughtsTokenCount'] ?? value['total_thought_tokens'] ?? value['total_reasoning_tokens'],
  );
  const given = countOf(value['candidatesTokenCount'] ?? value['responseTokenCount'] ?? value['total_output_tokens']);
  const input = prompt === undefined && toolUse === undefined ? undefined : (prompt ?? 0) + (toolUse ?? 0);
  const rest = total === undefined || input === undefined ? undefined : total - input - (reasoning ?? 0);
  const output = given ?? (rest === undefined ? undefined : Math.max(0, rest));
  if (input === undefined && output === undefined && total === undefined) return undefined;
  const read = modalities(
    value['promptTokensDetails'] ?? value['promptTokenDetails'] ?? value['input_tokens_by_modality'],
  );
  const written = modalities(
    value['candidatesTokensDetails'] ?? value['responseTokensDetails'] ?? value['output_tokens_by_modality'],
  );
  return {
    inputTokens: input,
    outputTokens: output,
    totalTokens: total,
    reasoningTokens: reasoning,
    cacheReadTokens: countOf(value['cachedContentTokenCount'] ?? value['total_cached_tokens']),
    toolUseTokens: toolUse,
    inputAudioTokens: read.get('AUDIO'),
    outputAudioTokens: written.get('AUDIO'),
    inputImageTokens: read.get('IMAGE'),
    outputImageTokens: written.get('IMAGE'),
    serviceTier: tierOf(value['serviceTier']) ?? tierOf(value['trafficType']),
  };
}

/** Adds two usages; a count that neither has stays unknown. */
export function addGoogleUsage(left: GoogleUsage | undefined, right: GoogleUsage): GoogleUsage {
  if (left === undefined) return right;
  const sum = (name: Exclude<keyof GoogleUsage, 'serviceTier'>) =>
    left[name] === undefined && right[name] === undefined ? undefined : (left[name] ?? 0) + (right[name] ?? 0);
  return {
    inputTokens: sum('inputTokens'),
    outputTokens: sum('outputTokens'),
    totalTokens: sum('totalTokens'),
    reasoningTokens: sum('reasoningTokens'),
    cacheReadTokens: sum('cacheReadTokens'),
    toolUseTokens: sum('toolUseTokens'),
    inputAudioTokens: sum('inputAudioTokens'),
    outputAudioTokens: sum('outputAudioTokens'),
    inputImageTokens: sum('inputImageTokens'),
    outputImageTokens: sum('outputImageTokens'),
    serviceTier: right.serviceTier ?? left.serviceTier,
  };
}

/** Tokens by modality. Vertex AI writes the enum's numbers for clients that ask for them: 1 text, 2 image, 3 video, 4 audio. */
function modalities(details: unknown): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  if (!Array.isArray(details)) return found;
  for (const detail of details) {
    if (!isRecord(detail)) continue;
    const count = countOf(detail['tokenCount'] ?? detail['tokens']);
    const modality = detail['modality'];
    const name = typeof modality === 'number' ? NAMES[modality] : String(modality).toUpperCase();
    if (count !== undefined && name !== undefined) found.set(name, (found.get(name) ?? 0) + count);
  }
  return found;
}

const NAMES: readonly string[] = ['', 'TEXT', 'IMAGE', 'VIDEO', 'AUDIO', 'DOCUMENT'];

function tierOf(value: unknown): string | undefined {
  const name = typeof value === 'number' ? TRAFFIC_TYPES[value] : value;
  return typeof name === 'string' && name !== '' && !name.endsWith('_UNSPECIFIED') ? name : undefined;
}
