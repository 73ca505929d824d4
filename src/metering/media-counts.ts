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
  // Facts of what was asked for are of the kind that the request was taken for.
  const asked = operation === facts.request.operationType ? facts.request.media : undefined;
  const given = reading.media;
  const input = reading.inputTokens ?? 0;
  const output = reading.outputTokens ?? 0;
  const tokens = { input, output, total: reading.totalTokens ?? input + output };
  const hasTokens = tokens.total > 0;
  if (end === 'failed' && failure.status !== undefined && !hasMeasure(operation, given) && !hasTokens) {
    return { state: 'reported', ...tokens, media: { ...asked, ...nothing(operation), ...given } };
  }
  if (hasMeasure(operation, given) || (hasTokens && end === 'completed')) {
    const isSure = reading.isPartial !== true && (reading.finished || !isCutStream(facts, end));
    const media = withRequired(operation, { ...asked, ...given });
    if (!isSure && operation === 'IMAGE') return moreImages(tokens, media);
    return { state: isSure ? 'reported' : 'estimated', ...tokens, media };
  }
  const guess = guessed(operation, { ...asked, ...given });
  const isRead =
    reading.isUnknownShape !== true && end === 'completed' && operation === 'AUDIO' && hasMeasure(operation, asked);
  const isGuess = hasMeasure(operation, guess) && reading.isUnknownShape !== true;
  const state = isRead ? 'reported' : isGuess ? 'estimated' : 'unknown';
  return { state, ...tokens, media: withRequired(operation, { ...asked, ...guess, ...given }) };
}

/** What a stream showed before it was cut may be a part of what was made, or a preview of it. */
function isCutStream(facts: AttemptFacts, end: AttemptEnd | 'recovered'): boolean {
  return facts.request.streaming && end !== 'completed';
}

/** Some of the images came before the answer was cut: the others may have been made too, each for as many tokens. */
function moreImages(tokens: { input: number; output: number; total: number }, media: MediaFields): Counts {
  const came = media.actualImageCount ?? 0;
  const made = Math.max(came, media.requestedImageCount ?? 1);
  const times = (count: number) => (came === 0 ? count : Math.ceil((count * made) / came));
  const [input, output] = [times(tokens.input), times(tokens.output)];
  return { state: 'estimated', input, output, total: input + output, media: { ...media, actualImageCount: made } };
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
