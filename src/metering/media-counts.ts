/** What an attempt that makes or hears images, sound or video consumed, and how sure that is (contract 5.4 to 5.6). Pure. */
import type { OperationType, UsageReading } from '../providers/adapter.js';
import type { MediaFields } from '../wire/usage-event.js';
import type { AttemptEnd, AttemptFacts, AttemptFailure } from './attempt.js';
import type { Counts } from './build-usage-event.js';

/** Whether events of this operation go out as images, audio or video. */
export function isMedia(operationType: OperationType): operationType is 'IMAGE' | 'AUDIO' | 'VIDEO' {
  return operationType === 'IMAGE' || operationType === 'AUDIO' || operationType === 'VIDEO';
}

/**
 * Counts of a media attempt. What the answer says is reported. An error answer made nothing. Everything else that was
 * under way may have been made and billed: what was asked for counts, marked as an estimate (I5). Where neither request
 * nor answer says how much, the state is unknown, and the service treats the price likewise.
 */
export function mediaCounts(
  facts: AttemptFacts,
  end: AttemptEnd | 'recovered',
  reading: UsageReading,
  failure: AttemptFailure,
): Counts {
  const operation = reading.operationType ?? facts.request.operationType;
  const asked = facts.request.media;
  const given = reading.media;
  const input = reading.inputTokens ?? 0;
  const output = reading.outputTokens ?? 0;
  const tokens = { input, output, total: reading.totalTokens ?? input + output };
  const hasTokens = tokens.total > 0;
  if (end === 'failed' && failure.status !== undefined && !hasMeasure(operation, given) && !hasTokens) {
    return { state: 'reported', ...tokens, media: { ...asked, ...nothing(operation), ...given } };
  }
  if (hasMeasure(operation, given) || (hasTokens && end === 'completed')) {
    return { state: 'reported', ...tokens, media: withRequired(operation, { ...asked, ...given }) };
  }
  const guess = guessed(operation, asked);
  const isRead = end === 'completed' && operation === 'AUDIO' && hasMeasure(operation, asked);
  const state = isRead ? 'reported' : hasMeasure(operation, guess) ? 'estimated' : 'unknown';
  return { state, ...tokens, media: withRequired(operation, { ...asked, ...guess, ...given }) };
}

/** Whether something that can be billed is counted: images made, seconds, characters, credits. */
function hasMeasure(operation: OperationType, media: MediaFields | undefined): boolean {
  if (media === undefined) return false;
  if (media.creditsConsumed !== undefined) return true;
  if (operation === 'IMAGE') return media.actualImageCount !== undefined;
  if (operation === 'VIDEO') return media.durationSeconds !== undefined;
  const { durationSeconds, characterCount, inputAudioTokenCount, outputAudioTokenCount } = media;
  return [durationSeconds, characterCount, inputAudioTokenCount, outputAudioTokenCount].some(
    (one) => one !== undefined,
  );
}

/** What was asked for, taken as made. */
function guessed(operation: OperationType, asked: MediaFields | undefined): MediaFields {
  if (operation === 'IMAGE') return { actualImageCount: asked?.actualImageCount ?? asked?.requestedImageCount ?? 1 };
  const seconds = asked?.durationSeconds ?? asked?.requestedDurationSeconds;
  if (operation === 'VIDEO') return seconds === undefined ? {} : { durationSeconds: seconds };
  return { ...asked };
}

function nothing(operation: OperationType): MediaFields {
  return operation === 'IMAGE' ? { actualImageCount: 0 } : { durationSeconds: 0 };
}

/** The counts that the wire demands: images of an image event, seconds of a video event. */
function withRequired(operation: OperationType, media: MediaFields): MediaFields {
  if (operation === 'IMAGE' && media.actualImageCount === undefined) {
    return { ...media, actualImageCount: media.requestedImageCount ?? 1 };
  }
  return operation === 'VIDEO' && media.durationSeconds === undefined ? { ...media, durationSeconds: 0 } : media;
}
