/** What a call of an adapter from outside can consume at most, as its adapter tells it or else by its prompt. */
import type { RequestReading } from '../providers/adapter.js';
import { NO_CONSUMPTION } from './parsed-body.js';
import type { CallBound } from './types.js';

/**
 * The bytes of the prompt, and what is assumed for the output. What an adapter does not name is not in it: one whose
 * requests hold more than a prompt gives a bound of its own. Without a prompt nothing is known.
 */
export function outsideBound(
  { operationType, media, promptText }: Pick<RequestReading, 'operationType' | 'media' | 'promptText'>,
  assumedOutputTokens: number,
): CallBound {
  const isText =
    media === undefined && operationType !== 'IMAGE' && operationType !== 'AUDIO' && operationType !== 'VIDEO';
  const inputTokensMax = Buffer.byteLength(promptText());
  const isSilent = isText && inputTokensMax === 0;
  return {
    ...NO_CONSUMPTION,
    inputTokensMax,
    outputTokensMax: isText && operationType !== 'EMBED' ? assumedOutputTokens : 0,
    isOutputLimited: !isText || operationType === 'EMBED',
    images: operationType === 'IMAGE' ? (media?.requestedImageCount ?? 1) : 0,
    characters: media?.characterCount ?? 0,
    mediaSeconds: Math.ceil(media?.requestedDurationSeconds ?? 0),
    cacheWrites: 'long',
    hasSound: true,
    ...(isSilent ? { unbounded: 'its adapter tells no prompt' } : {}),
  };
}
