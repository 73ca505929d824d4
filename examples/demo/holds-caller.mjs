// A program of the demo of hard budgets: many calls at once through a guarded client, in a process of its own. It says
// what became of them, and waits for the next word; with `hang` it is killed while its calls are under way.
import { BudgetExceededError, createFusewire } from 'fusewire';
import OpenAI from 'openai';

const { serviceUrl, teamId, key, providerUrl, model, outputTokens } = JSON.parse(process.argv[2]);
const fusewire = createFusewire({
  apiKey: key,
  teamId,
  meteringBaseUrl: serviceUrl,
  circuitBreakerEnabled: true,
  failMode: 'closed',
  logLevel: 'ERROR',
});
const client = fusewire.guard(new OpenAI({ apiKey: 'not-needed', baseURL: `${providerUrl}/v1`, maxRetries: 0 }));

async function call(content) {
  try {
    await client.chat.completions.create({ model, max_tokens: outputTokens, messages: [{ role: 'user', content }] });
    return { answered: true };
  } catch (error) {
    if (!BudgetExceededError.is(error)) throw error;
    return { refusal: { message: error.message, budget: error.budget } };
  }
}

process.on('message', async ({ calls, content }) => {
  const outcomes = await Promise.all(Array.from({ length: calls }, () => call(content)));
  await fusewire.flush();
  process.send({
    answered: outcomes.filter(({ answered }) => answered).length,
    refusals: outcomes.flatMap(({ refusal }) => refusal ?? []),
    unheld: fusewire.status().holds.unheld,
  });
});
process.once('disconnect', async () => {
  await fusewire.close();
  process.exit(0);
});
process.send({ ready: await fusewire.ready() });
