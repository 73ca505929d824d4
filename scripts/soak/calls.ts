/** The calls of the soak, and what each must cost: by its request alone, and so before it is made. */
import { countsOf } from '../../test/service/gateway/support/stand-in-tokens.js';
import type { Fault } from '../../test/service/gateway/support/stand-in-upstream.js';
import type { Chance } from '../../test/simulation/chance.js';

/** What a call may cost, in nano-dollars; `exact` where nothing went wrong on the way. */
export type Expected = { readonly exact: bigint } | { readonly atMost: bigint };

/** One call to be made. */
export interface PlannedCall {
  readonly name: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly expected: Expected;
  /** What the caller does with the answer. */
  readonly manner: 'reads' | 'leaves' | 'reads slowly' | 'writes slowly' | 'leaves before its request is whole';
  /** The status that it must get; absent where the fault decides. */
  readonly status?: number;
}

/** Dollars a million tokens, as they are declared: whole nano-dollars a token. */
export const PRICES = [
  { model: 'gpt-4o-mini', provider: 'OPENAI', inputPerMillion: '1', outputPerMillion: '4' },
  { model: 'text-embedding-3-small', provider: 'OPENAI', inputPerMillion: '1', outputPerMillion: '0' },
  { model: 'claude-haiku-4-5', provider: 'ANTHROPIC', inputPerMillion: '1', outputPerMillion: '5' },
  { model: 'llama3.2', perRequest: '0.001', perModel: '0.002' },
] as const;
const OLLAMA_NANO_USD = 3_000_000n;
const NANO_PER_TOKEN = 1_000n;

interface Endpoint {
  readonly name: string;
  readonly path: string;
  readonly model: string;
  /** Dollars a million tokens of output; absent: a flat fee. */
  readonly outputRate?: bigint;
  readonly streams: boolean;
  body(prompt: string, streaming: boolean, limit: number): Record<string, unknown>;
}

const messages = (content: string) => [{ role: 'user', content }];
const ENDPOINTS: readonly Endpoint[] = [
  {
    ...{ name: 'openai chat', path: '/v1/chat/completions', model: 'gpt-4o-mini', outputRate: 4n, streams: true },
    body: (prompt, stream, limit) => ({ messages: messages(prompt), max_tokens: limit, stream }),
  },
  {
    ...{ name: 'responses', path: '/v1/responses', model: 'gpt-4o-mini', outputRate: 4n, streams: true },
    body: (prompt, stream, limit) => ({ input: prompt, max_output_tokens: limit, stream }),
  },
  {
    ...{ name: 'embeddings', path: '/v1/embeddings', model: 'text-embedding-3-small', outputRate: 0n, streams: false },
    body: (prompt) => ({ input: prompt }),
  },
  {
    ...{ name: 'messages', path: '/v1/messages', model: 'claude-haiku-4-5', outputRate: 5n, streams: true },
    body: (prompt, stream, limit) => ({ messages: messages(prompt), max_tokens: limit, stream }),
  },
  {
    ...{ name: 'ollama chat', path: '/api/chat', model: 'llama3.2', streams: true },
    body: (prompt, stream, limit) => ({ messages: messages(prompt), stream, options: { num_predict: limit } }),
  },
  {
    ...{ name: 'ollama generate', path: '/api/generate', model: 'llama3.2', streams: true },
    body: (prompt, stream, limit) => ({ prompt, stream, options: { num_predict: limit } }),
  },
  {
    ...{ name: 'ollama as openai', path: '/v1/chat/completions', model: 'llama3.2', streams: true },
    body: (prompt, stream, limit) => ({ messages: messages(prompt), max_tokens: limit, stream }),
  },
];

/** What a prompt can ask the stand-in to do wrong. */
const FAULTS: Readonly<Record<string, Fault>> = {
  busy: { status: 429, headers: { 'retry-after': '1' } },
  broken: { status: 500 },
  nothing: 'nothing',
  garbage: 'garbage',
  empty: 'empty',
  half: 'half-chunk',
  early: 'ends-early',
  inside: 'error-inside',
  slow: { everyMs: 3 },
  crlf: 'crlf',
};
/** Upstreams say that they did nothing. One that breaks off without a word may have billed what it was asked. */
const FREE_FAULTS = new Set(['busy', 'broken']);

/** The fault that a request asks for. */
export function faultOf(text: string): Fault | undefined {
  return FAULTS[/fault:(\w+)/.exec(text)?.[1] ?? ''];
}

/** The next call: two thirds are as they should be, the others go wrong in every way that is known. */
export function planCall(chance: Chance): PlannedCall {
  const endpoint = chance.pick(ENDPOINTS);
  const streaming = endpoint.streams && chance.is(0.5);
  const roll = chance.int(0, 29);
  const words = roll === 29 ? 4_000 : chance.int(1, 60);
  const limit = chance.is(1 / 3) ? Math.max(1, words - chance.int(0, 19)) : words + 10;
  const manner = mannerOf(roll, streaming);
  const fault = roll >= 20 && roll < 26 ? chance.pick(Object.keys(FAULTS)) : undefined;
  const marker = fault ?? (manner === 'leaves' ? 'slow' : undefined);
  const padding = 'x'.repeat(chance.int(0, 400));
  const prompt = `say:${words} ${marker === undefined ? '' : `fault:${marker} `}${padding}`;
  const body = { model: endpoint.model, ...endpoint.body(prompt, streaming, limit) };
  const isWhole =
    fault === undefined && (manner === 'reads' || manner === 'reads slowly' || manner === 'writes slowly');
  return {
    name: `${endpoint.name}${streaming ? ', streamed' : ''}${fault === undefined ? '' : `, ${fault}`}, ${manner}`,
    path: endpoint.path,
    body,
    manner,
    expected: expectedOf(endpoint, body, limit, fault, isWhole),
    ...(isWhole ? { status: 200 } : {}),
  };
}

function mannerOf(roll: number, streaming: boolean): PlannedCall['manner'] {
  if (roll === 26 && streaming) return 'leaves';
  if (roll === 27) return 'leaves before its request is whole';
  if (roll === 28) return 'writes slowly';
  return roll === 29 ? 'reads slowly' : 'reads';
}

function expectedOf(
  endpoint: Endpoint,
  body: Record<string, unknown>,
  limit: number,
  fault: string | undefined,
  isWhole: boolean,
): Expected {
  if (fault !== undefined && FREE_FAULTS.has(fault)) return { exact: 0n };
  const { outputRate } = endpoint;
  const isUnharmed = isWhole || fault === 'slow' || fault === 'crlf';
  if (outputRate === undefined) return isUnharmed ? { exact: OLLAMA_NANO_USD } : { atMost: OLLAMA_NANO_USD };
  const counts = countsOf(body);
  if (isUnharmed) {
    const output = endpoint.name === 'embeddings' ? 0 : counts.output;
    return { exact: (BigInt(counts.input) + outputRate * BigInt(output)) * NANO_PER_TOKEN };
  }
  // What was cut is estimated, and never at more than the call could have cost.
  const bytes = Buffer.byteLength(JSON.stringify(body));
  return { atMost: (BigInt(bytes) + outputRate * BigInt(limit)) * NANO_PER_TOKEN };
}
