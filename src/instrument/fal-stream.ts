/** The stream object of fal's client, which stays what it is. */
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { FalCall } from './fal-call.js';
import { layOver } from './fal-client.js';

interface StreamLike {
  on(type: string, listener: (value: unknown) => void): void;
  emit(type: string, value: unknown): void;
  handleError(error: unknown): void;
}

/**
 * Names the usage event on the stream and on every chunk of it, and lets the refusal of a retry through: the stream
 * would make an `ApiError` of status 500 of it.
 */
export function watchFalStream(opened: unknown, call: FalCall): void {
  if (typeof opened !== 'object' || opened === null) return;
  const stream = opened as StreamLike;
  if (typeof stream.on !== 'function') return;
  stream.on('data', (chunk) => {
    call.expose(chunk);
    call.expose(stream);
  });
  const { handleError } = stream;
  if (typeof handleError !== 'function') return;
  layOver(stream, 'handleError', (error: unknown) => {
    if (error instanceof BudgetExceededError) stream.emit('error', error);
    else handleError.call(stream, error);
  });
}
