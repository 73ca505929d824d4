// Every provider's client in a program that knows nothing of Fusewire: `node --import fusewire/register every-plain.mjs`.
import Anthropic from '@anthropic-ai/sdk';
import { createFalClient } from '@fal-ai/client';
import { GoogleGenAI } from '@google/genai';
import { ChatOpenAI } from '@langchain/openai';
import Perplexity from '@perplexity-ai/perplexity_ai';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { runEveryClient } from './run-every-client.cjs';

const packages = { Anthropic, createFalClient, GoogleGenAI, ChatOpenAI, Perplexity, Ollama, OpenAI };
console.log(JSON.stringify(await runEveryClient(packages)));
