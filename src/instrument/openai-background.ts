/** Background responses: made by one request, metered by another, once. */
import type { ResolvedMetadata } from '../metadata/resolver.js';
import type { UsageReader, UsageReading } from '../providers/adapter.js';
import type { OpenAIRequestReading } from '../providers/openai.js';
import type { PendingWork } from './stainless.js';

/** Background responses that are remembered; the oldest is forgotten first (I10). */
const REMEMBERED_MAX = 10_000;

/** What is known of the background responses of one client. */
export class BackgroundResponses implements PendingWork<OpenAIRequestReading> {
  /** On whose behalf a response was made: it is metered with that, whoever polls. */
  readonly #madeFor = new Map<string, ResolvedMetadata>();
  readonly #metered = new Set<string>();

  /** The metadata that the response was made with, if it was made here. */
  madeFor({ polledId }: OpenAIRequestReading): ResolvedMetadata | undefined {
    return polledId === undefined ? undefined : this.#madeFor.get(polledId);
  }

  /** A reader that remembers a response when it says that it goes on, and lets its end be metered by one attempt only. */
  watch(request: OpenAIRequestReading, reader: UsageReader, metadata: ResolvedMetadata): UsageReader {
    if (!request.background && request.kind !== 'poll') return reader;
    let mine = false;
    return {
      whole: (body) => reader.whole(body),
      chunk: (data) => reader.chunk(data),
      reading: (): UsageReading => {
        const reading = reader.reading();
        const id = reading.responseId;
        if (id === undefined) return reading;
        if (reading.pending) this.#remember(id, metadata);
        if (!reading.finished || mine) return reading;
        if (this.#metered.has(id)) return { ...reading, finished: false };
        mine = true;
        this.#madeFor.delete(id);
        addBounded(this.#metered, id);
        return reading;
      },
    };
  }

  #remember(id: string, metadata: ResolvedMetadata): void {
    if (this.#madeFor.has(id)) return;
    this.#madeFor.set(id, metadata);
    if (this.#madeFor.size > REMEMBERED_MAX) this.#madeFor.delete(this.#madeFor.keys().next().value as string);
  }
}

function addBounded(set: Set<string>, value: string): void {
  set.add(value);
  if (set.size > REMEMBERED_MAX) set.delete(set.values().next().value as string);
}
