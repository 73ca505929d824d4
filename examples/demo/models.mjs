// Which model servers the demo uses: the real ones where they are there, else the stand-in.
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { startStandIn } from '../support/setup.mjs';

/** The first model of a reachable Ollama, or `undefined`. */
async function realOllamaModel(host) {
  try {
    const response = await fetch(`${host}/api/tags`, { signal: AbortSignal.timeout(1000) });
    const { models } = await response.json();
    return models?.[0]?.model;
  } catch {
    return undefined;
  }
}

function ollamaHost() {
  const host = process.env.OLLAMA_BASE_URL ?? process.env.OLLAMA_HOST;
  if (!host) return undefined;
  return (host.includes('://') ? host : `http://${host}`).replace(/\/(v1\/?)?$/, '');
}

/**
 * Both clients, where they point to, and how large a budget their calls need: with the stand-in a call costs about
 * 0.7 cents, with a real OpenAI key a small fraction of that, so that the demo spends next to nothing.
 */
export async function connectModels() {
  const standIn = await startStandIn();
  const isRealOpenAI = Boolean(process.env.OPENAI_API_KEY);
  const realHost = ollamaHost();
  const realModel = realHost && (await realOllamaModel(realHost));
  const host = realModel ? realHost : standIn.url;
  const openai = isRealOpenAI ? new OpenAI() : new OpenAI({ apiKey: 'stand-in', baseURL: `${standIn.url}/v1` });
  return {
    openai,
    openaiModel: 'gpt-4o-mini',
    ollama: new Ollama({ host }),
    ollamaModel: realModel ?? 'gemma3:1b',
    limitUsd: isRealOpenAI ? 0.0005 : 0.03,
    where: [
      `openai at ${openai.baseURL}${isRealOpenAI ? '' : ' (stand-in)'}`,
      `ollama at ${host}${realModel ? '' : ' (stand-in)'}`,
    ],
    /** Requests that reached the stand-in; `undefined` where calls go to a real server. */
    requests: isRealOpenAI ? undefined : standIn.requests,
    stop: standIn.stop,
  };
}
