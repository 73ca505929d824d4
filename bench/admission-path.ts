/**
 * A main path of the built SDK as an instance wires it, for the benchmark of admission: a thousand rules that are only
 * polled, and in front of them as many hard budgets as are wanted, with slices that are large enough for every call.
 */
import type { CallPath } from '../src/call.js';
import type { RequestReading } from '../src/providers/adapter.js';
import { builtModule } from './built.js';
import { makeFeed } from './decide-feed.js';
import { richDesk } from './rich-desk.js';

type Sources = typeof import('../src/call.js') &
  typeof import('../src/holds/call-holds.js') &
  typeof import('../src/holds/holder.js') &
  typeof import('../src/holds/learn-expected.js') &
  typeof import('../src/bound/change-request.js') &
  typeof import('../src/metering/estimate-tokens.js') &
  typeof import('../src/metadata/resolver.js') &
  typeof import('../src/wire/feed-in-steps.js') &
  typeof import('../enforcement/guard.js') &
  typeof import('../enforcement/exhausted.js') &
  typeof import('../enforcement/rule-set.js') &
  typeof import('../src/log.js') &
  typeof import('../src/runtime.js');

/** A path, and what was asked of its desk. */
export interface AdmissionPath {
  readonly path: CallPath;
  roundTrips(): number;
  close(): Promise<void>;
}

/** What the caller says of itself, as options of an instance or with a call. */
export const CALLER = {
  subscriber: { id: 'customer-0042', email: 'somebody@example.com', credential: { value: '0123456789abcdef' } },
  organizationName: 'Example GmbH',
  productName: 'assistant',
  agent: 'research',
  taskType: 'summary',
};

const RULES = 1_000;

/** Opens a path under `controls` hard budgets; 0: none, every rule is only polled. */
export async function openAdmissionPath(controls: number, instanceMetadata?: object): Promise<AdmissionPath> {
  const sources = await loadSources();
  const log = sources.createLog('CRITICAL');
  const runtime = sources.createRuntime({ log });
  const loaded = { ruleSet: compiled(sources, controls), generation: 1 };
  const state = { enabled: true, bypassed: false, configured: true, failMode: 'open' as const };
  const guard = sources.createGuard({ state: () => state, rules: () => loaded, now: runtime.now, log });
  const holder = sources.createHolder({ desk: richDesk(controls), runtime, log, owner: 'bench' });
  const holds = new sources.CallHolds({
    runtime,
    rules: {
      concern: (call) => loaded.ruleSet.holdingFor(call),
      exhausted: (call) => sources.exhaustedFor(loaded.ruleSet, call, runtime.now()),
    },
    holder,
    failMode: 'open',
    edits: { withOutputLimit: sources.withOutputLimit, withModel: sources.withModel },
    expected: sources.learnExpected(sources.createTokenEstimator()),
  });
  const metadata = sources.createMetadataResolver(runtime, instanceMetadata as Record<string, unknown> | undefined);
  const sink = { runtime, refused() {} } as unknown as Parameters<Sources['createCallPath']>[2];
  return {
    path: sources.createCallPath(guard, metadata, sink, runtime, false, holds),
    roundTrips: () => holder.status().roundTrips,
    close: () => holder.close(),
  };
}

/** The built reader of requests of a provider. */
export async function builtReader(provider: BenchProvider): Promise<(body: object) => RequestReading> {
  const [file, name, url] = READERS[provider];
  const adapters = await builtModule<Record<string, import('../src/providers/adapter.js').ProviderAdapter>>(file);
  const adapter = adapters[name]!;
  return (body) => adapter.readRequest({ method: 'POST', url, body })!;
}

/** Whose shape of request. */
export type BenchProvider = 'openai' | 'anthropic' | 'ollama';

const READERS = {
  openai: ['src/providers/openai.js', 'openaiAdapter', 'https://api.openai.com/v1/chat/completions'],
  anthropic: ['src/providers/anthropic.js', 'anthropicAdapter', 'https://api.anthropic.com/v1/messages'],
  ollama: ['src/providers/ollama.js', 'ollamaAdapter', 'http://127.0.0.1:11434/api/chat'],
} as const;

function compiled({ parseFeedInSteps, compileInSteps }: Sources, controls: number) {
  const feed = JSON.parse(makeFeed(RULES, 0.01).body) as { rules: Record<string, unknown>[] };
  const polled = feed.rules.find(({ breached }) => breached === false)!;
  for (let i = 0; i < controls; i += 1) {
    feed.rules.push({ ...polled, ruleId: 10 + i, name: `Hard budget ${i}`, enforcement: 'HARD', filters: [] });
  }
  const result = last(parseFeedInSteps([JSON.stringify(feed)]));
  if (result.kind !== 'rules') throw new Error(`the feed is ${result.kind}`);
  return last(compileInSteps(result.feed));
}

function last<T>(steps: Generator<unknown, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

async function loadSources(): Promise<Sources> {
  const modules = await Promise.all(FILES.map((file) => builtModule<object>(file)));
  return Object.assign({}, ...modules) as Sources;
}

const FILES = [
  'src/call.js',
  'src/holds/call-holds.js',
  'src/holds/holder.js',
  'src/holds/learn-expected.js',
  'src/bound/change-request.js',
  'src/metering/estimate-tokens.js',
  'src/metadata/resolver.js',
  'src/wire/feed-in-steps.js',
  'enforcement/guard.js',
  'enforcement/exhausted.js',
  'enforcement/rule-set.js',
  'src/log.js',
  'src/runtime.js',
] as const;
