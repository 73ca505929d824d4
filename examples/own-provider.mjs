// An adapter for a client that Fusewire does not know: two halves, what the request says and what the answer says.
// Run it: node examples/own-provider.mjs
import { BudgetExceededError, close, defineProvider, flush, guard, ready } from 'fusewire';
import { startSetup, until } from './support/setup.mjs';

const setup = await startSetup();
await setup.service.createControl({ name: 'Tokens of Acme', metricType: 'TOKEN_COUNT', hardLimit: 100 });

/** A client of an imaginary provider. */
class Acme {
  requests = 0;
  async ask({ model, prompt, ...unknown }) {
    if (Object.keys(unknown).length > 0) throw new Error(`400: unknown fields ${Object.keys(unknown)}`);
    this.requests += 1;
    return model === 'odd' ? { shape: 'new' } : { text: `About ${prompt}: it depends.`, used: { in: 40, out: 20 } };
  }
}

const acme = defineProvider({
  name: 'acme',
  matches: (client) => client instanceof Acme,
  methods: ['ask'],
  readRequest: (_method, [{ model, prompt }]) => ({ model, prompt }),
  createUsageReader() {
    let answer = {};
    return {
      whole: (value) => {
        answer = value;
      },
      reading: () => ({ outputText: answer.text, inputTokens: answer.used?.in, outputTokens: answer.used?.out }),
    };
  },
});

const client = guard(new Acme(), { providers: [acme] });
await ready();

// An answer of a shape that the adapter does not know passes, and its event says unknown.
console.log('odd answer:', JSON.stringify(await client.ask({ model: 'odd', prompt: 'budgets' })));
let answers = 0;
await until(async () => {
  try {
    const { text } = await client.ask({ model: 'acme-1', prompt: 'budgets', usageMetadata: { agent: 'triage' } });
    answers += 1;
    console.log('answer:', text);
    await flush();
    return false;
  } catch (error) {
    if (!BudgetExceededError.is(error)) throw error;
    console.log(`refused after ${answers} answers and ${client.requests} requests:`, error.ruleName);
    return true;
  }
}, 'the budget of Acme to trip');

await flush();
for (const event of await setup.service.events()) {
  console.log('metered:', event.provider, event.model, event.totalTokenCount, event.attributes?.usageState ?? '');
}
await close();
await setup.stop();
