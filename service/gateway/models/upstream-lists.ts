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
/** A list of names that knows what is asked for is good for so long. */
const SPELLING_FRESH_MS = 60_000;

interface Kept {
  models: ListReading;
  readAtMs: number;
  reading: Promise<ListReading> | undefined;
  hasFailed: boolean;
}

/** Nothing is asked before somebody asks here. */
export function createUpstreamLists({ upstreams, runtime, log }: UpstreamListsParts): UpstreamLists {
  const kept = new Map<string, Kept>();
  const spellings = new Map<string, string>();

  const keptOf = ({ name }: ConfiguredUpstream): Kept => {
    const known = kept.get(name) ?? {
      models: undefined,
      readAtMs: Number.NEGATIVE_INFINITY,
      reading: undefined,
      hasFailed: false,
    };
    kept.set(name, known);
    return known;
  };

  const read = (upstream: ConfiguredUpstream, entry: Kept): Promise<ListReading> => {
    entry.reading ??= fetchList(upstream, runtime).then(
      (models) => {
        if (entry.hasFailed) log?.warn(`the models of ${upstream.name} can be listed again`);
        return keep(upstream, entry, models);
      },
      (error: unknown) => {
        if (!entry.hasFailed) log?.warn(`the models of ${upstream.name} cannot be listed: ${reasonOf(error)}`);
        return keep(upstream, entry, undefined);
      },
    );
    return entry.reading;
  };

  const keep = (upstream: ConfiguredUpstream, entry: Kept, models: ListReading): ListReading => {
    entry.models = models;
    entry.hasFailed = models === undefined;
    entry.readAtMs = runtime.monotonicNow();
    entry.reading = undefined;
    if (upstream.protocol === 'ollama' && models !== undefined) learn(models);
    return models;
  };

  /** Names of all upstreams of the protocol: one spelling is as good as another where two differ. */
  const learn = (models: readonly ListedModel[]): void => {
    if (spellings.size > SPELLINGS_MAX) spellings.clear();
    for (const { id } of models) {
      const canonical = canonicalOllamaModel(id);
      spellings.set(canonical.toLowerCase(), canonical);
    }
  };

  const ollamas = upstreams.filter(({ protocol }) => protocol === 'ollama');
  return {
    listOf(upstream) {
      const entry = keptOf(upstream);
      const freshMs = entry.hasFailed
        ? FAILED_FRESH_MS
        : upstream.protocol === 'ollama'
          ? OLLAMA_FRESH_MS
          : OTHERS_FRESH_MS;
      if (runtime.monotonicNow() - entry.readAtMs < freshMs) return Promise.resolve(entry.models);
      return read(upstream, entry);
    },
    spelling(name) {
      const found = spellings.get(name.toLowerCase());
      const maxAgeMs = found === undefined ? OLLAMA_FRESH_MS : SPELLING_FRESH_MS;
      for (const upstream of ollamas) {
        const entry = keptOf(upstream);
        if (entry.reading === undefined && runtime.monotonicNow() - entry.readAtMs >= maxAgeMs)
          void read(upstream, entry);
      }
      return found;
    },
  };
}

const SPELLINGS_MAX = 10_000;

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  return code ?? (error instanceof Error ? error.message.slice(0, 200) : 'unknown error');
}
