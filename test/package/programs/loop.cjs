// As loop.mjs, as CommonJS.
const { BudgetExceededError, close, flush, guard, ready, status } = require('fusewire');
const { Ollama } = require('ollama');
const OpenAI = require('openai');
const { runLoop } = require('./run-loop.cjs');

runLoop({ BudgetExceededError, close, flush, guard, ready, status, Ollama, OpenAI }).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
