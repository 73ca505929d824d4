// Compiles against the packed SDK with no provider package installed.
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
