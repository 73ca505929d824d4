// As every-plain.mjs, as CommonJS. Perplexity publishes ES modules only.
const Anthropic = require('@anthropic-ai/sdk');
const { createFalClient } = require('@fal-ai/client');
const { GoogleGenAI } = require('@google/genai');
const { ChatOpenAI } = require('@langchain/openai');
const { Ollama } = require('ollama');
const OpenAI = require('openai');
const { runEveryClient } = require('./run-every-client.cjs');

import('@perplexity-ai/perplexity_ai').then(async ({ default: Perplexity }) => {
  const packages = { Anthropic, createFalClient, GoogleGenAI, ChatOpenAI, Perplexity, Ollama, OpenAI };
  console.log(JSON.stringify(await runEveryClient(packages)));
});
