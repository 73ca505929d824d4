/** `fusewire models list`: what Ollama has, what the gateway's configuration names, and what each costs. */
import type { Command } from 'commander';
import { type ConfiguredUpstream, upstreamPathOf } from '../gateway/configured-upstream.js';
import { type GatewayConfig, readGatewayConfig } from '../gateway/gateway-config.js';
import { sendJson } from '../http/send-json.js';
import { usd } from '../ledger/spoken-amount.js';
import { type ApiClient, type ApiOptions, createApiClient, findAccess } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { feesText } from './flat-fees.js';
import { CliFailure, type CliIo } from './io.js';
import { decimalText } from './money.js';
import { type Column, printJson, printRows } from './print.js';

/** A model that callers may ask for. */
interface ListedModel {
  readonly model: string;
  readonly upstream: string;
  /** What the upstream is asked for, where that is another name. */
  readonly target: string;
  readonly provider: string;
  readonly sizeBytes: number | null;
  readonly modified: string | null;
}

type PriceState = 'free' | 'known' | 'not asked' | 'unknown';
interface PricedModel extends ListedModel {
  readonly priceState: PriceState;
  readonly price: LookedUp | null;
}
interface LookedUp {
  readonly kind: 'free' | 'rates' | 'unknown';
  readonly model: string;
  readonly source: string | null;
  readonly [rate: string]: unknown;
}

const COLUMNS: readonly Column<PricedModel>[] = [
  { heading: 'MODEL', cell: (row) => row.model, min: 16 },
  { heading: 'UPSTREAM', cell: (row) => row.upstream },
  { heading: 'TARGET', cell: (row) => (row.target === row.model ? '' : row.target), min: 12, drop: 2 },
  { heading: 'SIZE', cell: (row) => sizeText(row.sizeBytes), align: 'right' },
  { heading: 'MODIFIED', cell: (row) => row.modified ?? '', drop: 1 },
  { heading: 'PRICE', cell: (row) => row.priceState },
  { heading: 'COST', cell: costText, wraps: true },
];
/** As events name whoever serves a protocol. */
const PROVIDERS = { ollama: 'OLLAMA', openai: 'OPENAI', anthropic: 'ANTHROPIC' } as const;
const LIMIT_MS = 10_000;
/** Prices that are asked for at once. */
const AT_ONCE = 8;

/** Adds the commands, and the names that they had elsewhere. */
export function addModels(program: Command, io: CliIo): void {
  const models = program.command('models').description('What callers of the gateway may ask for.');
  defineList(models.command('list'), io);
  defineList(program.command('list-models', { hidden: true }), io);
  program
    .command('sync-models', { hidden: true })
    .description('Nothing is kept of models that could be old.')
    .action(() => io.out('there is nothing to bring up to date: fusewire models list asks Ollama each time'));
}

function defineList(command: Command, io: CliIo): void {
  withApiOptions(command)
    .description(
      'List the models of Ollama (OLLAMA_BASE_URL) and those that the configuration names, with their price.',
    )
    .addHelpText('after', 'Prices come from the service; without it the models are listed alone.')
    .action(async (options: ApiOptions) => {
      const config = readGatewayConfig(io.runtime.env, io.workingDir);
      const configured = configuredModels(config);
      const models = [...(await servedModels(io, config, configured.length > 0)), ...configured];
      const priced = await withPrices(io, options, models);
      if (options.json) printJson(io, priced);
      else printRows(io, COLUMNS, priced, 'no models: fetch one with ollama pull, for instance ollama pull llama3.2');
    });
}

/**
 * What each upstream of Ollama's protocol has. One that does not answer is told; that none does is a failure, unless the
 * configuration names models of others.
 */
async function servedModels(io: CliIo, config: GatewayConfig, hasOthers: boolean): Promise<readonly ListedModel[]> {
  const upstreams = config.upstreams.filter(({ protocol }) => protocol === 'ollama');
  const models: ListedModel[] = [];
  const problems: string[] = [];
  for (const upstream of upstreams) {
    const found = await tagsOf(upstream);
    if (typeof found === 'string') problems.push(found);
    else models.push(...found);
  }
  if (problems.length === upstreams.length && !hasOthers) throw new CliFailure(problems.join('; '));
  for (const problem of problems) io.err(problem);
  return models;
}

async function tagsOf(upstream: ConfiguredUpstream): Promise<readonly ListedModel[] | string> {
  const { origin, name, headers } = upstream;
  const url = `${origin}${upstreamPathOf(upstream, '/api/tags')}`;
  const asked = { method: 'GET', url, headers: Object.fromEntries(headers), limitMs: LIMIT_MS };
  const hint = 'is Ollama running there? Start it with `ollama serve`, or set OLLAMA_BASE_URL to where it is';
  const answer = await sendJson(asked).catch((error: Error) => `${url} does not answer (${reasonOf(error)}): ${hint}`);
  if (typeof answer === 'string') return answer;
  const listed = answer.status === 200 ? parse(answer.body) : undefined;
  if (!Array.isArray(listed)) return `${url} answered ${answer.status}, and no list of models: ${hint}`;
  return listed.flatMap((one: Record<string, unknown>) => {
    const model = one?.['name'] ?? one?.['model'];
    if (typeof model !== 'string') return [];
    const { size, modified_at: modified } = one;
    const facts = {
      sizeBytes: typeof size === 'number' ? size : null,
      modified: typeof modified === 'string' ? modified : null,
    };
    return [{ model, upstream: name, target: model, provider: providerOf(upstream), ...facts }];
  });
}

function configuredModels({ routes }: GatewayConfig): readonly ListedModel[] {
  return [...routes.aliases, ...routes.exact].map(([model, { upstream, model: target }]) => {
    const provider = providerOf(upstream);
    return { model, upstream: upstream.name, target, provider, sizeBytes: null, modified: null };
  });
}

function providerOf({ provider, protocol }: ConfiguredUpstream): string {
  return provider ?? PROVIDERS[protocol];
}

/** Without a service the price is not asked for, which is said once; it is never taken for unknown or for nothing. */
async function withPrices(
  io: CliIo,
  options: ApiOptions,
  models: readonly ListedModel[],
): Promise<readonly PricedModel[]> {
  const priced: PricedModel[] = [];
  let client = (await findAccess(io, options)) === undefined ? undefined : createApiClient(io, options);
  let problem = 'no key is set and no service runs on this machine';
  for (let i = 0; i < models.length; i += AT_ONCE) {
    const some = models.slice(i, i + AT_ONCE);
    const asked = client;
    const prices = await Promise.all(some.map((model) => (asked === undefined ? null : lookUp(asked, model)))).catch(
      (error: Error) => {
        client = undefined;
        problem = error.message;
        return undefined;
      },
    );
    for (const [j, model] of some.entries()) priced.push({ ...model, ...stateOf(prices?.[j] ?? null) });
  }
  if (client === undefined && models.length > 0) io.err(`prices were not asked for: ${problem}`);
  return priced;
}

function lookUp(client: ApiClient, { target, provider }: ListedModel): Promise<LookedUp> {
  return client.get<LookedUp>('/fusewire/prices/lookup', { model: target, provider });
}

function stateOf(price: LookedUp | null): Pick<PricedModel, 'price' | 'priceState'> {
  if (price === null) return { priceState: 'not asked', price };
  return { priceState: price.kind === 'rates' ? 'known' : price.kind, price };
}

function costText({ priceState, price }: PricedModel): string {
  if (price === null) return '';
  if (priceState !== 'known') return priceState === 'unknown' ? 'declare it: fusewire prices set, or free' : '';
  const rate = (name: string, unit: string): readonly string[] => {
    const value = price[name];
    return typeof value === 'number' ? [`${usd(decimalText(value))} ${unit}`] : [];
  };
  const tokens = [...rate('inputPerMillion', 'a million in'), ...rate('outputPerMillion', 'a million out')];
  const fees = feesText(price)?.slice(price.model.length + 2);
  const all = [...tokens, ...(fees === undefined ? [] : [fees])];
  return all.length > 0 ? all.join(', ') : 'fusewire prices lookup shows it';
}

/** As Ollama shows it. */
function sizeText(bytes: number | null): string {
  if (bytes === null) return '';
  const units = ['B', 'KB', 'MB', 'GB', 'TB'] as const;
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1_000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

function parse(body: string): unknown {
  try {
    return (JSON.parse(body) as { models?: unknown } | null)?.models;
  } catch {
    return undefined;
  }
}

/** Of several addresses that were tried, the first. */
function reasonOf(error: Error & { code?: string }): string {
  return error.message || error.code || 'no connection';
}
