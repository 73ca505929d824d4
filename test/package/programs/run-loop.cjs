// What loop.mjs and loop.cjs do with the packages that each of them loaded in its own module system.
const messages = [{ role: 'user', content: 'What is two and two?' }];

async function createControl() {
  const response = await fetch(`${process.env.REVENIUM_METERING_BASE_URL}/v2/api/ai/cost-controls`, {
    method: 'POST',
    headers: { 'x-api-key': process.env.TEST_WRITE_KEY, 'content-type': 'application/json' },
    body: JSON.stringify({
      teamId: process.env.REVENIUM_TEAM_ID,
      name: 'Tokens of a day',
      description: '',
      metricType: 'TOKEN_COUNT',
      windowType: 'DAILY',
      hardLimit: 1,
      warnThreshold: null,
      action: 'BLOCK',
      groupBy: null,
      filters: [],
      shadowMode: false,
      enabled: true,
    }),
  });
  if (!response.ok) throw new Error(`creating the control answered ${response.status}: ${await response.text()}`);
}

/** Makes calls until one is refused, for at most 15 s: the rule arrives with the next poll. */
async function untilRefused(call, BudgetExceededError) {
  const deadline = Date.now() + 15_000;
  while (Date.now() < deadline) {
    try {
      await call();
    } catch (error) {
      if (!(error instanceof BudgetExceededError)) throw error;
      return error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('no call was refused within 15 s');
}

exports.runLoop = async (packages) => {
  const { BudgetExceededError, close, flush, guard, ready, status, Ollama, OpenAI } = packages;
  const provider = process.env.TEST_PROVIDER_URL;
  const openai = guard(new OpenAI({ baseURL: `${provider}/v1`, apiKey: 'not-a-key' }));
  const ollama = guard(new Ollama({ host: provider }));
  const usageMetadata = { agent: 'packed' };
  const calls = {
    openai: () => openai.chat.completions.create({ model: 'gpt-4o-mini', messages, usageMetadata }),
    ollama: () => ollama.chat({ model: 'llama3.2', messages, usageMetadata }),
  };

  await ready();
  const answers = {
    openai: (await calls.openai()).choices[0].message.content,
    ollama: (await calls.ollama()).message.content,
  };
  const delivered = await flush();
  await createControl();
  const refused = {};
  for (const name of Object.keys(calls)) {
    const error = await untilRefused(calls[name], BudgetExceededError);
    refused[name] = { name: error.name, ruleName: error.ruleName, periodType: error.periodType };
  }
  const { attempts, refused: refusals } = status().calls;
  await close();
  console.log(JSON.stringify({ answers, delivered, refused, attempts, refusals }));
};
