// As types-bare.mts, as CommonJS.
import {
  BudgetExceededError,
  checkEnforcement,
  close,
  createFusewire,
  type Fusewire,
  type FusewireOptions,
  flush,
  guard,
  meter,
  ready,
  type Status,
  setBypass,
  status,
  type UsageMetadata,
  withUsageMetadata,
} from 'fusewire';
import {
  type AiSdkOptions,
  fusewireEmbeddingMiddleware,
  fusewireImageMiddleware,
  fusewireMiddleware,
  guardEmbeddingModel,
} from 'fusewire/ai-sdk';
import { isAnthropicClient } from 'fusewire/anthropic';
import { isInitialized as hasAzure } from 'fusewire/azure';
import { isFalClient } from 'fusewire/fal';
import { isGoogleClient } from 'fusewire/google';
import { guardEmbeddings, ReveniumCallbackHandler, type ReveniumConfig, stopAtRefusal } from 'fusewire/langchain';
import { litellmModel } from 'fusewire/litellm';
import { isOllamaClient } from 'fusewire/ollama';
import { isOpenAIClient } from 'fusewire/openai';
import { AgenticOutcomeClient, type JobRoi, OutcomeAlreadyReportedError } from 'fusewire/outcomes';
import { isPerplexityClient } from 'fusewire/perplexity';
import 'fusewire/register';
import { createFakeClock, type FakeService, startFakeService } from 'fusewire/testing';

const options: FusewireOptions = { teamId: 'k7PqWz', circuitBreakerEnabled: true, failMode: 'closed' };
const fusewire: Fusewire = createFusewire(options);
const metadata: UsageMetadata = { agent: 'triage', subscriber: { id: 'u-88' } };

/** A client that nobody published: its type must pass through unchanged. */
interface Client {
  ask(body: { question: string }): Promise<{ answer: string }>;
}

export async function everything(client: Client): Promise<Status> {
  const service: FakeService = await startFakeService();
  createFakeClock(0).now().toFixed();
  const loaded: boolean = await ready({ timeoutMs: 10 });
  try {
    checkEnforcement(metadata, { model: 'gpt-4o-mini', provider: 'OPENAI' });
    const answer: string = await withUsageMetadata(metadata, async () => {
      return (await guard(client).ask({ question: 'Why?' })).answer;
    });
    const id: string = meter({ model: 'gpt-4o-mini', provider: 'OPENAI', outputTokenCount: answer.length });
    console.log(id, loaded);
  } catch (error) {
    if (!BudgetExceededError.is(error)) throw error;
    const limit: number | null = error.threshold;
    console.log(error.ruleName, limit, error.resetsAt, error.context.model);
  }
  setBypass(false);
  await flush();
  await fusewire.close();
  await close();
  await service.close();
  return status();
}

/** Every sub-path, in the types that it has without the package that it is for. */
export async function everyProvider(client: object): Promise<JobRoi | undefined> {
  const kinds = [isAnthropicClient, isFalClient, isGoogleClient, isOllamaClient, isOpenAIClient, isPerplexityClient];
  const known: boolean = kinds.some((is) => is(client)) || hasAzure();
  const config: ReveniumConfig = { organizationName: 'Northwind', subscriber: { id: 'u-88' } };
  const handler = new ReveniumCallbackHandler(config);
  const options: AiSdkOptions = { usageMetadata: metadata, instance: fusewire };
  const layers = [fusewireMiddleware(options), fusewireEmbeddingMiddleware(), fusewireImageMiddleware()];
  const prefix: string | undefined = litellmModel('anthropic/claude-haiku-4-5')?.model;
  console.log(known, handler.name, layers.length, prefix, guardEmbeddingModel, guardEmbeddings, stopAtRefusal);
  const outcomes = new AgenticOutcomeClient({ apiKey: 'rev_sk_x', fusewire });
  try {
    return await outcomes.jobRoi('deal-7');
  } catch (error) {
    if (error instanceof OutcomeAlreadyReportedError) return undefined;
    throw error;
  }
}
