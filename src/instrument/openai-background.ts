/** Background responses: made by one request, metered by another, once. */
import type { ResolvedMetadata } from '../metadata/resolver.js';
import type { UsageReader } from '../providers/adapter.js';
import type { OpenAIRequestReading } from '../providers/openai.js';
import { RememberedWork } from './remembered-work.js';
import type { PendingWork } from './stainless.js';

/** What is known of the background responses of one client. */
export class BackgroundResponses implements PendingWork<OpenAIRequestReading> {
  /** On whose behalf a response was made: it is metered with that, whoever polls. */
  readonly #work = new RememberedWork<ResolvedMetadata>();

  /** The metadata that the response was made with, if it was made here. */
  madeFor({ polledId }: OpenAIRequestReading): ResolvedMetadata | undefined {
    return this.#work.askedFor(polledId);
  }

  /** A reader that remembers a response when it says that it goes on, and lets its end be metered by one attempt only. */
  watch(request: OpenAIRequestReading, reader: UsageReader, metadata: ResolvedMetadata): UsageReader {
    return request.background || request.kind === 'poll' ? this.#work.watch(reader, metadata) : reader;
  }
}
