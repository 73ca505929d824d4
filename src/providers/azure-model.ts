/** From the name of an Azure deployment, which anybody chooses, to the model that it most likely serves (contract 6.3). */

/**
 * The model behind a deployment's name, or the name itself where nothing in it is recognised: an unknown model is a
 * model whose price is unknown, never a wrong one. Pure; the answer's own `model` beats it.
 *
 * Two additions to the contract's list, which is older than these models: `gpt-4.1`, `gpt-4.5` and newer keep their names
 * instead of falling to `gpt-4`, and `o4-mini` is the model of that name, no misspelt `gpt-4o-mini`.
 */
export function azureModel(deployment: string): string {
  const name = deployment.toLowerCase().replace(/[_.]/g, '-');
  return gpt4(name) ?? gpt35(name) ?? embedding(name) ?? media(name) ?? deployment;
}

function gpt4(name: string): string | undefined {
  const size = /-(mini|nano)\b/.exec(name)?.[0] ?? '';
  if (/gpt-?4o/.test(name)) {
    return /audio|realtime|transcribe|tts|search/.test(name) ? undefined : `gpt-4o${size}`;
  }
  if (/(^|-)o4($|-(?!mini))/.test(name)) return 'gpt-4o';
  if (/gpt-?4-1(?!\d)/.test(name)) return `gpt-4.1${size}`;
  if (/gpt-?4-5(?!\d)/.test(name)) return 'gpt-4.5-preview';
  if (!/gpt-?4(?!\d)/.test(name)) return undefined;
  if (/32k/.test(name)) return 'gpt-4-32k';
  if (/turbo|1106|0125|0613/.test(name)) return 'gpt-4-turbo';
  if (/vision|preview|-v(-|$)/.test(name)) return 'gpt-4-vision-preview';
  return 'gpt-4';
}

function gpt35(name: string): string | undefined {
  if (!/gpt-?3-?5/.test(name)) return undefined;
  if (/instruct/.test(name)) return 'gpt-3.5-turbo-instruct';
  return /16k/.test(name) ? 'gpt-3.5-turbo-16k' : 'gpt-3.5-turbo';
}

function embedding(name: string): string | undefined {
  if (/ada-?002/.test(name)) return 'text-embedding-ada-002';
  const size = /embed.*3-(large|small)/.exec(name)?.[1];
  return size === undefined ? undefined : `text-embedding-3-${size}`;
}

function media(name: string): string | undefined {
  const dalle = /dall-?e-?([23])/.exec(name)?.[1];
  if (dalle !== undefined) return `dall-e-${dalle}`;
  if (/whisper/.test(name)) return 'whisper-1';
  if (!/(^|-)tts(-|$)/.test(name)) return undefined;
  return /(^|-)hd(-|$)/.test(name) ? 'tts-1-hd' : 'tts-1';
}
