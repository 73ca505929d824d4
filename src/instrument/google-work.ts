/** Work that goes on after the answer (videos, batches, background interactions): made by one request, metered by another. */
import type { ResolvedMetadata } from '../metadata/resolver.js';
import type { UsageReader } from '../providers/adapter.js';
import type { GoogleRequestReading } from '../providers/google.js';
import { RememberedWork } from './remembered-work.js';

/** What was asked for, and on whose behalf. */
interface Work {
  readonly reading: GoogleRequestReading;
  readonly metadata: ResolvedMetadata;
}

/** The work that one client asked for. */
export class GoogleWork {
  readonly #work = new RememberedWork<Work>(keyOf);

  /** The work that this request asks the state of, if it was begun here: it is metered with what it was begun with. */
  madeFor(reading: GoogleRequestReading): Work | undefined {
    return this.#work.askedFor(reading.polled);
  }

  /** The reading of a poll, with what is known of the work itself. */
  withWork(poll: GoogleRequestReading): GoogleRequestReading {
    const work = this.madeFor(poll)?.reading;
    if (work === undefined) return poll;
    const { operationType, operationSubtype, model, media, promptText, prompts, videoSeconds, hasVisionContent } = work;
    return {
      ...poll,
      operationType,
      ...(operationSubtype === undefined ? {} : { operationSubtype }),
      ...(model === undefined ? {} : { model }),
      ...(media === undefined ? {} : { media }),
      ...(hasVisionContent === undefined ? {} : { hasVisionContent }),
      ...(prompts === undefined ? {} : { prompts }),
      promptText,
      videoSeconds,
    };
  }

  /** A reader that remembers work when an answer says that it goes on, and lets its end be metered by one attempt only. */
  watch(request: GoogleRequestReading, reader: UsageReader, metadata: ResolvedMetadata): UsageReader {
    if (!request.startsWork && request.kind !== 'poll' && request.shape !== 'interaction') return reader;
    return this.#work.watch(reader, request.startsWork ? { reading: request, metadata } : undefined);
  }
}

/** A path may name work in short, an answer with its project and place: `operations/1` is the same in both. */
function keyOf(name: string): string {
  return name.split('/').slice(-2).join('/');
}
