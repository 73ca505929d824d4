/**
 * Makes an event one that a service can take. A field beyond its bound is refused with the whole event, and a refused
 * event is money that nobody counts (I4, I5); a server that is wrong or hostile can say anything. Pure, but for the event.
 */
import {
  COST_MAX_USD,
  COUNT_MAX,
  CREDITS_MAX,
  ID_MAX,
  MULTIPLIER_MAX,
  NAME_MAX,
  SECONDS_MAX,
} from '../wire/event-bounds.js';
import type { UsageEvent } from '../wire/usage-event.js';
import { withoutNull } from '../wire/without-null.js';

type Fields = Record<string, unknown>;

/** What was consumed: without one of these the others are no whole. */
const COUNTS = [
  ...['inputTokenCount', 'outputTokenCount', 'totalTokenCount', 'reasoningTokenCount', 'cacheCreationTokenCount'],
  ...['cacheReadTokenCount', 'cacheCreation5mTokenCount', 'cacheCreation1hTokenCount', 'actualImageCount'],
  ...['characterCount', 'inputAudioTokenCount', 'outputAudioTokenCount'],
];
const AMOUNTS: readonly (readonly [name: string, max: number])[] = [
  ['durationSeconds', SECONDS_MAX],
  ['creditsConsumed', CREDITS_MAX],
];
/** Fields that every event of their kind has. */
const REQUIRED = new Set([
  ...['inputTokenCount', 'outputTokenCount', 'totalTokenCount', 'actualImageCount', 'durationSeconds'],
]);
/** What says nothing of what was consumed goes without harm. */
const WHOLE_ASIDES = ['requestedImageCount', 'sampleRate', 'fps', 'promptLength', 'retryNumber'];
const ASIDES: readonly (readonly [name: string, max: number])[] = [
  ['requestedDurationSeconds', SECONDS_MAX],
  ['requestDuration', COUNT_MAX],
  ['timeToFirstToken', COUNT_MAX],
  ['mediationLatency', COUNT_MAX],
];
/** What providers and their servers wrote. Metadata was read already. */
const TEXTS = [
  ...['transactionId', 'model', 'provider', 'modelSource', 'systemFingerprint', 'errorReason'],
  ...['systemPrompt', 'inputMessages', 'outputResponse'],
];
const COSTS = ['totalCost', 'inputTokenCost', 'outputTokenCost', 'cacheCreationTokenCost', 'cacheReadTokenCost'];

/**
 * A count that cannot be makes the usage `unknown`; a cost that cannot be is left out, so that the prices of the service
 * hold; a name that is too long is cut; an id that is too long is `attemptId` instead; U+0000 is replaced.
 */
export function fitEvent(event: UsageEvent, attemptId: string): UsageEvent {
  const fields = event as unknown as Fields;
  for (const name of TEXTS) if (typeof fields[name] === 'string') fields[name] = withoutNull(fields[name]);
  if (event.transactionId.length > ID_MAX) fields['transactionId'] = attemptId;
  for (const name of ['model', 'provider'])
    if (String(fields[name]).length > NAME_MAX) fields[name] = String(fields[name]).slice(0, NAME_MAX);
  let isNonsense = false;
  for (const name of COUNTS) if (!isWithin(fields[name], COUNT_MAX, true)) isNonsense = drop(fields, name);
  for (const [name, max] of AMOUNTS) if (!isWithin(fields[name], max, false)) isNonsense = drop(fields, name);
  for (const name of WHOLE_ASIDES) if (!isWithin(fields[name], COUNT_MAX, true)) Reflect.deleteProperty(fields, name);
  for (const [name, max] of ASIDES) if (!isWithin(fields[name], max, false)) Reflect.deleteProperty(fields, name);
  for (const name of COSTS) if (!isWithin(fields[name], COST_MAX_USD, false)) Reflect.deleteProperty(fields, name);
  // A factor that makes no sense is not the factor 1.
  if (!isWithin(fields['costMultiplier'], MULTIPLIER_MAX, false)) isNonsense = drop(fields, 'costMultiplier');
  if (isNonsense) fields['attributes'] = { ...event.attributes, usageState: 'unknown' };
  // Of sound it is how fast it is spoken, a number; of everything else a word.
  if (event.operationType === 'AUDIO' && typeof fields['speed'] === 'string') Reflect.deleteProperty(fields, 'speed');
  return event;
}

function isWithin(value: unknown, max: number, isWhole: boolean): boolean {
  if (value === undefined) return true;
  if (typeof value !== 'number' || !(value >= 0 && value <= max)) return false;
  return !isWhole || Number.isInteger(value);
}

function drop(fields: Fields, name: string): true {
  if (REQUIRED.has(name)) fields[name] = 0;
  else Reflect.deleteProperty(fields, name);
  return true;
}
