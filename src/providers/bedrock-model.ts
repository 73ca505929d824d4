/** Model names as Bedrock knows them (contract 6.6). */

/** Names whose id is not simply the name behind `anthropic.`. */
const SUFFIXES: ReadonlyMap<string, string> = new Map([
  ['claude-3-opus-20240229', '-v1:0'],
  ['claude-3-sonnet-20240229', '-v1:0'],
  // The public map turns this one into Haiku 3.5, which costs three times as much: a name is not another model.
  ['claude-3-haiku-20240307', '-v1:0'],
  ['claude-3-5-sonnet-20240620', '-v1:0'],
  ['claude-3-5-sonnet-20241022', '-v2:0'],
  ['claude-3-5-haiku-20241022', '-v1:0'],
]);

/**
 * The Bedrock id of a model, for decisions and prices: `claude-3-opus-20240229` is
 * `anthropic.claude-3-opus-20240229-v1:0`, with or without a region (`us.`, `eu.`, `global.` …) before it. Ids that are
 * Bedrock's already stay, and so does everything that is not named `claude`.
 */
export function bedrockModel(model: string): string {
  const [, region = '', name] = /^((?:[a-z]{2,8}(?:-[a-z]{2,8})?\.)?)(claude[\w.:-]*)$/.exec(model) ?? [];
  return name === undefined ? model : `${region}anthropic.${name}${SUFFIXES.get(name) ?? ''}`;
}

/** Whether an id names the model itself; a profile of the account's own (an ARN) does not. */
export function namesBedrockModel(id: string): boolean {
  return !id.startsWith('arn:');
}
