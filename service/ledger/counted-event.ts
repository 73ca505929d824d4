/** An event as controls see it: its dimensions and what it adds to each metric. */
import type { CallDimensions } from 'fusewire/internal';
import type { EventPrice } from '../pricing/price-event.js';
import { bigintOf, flagOf, numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { MetricType } from '../store/store.js';
import type { EventFacts } from './event-facts.js';
import { type MediaCounts, mediaCountsOf } from './media-facts.js';

/** The same whether it comes from an event that was just recorded or from the store, so that both count alike. */
export interface CountedEvent extends MediaCounts {
  readonly id: string;
  readonly windowTimeMs: number;
  /** Controls that count it elsewhere than its own time and group say: where its hold was taken. */
  readonly placements?: Placements | undefined;
  /** What a guard knew of the call: it decides by the model that was asked for. */
  readonly asked: CallDimensions;
  /** The model that answered, where it has another name. */
  readonly answeredModel: string | undefined;
  /** The subscriber's group: what its address stands for, else its id, else the address in lower case. */
  readonly subscriberGroup: string | undefined;
  /** The departments of its person at its receipt, from the root down to their own; empty where there is none. */
  readonly departments: readonly number[];
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
  readonly cachedTokens: number;
  readonly failed: boolean;
  readonly amountNanoUsd: bigint;
  readonly priceUnknown: boolean;
}

/** By control id: the instant by which the event is counted, and the group where that is another one. */
export type Placements = Readonly<Record<string, number | readonly [atMs: number, group: string]>>;

/** The instant by which a control counts an event. */
export function countedAtOf(event: CountedEvent, controlId: string): number {
  const placed = event.placements?.[controlId];
  if (placed === undefined) return event.windowTimeMs;
  return typeof placed === 'number' ? placed : placed[0];
}

/** The placements of an event as they are kept. */
export function placementsOf(text: string | null): Placements | undefined {
  return text === null ? undefined : (JSON.parse(text) as Placements);
}

/** How an e-mail address is compared (contract 2.5). */
export function emailKeyOf(email: string): string {
  return email.trim().toLowerCase();
}

/**
 * The address whose alias decides a subscriber's group: an id that is itself an address, or the address of somebody
 * without an id. `undefined`: the id alone decides, or there is nobody.
 */
export function aliasKeyOf(named: {
  readonly subscriberId?: string | undefined;
  readonly subscriberEmail?: string | undefined;
}): string | undefined {
  const { subscriberId, subscriberEmail } = named;
  if (subscriberId !== undefined) return subscriberId.includes('@') ? emailKeyOf(subscriberId) : undefined;
  return subscriberEmail === undefined ? undefined : emailKeyOf(subscriberEmail) || undefined;
}

const NOWHERE: readonly number[] = [];

/** A line of departments, as it is kept, in numbers. */
export function departmentsOf(line: string | null | undefined): readonly number[] {
  return line == null ? NOWHERE : line.split('/').map(Number);
}

/** From an event that is being recorded. */
export function countedFromFacts(
  id: string,
  facts: EventFacts,
  windowTimeMs: number,
  price: EventPrice,
  subscriberGroup: string | undefined,
): CountedEvent {
  const made = mediaCountsOf(facts.kind, facts.media, facts.failed);
  return {
    id,
    windowTimeMs,
    asked: {
      model: facts.requestedModel ?? facts.model,
      provider: facts.provider,
      subscriberId: facts.subscriberId,
      subscriberEmail: facts.subscriberEmail,
      organization: facts.organization,
      product: facts.product,
      credential: facts.credential,
      credentialName: facts.credentialName,
      agent: facts.agent,
      taskType: facts.taskType,
    },
    answeredModel: facts.requestedModel === undefined ? undefined : facts.model,
    subscriberGroup,
    departments: departmentsOf(facts.departmentLine),
    inputTokens: facts.inputTokens,
    outputTokens: facts.outputTokens,
    totalTokens: facts.totalTokens,
    cachedTokens: facts.cacheReadTokens + facts.cacheWriteTokens,
    failed: facts.failed,
    imageCount: made.imageCount,
    videoCount: made.videoCount,
    audioCount: made.audioCount,
    characterCount: made.characterCount,
    creditsNano: made.creditsNano,
    amountNanoUsd: price.amountNanoUsd,
    priceUnknown: price.state === 'unknown',
  };
}

/** From a row of `select-counted-events`. */
export function countedFromRow(row: SqlRow): CountedEvent {
  const requestedModel = textOrNull(row, 'requested_model');
  const subscriberId = textOrNull(row, 'subscriber_id') ?? undefined;
  const alias = textOrNull(row, 'alias') ?? undefined;
  return {
    id: textOf(row, 'id'),
    windowTimeMs: numberOf(row, 'window_time_ms'),
    placements: placementsOf(textOrNull(row, 'placements')),
    asked: {
      model: requestedModel ?? textOf(row, 'model'),
      provider: textOf(row, 'provider'),
      subscriberId,
      subscriberEmail: textOrNull(row, 'subscriber_email') ?? undefined,
      organization: textOrNull(row, 'organization') ?? undefined,
      product: textOrNull(row, 'product') ?? undefined,
      credential: textOrNull(row, 'credential') ?? undefined,
      credentialName: textOrNull(row, 'credential_name') ?? undefined,
      agent: textOrNull(row, 'agent') ?? undefined,
      taskType: textOrNull(row, 'task_type') ?? undefined,
    },
    answeredModel: requestedModel === null ? undefined : textOf(row, 'model'),
    subscriberGroup: alias ?? subscriberId ?? textOrNull(row, 'alias_key') ?? undefined,
    departments: departmentsOf(textOrNull(row, 'department_line')),
    inputTokens: numberOf(row, 'input_tokens'),
    outputTokens: numberOf(row, 'output_tokens'),
    totalTokens: numberOf(row, 'total_tokens'),
    cachedTokens: numberOf(row, 'cached_tokens'),
    failed: flagOf(row, 'failed'),
    imageCount: numberOf(row, 'image_count'),
    videoCount: numberOf(row, 'video_count'),
    audioCount: numberOf(row, 'audio_count'),
    characterCount: numberOf(row, 'character_count'),
    creditsNano: bigintOf(row, 'credits_nano'),
    amountNanoUsd: bigintOf(row, 'amount_nano_usd'),
    priceUnknown: textOf(row, 'price_state') === 'unknown',
  };
}

/** What an event adds to a metric: nano-dollars for TOTAL_COST, thousand-millionths for CREDITS_CONSUMED, else a count. */
export function contributionOf(metric: MetricType, event: CountedEvent): bigint {
  switch (metric) {
    case 'TOTAL_COST':
      return event.amountNanoUsd;
    case 'TOKEN_COUNT':
      return BigInt(event.totalTokens);
    case 'INPUT_TOKEN_COUNT':
      return BigInt(event.inputTokens);
    case 'OUTPUT_TOKEN_COUNT':
      return BigInt(event.outputTokens);
    case 'CACHED_TOKEN_COUNT':
      return BigInt(event.cachedTokens);
    case 'ERROR_COUNT':
      return event.failed ? 1n : 0n;
    case 'IMAGE_COUNT':
      return BigInt(event.imageCount);
    case 'VIDEO_COUNT':
      return BigInt(event.videoCount);
    case 'AUDIO_COUNT':
      return BigInt(event.audioCount);
    case 'CHARACTER_COUNT':
      return BigInt(event.characterCount);
    case 'CREDITS_CONSUMED':
      return event.creditsNano;
  }
}
