/** Work that goes on after the answer (videos, batches, background interactions): made by one request, metered by another. */
import type { ResolvedMetadata } from '../metadata/resolver.js';
import type { UsageReader, UsageReading } from '../providers/adapter.js';
import type { GoogleRequestReading } from '../providers/google.js';

/** Work that is remembered; the oldest is forgotten first (I10). */
const REMEMBERED_MAX = 10_000;

/** What was asked for, and on whose behalf. */
interface Work {
  readonly reading: GoogleRequestReading;
  readonly metadata: ResolvedMetadata;
}

/** The work that one client asked for. */
export class GoogleWork {
  readonly #asked = new Map<string, Work>();
  readonly #metered = new Set<string>();

  /** The work that this request asks the state of, if it was begun here: it is metered with what it was begun with. */
  madeFor(reading: GoogleRequestReading): Work | undefined {
    return reading.polled === undefined ? undefined : this.#asked.get(keyOf(reading.polled));
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
    let mine = false;
    return {
      whole: (body) => reader.whole(body),
      chunk: (data) => reader.chunk(data),
      reading: (): UsageReading => {
        const reading = reader.reading();
        const id = reading.responseId;
        if (id === undefined) return reading;
        if (reading.pending && request.startsWork) this.#remember(id, { reading: request, metadata });
        if (!reading.finished || mine) return reading;
        if (this.#metered.has(id)) return { ...reading, finished: false };
        mine = true;
        this.#asked.delete(keyOf(id));
        addBounded(this.#metered, id);
        return reading;
      },
    };
  }

  #remember(id: string, work: Work): void {
    if (this.#asked.has(keyOf(id))) return;
    this.#asked.set(keyOf(id), work);
    if (this.#asked.size > REMEMBERED_MAX) this.#asked.delete(this.#asked.keys().next().value as string);
  }
}

/** A path may name work in short, an answer with its project and place: `operations/1` is the same in both. */
function keyOf(name: string): string {
  return name.split('/').slice(-2).join('/');
}

function addBounded(set: Set<string>, value: string): void {
  set.add(value);
  if (set.size > REMEMBERED_MAX) set.delete(set.values().next().value as string);
}
