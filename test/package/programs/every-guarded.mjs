// Every provider's client guarded, and both layers.
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { createFalClient } from '@fal-ai/client';
import { GoogleGenAI } from '@google/genai';
import { ChatOpenAI } from '@langchain/openai';
import Perplexity from '@perplexity-ai/perplexity_ai';
import { generateText, wrapLanguageModel } from 'ai';
import { close, guard, ready } from 'fusewire';
import { fusewireMiddleware } from 'fusewire/ai-sdk';
import { ReveniumCallbackHandler } from 'fusewire/langchain';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { runEveryClient } from './run-every-client.cjs';

await ready();
const layers = { createOpenAI, ChatOpenAI, generateText, wrapLanguageModel };
const packages = { Anthropic, createFalClient, GoogleGenAI, Perplexity, Ollama, OpenAI, ...layers };
const callbacks = [new ReveniumCallbackHandler()];
const outcomes = await runEveryClient(packages, { guard, callbacks, middleware: fusewireMiddleware() });
await close();
console.log(JSON.stringify(outcomes));
