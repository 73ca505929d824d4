/** What a call of fal.ai can consume at most, as far as its input says it. */
import type { OperationType, RequestReading } from '../providers/adapter.js';
import { limitOf } from './output-bound.js';
import { boundOfValue, NO_CONSUMPTION } from './parsed-body.js';
import type { CallBound } from './types.js';

type Input = Readonly<Record<string, unknown>>;

/** The bound of a call that is guessed to be an `operationType`. Never throws. */
export function falBound(
  operationType: OperationType,
  media: RequestReading['media'],
  input: Input,
  assumedOutputTokens: number,
): CallBound {
  const { requestedImageCount: images = 0, characterCount: characters = 0, requestedDurationSeconds } = media ?? {};
  if (operationType === 'IMAGE') return { ...NO_CONSUMPTION, images: Math.max(1, images) };
  if (operationType === 'CHAT') {
    const limit = limitOf([input['max_tokens']], assumedOutputTokens);
    const bound = boundOfValue({ endpoint: 'run', operationType, provider: 'fal_ai' }, input, assumedOutputTokens);
    return { ...bound, outputTokensMax: limit ?? assumedOutputTokens, isOutputLimited: limit !== undefined };
  }
  if (operationType === 'AUDIO' && characters > 0)
    return { ...NO_CONSUMPTION, characters, mediaSeconds: characters, hasSound: true };
  if (requestedDurationSeconds === undefined)
    return { ...NO_CONSUMPTION, unbounded: 'sound or film whose length the request does not say' };
  return { ...NO_CONSUMPTION, mediaSeconds: Math.ceil(requestedDurationSeconds) };
}
