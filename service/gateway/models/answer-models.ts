/** The gateway's own lists of models, in the form that each caller's client reads. */
import type { Log, Runtime } from 'fusewire/internal';
import { type Catalogue, createCatalogue } from '../../pricing/catalogue.js';
import { createPriceBook, type PriceBook } from '../../pricing/price-book.js';
import type { Store } from '../../store/store.js';
import type { GatewayConfig } from '../gateway-config.js';
import type { Exchange } from '../http/exchange.js';
import { Failure, unavailable } from '../http/failure.js';
import { sendFailure, sendJson } from '../http/own-answers.js';
import { modelIdOf } from '../http/surfaces.js';
import { canonicalOllamaModel } from '../model-name.js';
import { createModelRouter } from '../route-model.js';
import type { GatewayCaller, Surface } from '../types.js';
import { answersTo, type OfferedModel, offeredModels } from './offered-models.js';
import { createUpstreamLists, type ListReading, type UpstreamLists } from './upstream-lists.js';

/** Answers `/api/models`, `/v1/models` and `/v1/models/{id}`. */
export type AnswerModels = (exchange: Exchange, surface: Surface, caller: GatewayCaller) => Promise<void>;

/** What {@link createAnswerModels} stands on. */
export interface AnswerModelsParts {
  readonly config: GatewayConfig;
  readonly store: Pick<Store, 'gatewayStanding'>;
  readonly runtime: Pick<Runtime, 'now' | 'monotonicNow' | 'setTimer'>;
  readonly log?: Pick<Log, 'warn'> | undefined;
  /** Shared with whoever asks for spellings. @defaultValue its own */
  readonly lists?: UpstreamLists | undefined;
}

/** Names the upstreams whose models could not be listed, so that a short list is not taken for a whole one. */
export const MISSING_HEADER = 'fusewire-models-missing';

/** Prices that were read are used for so long. */
const PRICES_FRESH_MS = 1_000;
const TEAMS_MAX = 1_000;

/** Makes it. Never rejects for what an upstream does. */
export function createAnswerModels(parts: AnswerModelsParts): AnswerModels {
  const { config, runtime, log } = parts;
  const lists = parts.lists ?? createUpstreamLists({ upstreams: config.upstreams, runtime, log });
  const router = createModelRouter({ config });
  const pricesOf = createPrices(parts);

  return async (exchange, surface, { key, team }) => {
    const [read, prices] = await Promise.all([readLists(lists, config), pricesOf(team.id).catch(() => undefined)]);
    if (prices === undefined) {
      return sendFailure(exchange, unavailable('prices_unavailable', 'prices cannot be looked up at the moment', 2));
    }
    const offered = offeredModels({ config, router, lists: read, prices, key, nowMs: runtime.now() });
    const missing = [...read].filter(([, list]) => list === undefined).map(([name]) => name);
    const headers = [
      'cache-control',
      'no-store',
      ...(missing.length === 0 ? [] : [MISSING_HEADER, missing.join(', ')]),
    ];
    const shown =
      surface.name === 'ollama.models' ? offered : offered.filter((model) => answersTo(model, surface.dialect));
    const id = modelIdOf(surface);
    if (id === undefined) return sendJson(exchange, 200, listFor(surface, shown), headers);
    const found = shown.find((model) => model.id === id) ?? shown.find((model) => isSame(model, id));
    if (found !== undefined) return sendJson(exchange, 200, oneFor(surface, found), headers);
    const text = 'this model is not offered here; /v1/models lists those that are';
    sendFailure(exchange, new Failure(404, 'model_not_found', text, { headers }));
  };
}

async function readLists(
  lists: UpstreamLists,
  { upstreams }: GatewayConfig,
): Promise<ReadonlyMap<string, ListReading>> {
  const read = await Promise.all(upstreams.map((upstream) => lists.listOf(upstream)));
  return new Map(upstreams.map(({ name }, index) => [name, read[index]]));
}

/** `llama3` and `llama3:latest`. */
function isSame({ id, upstream }: OfferedModel, asked: string): boolean {
  return upstream.protocol === 'ollama' && canonicalOllamaModel(id) === canonicalOllamaModel(asked);
}

function listFor(surface: Surface, models: readonly OfferedModel[]): unknown {
  const shown = models.map((model) => oneFor(surface, model));
  if (surface.dialect === 'ollama') return { models: shown };
  if (surface.dialect === 'openai') return { object: 'list', data: shown };
  return { data: shown, has_more: false, first_id: models[0]?.id ?? null, last_id: models.at(-1)?.id ?? null };
}

function oneFor({ dialect }: Surface, model: OfferedModel): Record<string, unknown> {
  const { id, createdAtS, displayName, description, contextWindow, upstream, isPriced } = model;
  if (dialect === 'anthropic') {
    const created_at = new Date(createdAtS * 1_000).toISOString();
    return { type: 'model', id, display_name: displayName ?? id, created_at, pricing_configured: isPriced };
  }
  const said = {
    pricing_configured: isPriced,
    description: description ?? null,
    context_window: contextWindow ?? null,
  };
  if (dialect === 'ollama') return { id, name: displayName ?? id, ...said };
  return { id, object: 'model', created: createdAtS, owned_by: upstream.name, ...said };
}

/** Books by team, read again only where the team's prices are others; asked for once, however many wait. */
function createPrices({ store, runtime }: AnswerModelsParts): (teamId: string) => Promise<PriceBook> {
  let catalogue: Catalogue | undefined;
  const books = new Map<string, { readonly book: PriceBook; readonly versions: Versions; readonly readAtMs: number }>();
  const reading = new Map<string, Promise<PriceBook>>();

  const read = async (teamId: string): Promise<PriceBook> => {
    const known = books.get(teamId);
    const readAtMs = runtime.monotonicNow();
    const answer = await store.gatewayStanding(teamId, { known: known?.versions, cells: [], people: [] });
    const { controlsVersion, pricesVersion, directoryVersion, prices } = answer;
    const versions = { controlsVersion, pricesVersion, directoryVersion };
    catalogue ??= createCatalogue();
    const book =
      prices === undefined ? known?.book : createPriceBook(prices.overrides, catalogue, new Map(prices.pins));
    if (book === undefined) throw new Error('the store told no prices');
    if (books.size >= TEAMS_MAX) books.clear();
    books.set(teamId, { book, versions, readAtMs });
    return book;
  };

  return (teamId) => {
    const known = books.get(teamId);
    if (known !== undefined && runtime.monotonicNow() - known.readAtMs < PRICES_FRESH_MS)
      return Promise.resolve(known.book);
    const underWay = reading.get(teamId) ?? read(teamId).finally(() => reading.delete(teamId));
    reading.set(teamId, underWay);
    return underWay;
  };
}

type Versions = NonNullable<Parameters<Store['gatewayStanding']>[1]['known']>;
