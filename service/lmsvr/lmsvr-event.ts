/** A billed request of the Ollama gateway as a metered event: what it cost there is what it costs here. Pure. */
import type { UsageEventInput } from 'fusewire/internal';
import { normalizeEvent } from '../ingest/normalize-event.js';
import type { IncomingEvent } from '../store/store.js';
import type { LmsvrUsage } from './lmsvr-database.js';

/** Whose it is. */
export interface LmsvrPayer {
  readonly customerId: string;
  readonly email: string;
  /** `gk_…`; absent where the key is not there any more. */
  readonly keyId?: string | undefined;
}

const PROVIDERS: readonly (readonly [endpoint: RegExp, provider: string])[] = [
  [/^\/v1\/messages/, 'ANTHROPIC'],
  [/^\/v1\/ollama\//, 'OLLAMA'],
  [/^\/v1\//, 'OPENAI'],
];

/** Which provider answered an endpoint. */
export function providerOf(endpoint: string): string {
  return PROVIDERS.find(([pattern]) => pattern.test(endpoint))?.[1] ?? 'OLLAMA';
}

/** The event, in the window of its own time, under an id that is the same at every import. */
export function lmsvrEvent(usage: LmsvrUsage, timeMs: number, payer: LmsvrPayer, source: string): IncomingEvent {
  const time = new Date(timeMs).toISOString();
  const { email, customerId: id, keyId } = payer;
  const body = normalizeEvent(
    {
      transactionId: `${source}-${usage.id}`,
      model: usage.model === null || usage.model === '' ? 'unknown' : usage.model,
      provider: providerOf(usage.endpoint),
      operationType: usage.endpoint.endsWith('/generate') ? 'GENERATE' : 'CHAT',
      requestTime: time,
      responseTime: time,
      totalCost: Number(usage.cost),
      middlewareSource: 'fusewire-import-lmsvr',
      subscriber: { id, email, ...(keyId === undefined ? {} : { credential: { name: keyId } }) },
      ...countsOf(usage.extra),
      attributes: { importedFrom: source, endpoint: usage.endpoint },
    } as UsageEventInput,
    // It names itself, and has no credential but a name.
    { newId: () => `${source}-${usage.id}`, protect: () => '' },
  );
  return { transactionId: body.transactionId, receivedAtMs: timeMs, body };
}

/** Tokens, which were kept of calls to OpenAI and Anthropic alone. */
function countsOf(extra: string | null): Partial<UsageEventInput> {
  const usage = usageIn(extra);
  const count = (...names: readonly string[]): number | undefined =>
    names
      .map((name) => usage[name])
      .find((value): value is number => Number.isSafeInteger(value) && Number(value) >= 0);
  const inputTokenCount = count('prompt_tokens', 'input_tokens');
  const outputTokenCount = count('completion_tokens', 'output_tokens');
  if (inputTokenCount === undefined || outputTokenCount === undefined) return {};
  return { inputTokenCount, outputTokenCount, totalTokenCount: inputTokenCount + outputTokenCount };
}

function usageIn(extra: string | null): Readonly<Record<string, unknown>> {
  try {
    return Object(Object(JSON.parse(extra ?? 'null')).usage) as Record<string, unknown>;
  } catch {
    return {};
  }
}
