/** Message batches: made by one request, done by the provider in its own time, metered when their results are read. */
import type { ResolvedMetadata } from '../metadata/resolver.js';
import type { Attempt } from '../metering/attempt.js';
import type { UsageReader } from '../providers/adapter.js';
import type { AnthropicRequestReading } from '../providers/anthropic.js';
import { readBatchResult } from '../providers/anthropic-batch.js';
import { recordOf, textOf } from '../providers/values.js';
import type { PendingWork } from './stainless.js';

/** Batches that are remembered; the oldest is forgotten first (I10). */
const BATCHES_MAX = 10_000;
/** Results that are remembered as metered: as many as one batch may have. A forgotten one is told by the ledger. */
const RESULTS_MAX = 100_000;

interface KnownBatch {
  metadata?: ResolvedMetadata;
  startedAtMs?: number | undefined;
  endedAtMs?: number | undefined;
}

/** What is known of the batches of one client. */
export class MessageBatches implements PendingWork<AnthropicRequestReading> {
  readonly #batches = new Map<string, KnownBatch>();
  readonly #metered = new Set<string>();

  /** The metadata that the batch was made with, if it was made here. */
  madeFor({ batchId }: AnthropicRequestReading): ResolvedMetadata | undefined {
    return batchId === undefined ? undefined : this.#batches.get(batchId)?.metadata;
  }

  /** A reader that remembers a batch when it is made or looked at, and meters each of its results, once. */
  watch(
    request: AnthropicRequestReading,
    reader: UsageReader,
    metadata: ResolvedMetadata,
    attempt: Attempt,
  ): UsageReader {
    if (!request.endpoint.startsWith('messages.batches')) return reader;
    const isResults = request.endpoint === 'messages.batches.results';
    const take = (value: unknown) => {
      if (isResults) this.#meter(value, request, metadata, attempt);
      else this.#remember(value, request.kind === 'call' ? metadata : undefined);
    };
    return {
      responseHead: (status, header) => reader.responseHead?.(status, header),
      whole(body) {
        reader.whole(body);
        take(body);
      },
      chunk(data) {
        reader.chunk(data);
        take(data);
      },
      reading: () => reader.reading(),
    };
  }

  /** What a batch says of itself. `metadata`: it was made here, on this behalf. */
  #remember(body: unknown, metadata: ResolvedMetadata | undefined): void {
    const batch = recordOf(body);
    const id = textOf(batch?.['id']);
    if (batch === undefined || id === undefined) return;
    const known = this.#batches.get(id) ?? {};
    if (metadata !== undefined) known.metadata = metadata;
    known.startedAtMs = timeOf(batch['created_at']) ?? known.startedAtMs;
    known.endedAtMs = timeOf(batch['ended_at']) ?? known.endedAtMs;
    this.#batches.set(id, known);
    if (this.#batches.size > BATCHES_MAX) this.#batches.delete(this.#batches.keys().next().value as string);
  }

  #meter(line: unknown, asked: AnthropicRequestReading, metadata: ResolvedMetadata, attempt: Attempt): void {
    const result = readBatchResult(line, asked);
    if (result === undefined) return;
    const name = `${asked.batchId ?? ''}\n${result.customId}`;
    if (this.#metered.has(name)) return;
    this.#metered.add(name);
    if (this.#metered.size > RESULTS_MAX) this.#metered.delete(this.#metered.values().next().value as string);
    // The batch's own times, not ours: whoever reads the results again meters the very same event.
    const { startedAtMs, endedAtMs } = this.#batches.get(asked.batchId ?? '') ?? {};
    attempt.meterPart({ ...result, metadata, startedAtMs, endedAtMs });
  }
}

function timeOf(value: unknown): number | undefined {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
