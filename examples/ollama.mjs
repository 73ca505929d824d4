// A guarded Ollama client. Local models start as free; here a token budget is what trips.
// Run it: node examples/ollama.mjs
import { BudgetExceededError, close, flush, guard, ready } from 'fusewire';
import { Ollama } from 'ollama';
import { startSetup, until } from './support/setup.mjs';

const setup = await startSetup();
await setup.service.createControl({
  name: 'Tokens of the shared box',
  metricType: 'TOKEN_COUNT',
  hardLimit: 100,
  filters: [{ dimension: 'PROVIDER', operator: 'IS', value: 'OLLAMA' }],
});

const ollama = guard(new Ollama({ host: process.env.OLLAMA_HOST }));
await ready();

const request = { model: 'gemma3:1b', messages: [{ role: 'user', content: 'Why do budgets fail?' }] };
let answered = 0;
let refusal;
await until(async () => {
  try {
    const answer = await ollama.chat(request);
    answered += 1;
    console.log('answer:', answer.message.content, `(${answer.prompt_eval_count + answer.eval_count} tokens)`);
    await flush();
  } catch (error) {
    if (!BudgetExceededError.is(error)) throw error;
    refusal = error;
  }
  return refusal !== undefined;
}, 'the token budget to trip');
console.log(`refused after ${answered} answers:`, refusal.message);
console.log(`${refusal.currentValue} of ${refusal.threshold} tokens, resets at ${refusal.resetsAt}`);

await close();
await setup.stop();
