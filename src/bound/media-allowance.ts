/** Tokens of one image at most, by the rules that providers publish for what they do with any image, however large. */

/** OpenAI: 85 + 170 for each of at most 8 tiles; the mini model multiplies both. */
const BY_TILES = 1_500;
const BY_TILES_MINI = 48_200;
/** OpenAI's newer models: up to 10,000 patches, times 2.46 for the smallest one. */
const BY_PATCHES = 25_000;
/** Anthropic scales down to about 1.15 megapixels, 750 to a token; the newest models take three times as much. */
const ANTHROPIC = 5_000;
/** Models that Ollama serves: the largest that take an image in its own resolution. */
const OLLAMA = 20_000;

/** One image in the input of a model. */
export function imageTokensMax(provider: string, model: string): number {
  if (provider === 'OLLAMA') return OLLAMA;
  if (provider === 'ANTHROPIC' || provider === 'AWS') return ANTHROPIC;
  if (/^(chatgpt-)?gpt-4o-mini/.test(model)) return BY_TILES_MINI;
  return /^(gpt-4o|chatgpt-4o|gpt-4-|gpt-4\.5|gpt-4$|o1|o3$|o3-\d|gpt-image)/.test(model) ? BY_TILES : BY_PATCHES;
}

/** One image that is made: the largest quality and size take 6,240, and previews 100 each. */
export const MADE_IMAGE_TOKENS = 10_000;
/** One image that is worked on, in high fidelity. */
export const EDITED_IMAGE_TOKENS = 10_000;
/** More are not taken by one request. */
export const EDITED_IMAGES_MAX = 16;

/** Sound of a chat: ten tokens a second, and no codec takes less than 500 bytes for one. Base64 makes them more. */
export const SOUND_BYTES_A_TOKEN = 50;
/** The least that speech takes: Opus at 4 kbit a second. Silence in a lossless file can take less. */
export const SOUND_BYTES_A_SECOND = 500;
/** Tokens of a second of sound that is heard, with room: 1,000 a minute are published. */
export const HEARD_TOKENS_A_SECOND = 20;
/** Tokens of text in a second of speech, with room. */
export const WRITTEN_TOKENS_A_SECOND = 20;
/** Tokens of sound for one character that is spoken: 20 a second, and nobody is slower than a character a second. */
export const SPOKEN_TOKENS_A_CHARACTER = 25;

/** Seconds of film where the request does not say them: what OpenAI makes then. */
export const MADE_VIDEO_SECONDS = 4;
