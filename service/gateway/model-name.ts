/** Names of models as callers write them: what can be one, whose it is, and the one name of an Ollama model. Pure. */

/** Longer ones are none. */
export const MODEL_NAME_LENGTH_MAX = 256;

/** Names of providers and of Ollama's registries. No white space, no `%`, `?`, `#` or backslash: nothing that a URL reads. */
const SOUND = /^[A-Za-z0-9][A-Za-z0-9._:@+/-]*$/;
/** `//` would be a scheme, dots a way out of a folder. */
const UNSOUND_PARTS = /\/\/|\/$|(^|\/)\.{1,2}(\/|$)/;

/** What is wrong with a name, as the end of a sentence; `undefined` where nothing is. */
export function modelNameProblem(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'must be a text';
  if (name === '') return 'must not be empty';
  if (name.length > MODEL_NAME_LENGTH_MAX) return `must not be longer than ${MODEL_NAME_LENGTH_MAX} characters`;
  if (!SOUND.test(name)) return 'must consist of letters, digits and . _ : @ + / - and begin with a letter or a digit';
  return UNSOUND_PARTS.test(name) ? 'must not be a path: no //, no . or .. between slashes' : undefined;
}

const OPENAI =
  /^(gpt-|o\d+(-|$)|chatgpt-|text-embedding-|text-moderation-|omni-moderation-|tts-|whisper-|dall-e-|davinci-|babbage-|codex-|computer-use-|sora-|ft:)/;
/** Open models whose names begin like OpenAI's: they run on Ollama and on nothing of OpenAI's. */
const OPEN = /^gpt-(oss|j|neo|neox|sw3|2|bert)(-|:|$)/;
const ANTHROPIC = /^claude-/;

/**
 * Whose model a name is, by the name alone. A tag (`gpt-oss:20b`) is Ollama's way of naming; of providers only names of
 * tuned models have colons (`ft:…`). Whatever nobody else's names look like is Ollama's.
 */
export function ownerOfModel(name: string): 'openai' | 'anthropic' | 'ollama' {
  if (name.startsWith('ft:')) return 'openai';
  if (name.includes(':') || name.includes('/') || OPEN.test(name)) return 'ollama';
  if (ANTHROPIC.test(name)) return 'anthropic';
  return OPENAI.test(name) ? 'openai' : 'ollama';
}

/** Whether a name is a provider's, but for its letter case: those are refused, for somewhere else it would be another model. */
export function isMisspelt(name: string): boolean {
  const lower = name.toLowerCase();
  return lower !== name && !lower.startsWith('ft:') && ownerOfModel(lower) !== 'ollama';
}

const REGISTRY = /^registry\.ollama\.ai\//i;
const LIBRARY = /^library\//i;

/**
 * The one name of an Ollama model. `llama3`, `llama3:latest`, `library/llama3` and `registry.ollama.ai/library/llama3`
 * are the same model there: under whichever name it is asked for, its price and its budget are those of `llama3`.
 */
export function canonicalOllamaModel(name: string): string {
  if (!name.includes('/') && !name.endsWith('t') && !name.endsWith('T')) return name;
  return name
    .replace(REGISTRY, '')
    .replace(LIBRARY, '')
    .replace(/:latest$/i, '');
}
