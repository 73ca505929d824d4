/** What a call through a LiteLLM proxy made or heard, where the payload counts it (contract 5.4, 5.5). Pure. */
import type { OperationType } from 'fusewire/internal';
import { countOf, type Fields, fieldsOf } from './values.js';

/** The kind of event, and its counts. */
export interface PayloadMedia {
  readonly type: 'ai/images' | 'ai/audio';
  readonly fields: Fields;
}

/** `undefined` where the payload counts nothing: then the event is a completion with LiteLLM's cost, or of unknown price. */
export function mediaOf(operationType: OperationType, callType: string, payload: Fields): PayloadMedia | undefined {
  const response = fieldsOf(payload['response']);
  const asked = fieldsOf(payload['model_parameters']);
  if (operationType === 'IMAGE') {
    const { data } = response;
    const made = Array.isArray(data) ? data.length : undefined;
    if (made === undefined) return undefined;
    const requestedImageCount = countOf(asked['n']) ?? made;
    const operationSubtype = callType.includes('edit')
      ? 'edit'
      : callType.includes('variation')
        ? 'variation'
        : 'generation';
    return { type: 'ai/images', fields: { actualImageCount: made, requestedImageCount, operationSubtype } };
  }
  if (operationType !== 'AUDIO') return undefined;
  const { duration } = response;
  if (callType.includes('speech')) {
    const { input } = asked;
    if (typeof input !== 'string') return undefined;
    return { type: 'ai/audio', fields: { characterCount: [...input].length, operationSubtype: 'tts' } };
  }
  if (typeof duration !== 'number' || !(duration >= 0)) return undefined;
  return { type: 'ai/audio', fields: { durationSeconds: duration, operationSubtype: 'transcription' } };
}
