/** What an endpoint of fal.ai makes, guessed from its id and corrected by its answer (contract 6.5). */
import { isRecord } from '../wire/is-record.js';

/** The four ways in which fal's endpoints are metered. */
export type FalOperation = 'VIDEO' | 'AUDIO' | 'CHAT' | 'IMAGE';

const VIDEO_WORDS = wordsOf('kling-video', 'veo', 'sora', 'luma', 'wan-', 'text-to-video');
const AUDIO_WORDS = wordsOf(...['whisper', 'tts', 'text-to-speech', 'speech-to-text', 'kokoro', 'dia', 'stable-audio']);
const CHAT_WORDS = wordsOf('openrouter', 'llm');
const HEARD = wordsOf('speech-to-text', 'whisper');
const MADE_FROM_SOUND = wordsOf('audio-to-audio', 'voice-clone', 'voice-changer');
const MUSIC = wordsOf('music', 'sfx');
const SPOKEN = wordsOf('tts', 'text-to-speech', 'speech', 'kokoro', 'dia');
const INPAINTING = wordsOf('inpainting', 'inpaint', 'fill');
const UPSCALE = wordsOf('upscale', 'upscaler', 'esrgan', 'super-resolution');
const VARIATION = wordsOf('redux', 'variation', 'variations');
const EXTEND = wordsOf('extend');
const VIDEO_FILE = /\.(?:mp4|webm|mov|mkv|avi|m4v)(?:[?#]|$)/i;
const AUDIO_FILE = /\.(?:mp3|wav|ogg|oga|flac|m4a|aac|opus)(?:[?#]|$)/i;

/** The guess, before there is an answer. */
export function guessFalOperation(endpointId: string): FalOperation {
  if (VIDEO_WORDS.test(endpointId)) return 'VIDEO';
  if (AUDIO_WORDS.test(endpointId)) return 'AUDIO';
  return CHAT_WORDS.test(endpointId) ? 'CHAT' : 'IMAGE';
}

/** What the answer shows to have been made, or `undefined` where it tells nothing: then the guess stays. */
export function falOperationOf(answer: Record<string, unknown>): FalOperation | undefined {
  const file = typeof answer['file_url'] === 'string' ? answer['file_url'] : '';
  if (isThing(answer['video']) || isFilled(answer['videos']) || VIDEO_FILE.test(file)) return 'VIDEO';
  if (isThing(answer['audio']) || isThing(answer['audio_file']) || AUDIO_FILE.test(file)) return 'AUDIO';
  if (Array.isArray(answer['images']) || isThing(answer['image'])) return 'IMAGE';
  if (isRecord(answer['usage']) && typeof answer['usage']['total_tokens'] === 'number') return 'CHAT';
  // What was heard, with its times: a transcription, whatever its endpoint is called.
  if (typeof answer['text'] === 'string' && (isFilled(answer['chunks']) || isFilled(answer['segments'])))
    return 'AUDIO';
  return undefined;
}

/** The subtype of a sound endpoint: heard, spoken, or made otherwise. */
export function falAudioSubtype(endpointId: string, input: Record<string, unknown>): string {
  if (MADE_FROM_SOUND.test(endpointId) || MUSIC.test(endpointId)) return 'synthesis';
  if (HEARD.test(endpointId) || isThing(input['audio_url'])) {
    return input['task'] === 'translate' ? 'translation' : 'transcription';
  }
  return SPOKEN.test(endpointId) ? 'tts' : 'synthesis';
}

/** The subtype of an image endpoint. */
export function falImageSubtype(endpointId: string, input: Record<string, unknown>): string {
  if (INPAINTING.test(endpointId) || isThing(input['mask_url'])) return 'inpainting';
  if (UPSCALE.test(endpointId)) return 'upscale';
  if (VARIATION.test(endpointId)) return 'variation';
  return hasSourceImage(input) ? 'edit' : 'generation';
}

/** The subtype of a video endpoint. */
export function falVideoSubtype(endpointId: string, input: Record<string, unknown>): string {
  if (UPSCALE.test(endpointId)) return 'upscale';
  if (EXTEND.test(endpointId)) return 'extend';
  return isThing(input['video_url']) ? 'edit' : 'generation';
}

/** Whether the input brings an image along. */
export function hasSourceImage(input: Record<string, unknown>): boolean {
  return isThing(input['image_url']) || isThing(input['image']) || isFilled(input['image_urls']);
}

/**
 * Words match between the separators of an id, so that `dia` is not found in `media-converter`; a version number may
 * follow at once (`veo3`), and a word that ends in a dash begins a name (`wan-t2v`).
 */
function wordsOf(...words: readonly string[]): RegExp {
  return new RegExp(
    words.map((word) => `(?<=^|[/_.-])${word}${word.endsWith('-') ? '' : '\\d*(?=[/_.-]|$)'}`).join('|'),
  );
}

function isThing(value: unknown): boolean {
  return isRecord(value) || (typeof value === 'string' && value !== '');
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}
