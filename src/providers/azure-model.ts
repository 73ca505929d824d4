/** From the name of an Azure deployment, which anybody chooses, to the model that it most likely serves (contract 6.3). */

/**
 * The model behind a deployment's name, or the name itself where nothing in it is recognised: an unknown model is a
 * model whose price is unknown, never a wrong one. Pure; a map by hand and the answer's own `model` beat it.
 *
 * Additions to the contract's list, which is older than these models: `gpt-4.1`, `gpt-4.5`, `gpt-5` and what follows
 * keep their names instead of falling to `gpt-4`, `o4-mini` is the model of that name, no misspelt `gpt-4o-mini`, and
 * the models for sound, images and film are told.
 */
export function azureModel(deployment: string): string {
  const name = deployment.toLowerCase().replace(/[_.]/g, '-');
  return media(name) ?? gpt5(name) ?? gpt4(name) ?? gpt35(name) ?? reasoning(name) ?? embedding(name) ?? deployment;
}

/** `gpt-5`, `gpt-5.1` …, with the kind of model behind it, in the order in which OpenAI writes them. */
function gpt5(name: string): string | undefined {
  const [, version, minor, rest = ''] = /gpt-?([5-9])(?!\d)(?:-(\d)(?!\d))?(.*)/.exec(name) ?? [];
  if (version === undefined) return undefined;
  const kinds = ['chat', 'codex', 'pro', 'max', 'mini', 'nano'].filter((kind) => new RegExp(`-${kind}\\b`).test(rest));
  return `gpt-${version}${minor === undefined ? '' : `.${minor}`}${kinds.map((kind) => `-${kind}`).join('')}`;
}

function gpt4(name: string): string | undefined {
  const size = /-(mini|nano)\b/.exec(name)?.[0] ?? '';
  if (/gpt-?4o/.test(name)) return /audio|realtime|search/.test(name) ? undefined : `gpt-4o${size}`;
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

function reasoning(name: string): string | undefined {
  const [, model, size = ''] = /(?:^|-)(o[134])(-mini|-pro)?(?=-|$)(?!-deep)/.exec(name) ?? [];
  return model === undefined ? undefined : `${model}${size}`;
}

function embedding(name: string): string | undefined {
  if (/ada-?002/.test(name)) return 'text-embedding-ada-002';
  const size = /embed.*3-(large|small)/.exec(name)?.[1];
  return size === undefined ? undefined : `text-embedding-3-${size}`;
}

function media(name: string): string | undefined {
  const dalle = /dall-?e-?([23])/.exec(name)?.[1];
  if (dalle !== undefined) return `dall-e-${dalle}`;
  const image = /gpt-?image-1(-mini|-5(?!\d))?/.exec(name);
  if (image !== null) return `gpt-image-1${(image[1] ?? '').replace('-5', '.5')}`;
  if (/sora-2/.test(name)) return /-pro\b/.test(name) ? 'sora-2-pro' : 'sora-2';
  if (/whisper/.test(name)) return 'whisper-1';
  const [, mini = '', task] = /gpt-?4o(-mini)?-(transcribe-diarize|transcribe|tts)/.exec(name) ?? [];
  if (task !== undefined) return `gpt-4o${mini}-${task}`;
  if (!/(^|-)tts(-|$)/.test(name)) return undefined;
  return /(^|-)hd(-|$)/.test(name) ? 'tts-1-hd' : 'tts-1';
}
