/** The subtype of what an endpoint of fal.ai makes. */
import { type FalOperation, falAudioSubtype, falImageSubtype, falVideoSubtype } from './fal-media.js';

/** In the wire's words (contract 5.4 to 5.6); `undefined` for language endpoints. */
export function falSubtypeOf(
  operation: FalOperation,
  endpointId: string,
  input: Readonly<Record<string, unknown>>,
): string | undefined {
  if (operation === 'IMAGE') return falImageSubtype(endpointId, input);
  if (operation === 'VIDEO') return falVideoSubtype(endpointId, input);
  return operation === 'AUDIO' ? falAudioSubtype(endpointId, input) : undefined;
}
