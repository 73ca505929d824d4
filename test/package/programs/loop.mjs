// One turn of the loop with both official clients, on the instance that the environment configures:
// two answered calls, a cost control, a refused call of each client. Prints what happened as one line of JSON.
import { BudgetExceededError, close, flush, guard, ready, status } from 'fusewire';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { runLoop } from './run-loop.cjs';

await runLoop({ BudgetExceededError, close, flush, guard, ready, status, Ollama, OpenAI });
