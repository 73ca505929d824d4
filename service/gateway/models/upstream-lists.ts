/** Which models upstreams have, remembered for a while, each asked once at a time. */
import type { Log, Runtime } from 'fusewire/internal';
import type { ConfiguredUpstream } from '../configured-upstream.js';
import { canonicalOllamaModel } from '../model-name.js';
import { fetchList, type ListedModel } from './fetch-list.js';

/** The list of an upstream; `undefined`: it cannot be had. */
export type ListReading = readonly ListedModel[] | undefined;

/** What {@link createUpstreamLists} can be given. */
export interface UpstreamListsParts {
  readonly upstreams: readonly ConfiguredUpstream[];
  readonly runtime: Pick<Runtime, 'monotonicNow' | 'setTimer'>;
  readonly log?: Pick<Log, 'warn'> | undefined;
}

/** Lists of all upstreams. */
export interface UpstreamLists {
  /** As of not long ago: a second for Ollama, whose models come and go by hand, minutes for the others. */
  listOf(upstream: ConfiguredUpstream): Promise<ListReading>;
  /**
   * How Ollama itself spells a model, by a name in any letter case: it takes all of them for the same. By what is known
   * now; the list is read again in the background where it is old or the name is not in it.
   */
  spelling(name: string): string | undefined;
}

const OLLAMA_FRESH_MS = 1_000;
const OTHERS_FRESH_MS = 300_000;
/** A list that could not be had is asked for again after this. */
const FAILED_FRESH_MS = 1_000;
const SPELLINGS_MAX = 10_000;
/** A list of names that knows what is asked for is good for so long. */
const SPELLING_FRESH_MS = 60_000;

interface Kept {
  models: ListReading;
  readAtMs: number;
  reading: Promise<ListReading> | undefined;
  hasFailed: boolean;
}

/** Nothing is asked before somebody asks here. */
export function createUpstreamLists(parts: UpstreamListsParts): UpstreamLists {
  const lists = new Lists(parts);
  return { listOf: (upstream) => lists.listOf(upstream), spelling: (name) => lists.spelling(name) };
}

class Lists implements UpstreamLists {
  readonly #parts: UpstreamListsParts;
  readonly #kept = new Map<string, Kept>();
  /** Of all upstreams of the protocol: one spelling is as good as another where two differ. */
  readonly #spellings = new Map<string, string>();
  readonly #ollamas: readonly ConfiguredUpstream[];

  constructor(parts: UpstreamListsParts) {
    this.#parts = parts;
    this.#ollamas = parts.upstreams.filter(({ protocol }) => protocol === 'ollama');
  }

  listOf(upstream: ConfiguredUpstream): Promise<ListReading> {
    const entry = this.#keptOf(upstream);
    const wholeMs = upstream.protocol === 'ollama' ? OLLAMA_FRESH_MS : OTHERS_FRESH_MS;
    return this.#ageMs(entry) < (entry.hasFailed ? FAILED_FRESH_MS : wholeMs)
      ? Promise.resolve(entry.models)
      : this.#read(upstream, entry);
  }

  spelling(name: string): string | undefined {
    const found = this.#spellings.get(name.toLowerCase());
    const maxAgeMs = found === undefined ? OLLAMA_FRESH_MS : SPELLING_FRESH_MS;
    for (const upstream of this.#ollamas) {
      const entry = this.#keptOf(upstream);
      if (entry.reading === undefined && this.#ageMs(entry) >= maxAgeMs) void this.#read(upstream, entry);
    }
    return found;
  }

  #ageMs({ readAtMs }: Kept): number {
    return this.#parts.runtime.monotonicNow() - readAtMs;
  }

  #keptOf({ name }: ConfiguredUpstream): Kept {
    let entry = this.#kept.get(name);
    if (entry === undefined) {
      entry = { models: undefined, readAtMs: Number.NEGATIVE_INFINITY, reading: undefined, hasFailed: false };
      this.#kept.set(name, entry);
    }
    return entry;
  }

  #read(upstream: ConfiguredUpstream, entry: Kept): Promise<ListReading> {
    const { runtime, log } = this.#parts;
    entry.reading ??= fetchList(upstream, runtime).then(
      (models) => {
        if (entry.hasFailed) log?.warn(`the models of ${upstream.name} can be listed again`);
        return this.#keep(upstream, entry, models);
      },
      (error: unknown) => {
        const where = `${upstream.name} at ${upstream.origin}`;
        if (!entry.hasFailed) log?.warn(`the models of ${where} cannot be listed: ${reasonOf(error)}`);
        return this.#keep(upstream, entry, undefined);
      },
    );
    return entry.reading;
  }

  #keep(upstream: ConfiguredUpstream, entry: Kept, models: ListReading): ListReading {
    entry.models = models;
    entry.hasFailed = models === undefined;
    entry.readAtMs = this.#parts.runtime.monotonicNow();
    entry.reading = undefined;
    if (upstream.protocol !== 'ollama' || models === undefined) return models;
    if (this.#spellings.size > SPELLINGS_MAX) this.#spellings.clear();
    for (const { id } of models) {
      const canonical = canonicalOllamaModel(id);
      this.#spellings.set(canonical.toLowerCase(), canonical);
    }
    return models;
  }
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  return code ?? (error instanceof Error ? error.message.slice(0, 200) : 'unknown error');
}
