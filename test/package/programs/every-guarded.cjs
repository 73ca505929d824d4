// As every-guarded.mjs, as CommonJS. Perplexity publishes ES modules only.
const { createOpenAI } = require('@ai-sdk/openai');
const Anthropic = require('@anthropic-ai/sdk');
const { createFalClient } = require('@fal-ai/client');
const { GoogleGenAI } = require('@google/genai');
const { ChatOpenAI } = require('@langchain/openai');
const { generateText, wrapLanguageModel } = require('ai');
const { close, guard, ready } = require('fusewire');
const { fusewireMiddleware } = require('fusewire/ai-sdk');
const { ReveniumCallbackHandler } = require('fusewire/langchain');
const { Ollama } = require('ollama');
const OpenAI = require('openai');
const { runEveryClient } = require('./run-every-client.cjs');

import('@perplexity-ai/perplexity_ai').then(async ({ default: Perplexity }) => {
  await ready();
  const layers = { createOpenAI, ChatOpenAI, generateText, wrapLanguageModel };
  const packages = { Anthropic, createFalClient, GoogleGenAI, Perplexity, Ollama, OpenAI, ...layers };
  const callbacks = [new ReveniumCallbackHandler()];
  const outcomes = await runEveryClient(packages, { guard, callbacks, middleware: fusewireMiddleware() });
  await close();
  console.log(JSON.stringify(outcomes));
});
