/**
 * Every recorded exchange of OpenAI's, Anthropic's and Ollama's protocols, replayed by an upstream through the whole
 * gateway. The recordings are no part of the project: they are found through RECORDINGS_DIR; without it there is nothing
 * to run.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalOllamaModel } from '../../../../service/gateway/model-name.js';
import type { StoredEvent } from '../../../../service/store/store.js';
import {
  type Cut,
  type Recording,
  type ReplayServer,
  randomCut,
  readRecordings,
  startReplayServer,
} from '../../../helpers/replay-server.js';
import { answerOf, rawCall } from '../forward/support.js';
import { formOf } from './raw.js';
import { openWhole, type Payer, type Whole } from './whole.js';

const directory = process.env['RECORDINGS_DIR'];
const recordings = directory === undefined ? [] : readRecordings(directory, /^(openai|anthropic|ollama)-/);

const WHOLE: Cut = () => [];
/** A byte a piece is slow; of a long answer the last 2 KB, where the counts are. */
const ONE_BYTE_AT_THE_END: Cut = (bytes) => {
  const tail = Math.min(bytes.length, 2_048);
  return [...(bytes.length > tail ? [bytes.length - tail] : []), ...Array.from({ length: tail }, () => 1)];
};

/** The names that events have; the first three are the gateway's own upstreams. */
const PROVIDERS: Readonly<Record<string, string>> = {
  openai: 'OPENAI',
  anthropic: 'ANTHROPIC',
  ollama: 'OLLAMA',
  'azure-openai': 'AZURE',
  groq: 'GROQ',
  deepseek: 'DEEPSEEK',
  mistral: 'MISTRAL',
  openrouter: 'OPENROUTER',
  perplexity: 'PERPLEXITY',
  xai: 'XAI',
};
const OWN = new Set(['openai', 'anthropic', 'ollama']);
/** What all keys of a gateway could read, or what is not metered: not forwarded, whatever the provider says to it. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['anthropic-messages.anthropic.json.19163b6048', 'shared_state_not_supported'],
  ['openai-responses.openai.json.0c06234570', 'background_not_supported'],
  ['openai-responses.openai.stream.0ad8934484', 'shared_state_not_supported'],
]);
const FORMS = /\/(images\/edits|audio\/(transcriptions|translations))$/;

function pathOf({ request, provider }: Recording): string {
  const { pathname, search } = new URL(request.url);
  if (provider === 'ollama' || provider === 'anthropic') return pathname + (provider === 'anthropic' ? search : '');
  const known = /\/(chat\/completions|completions|embeddings|responses|moderations|images\/\w+|audio\/\w+)$/.exec(
    pathname,
  );
  return `/v1${known![0]}`;
}

/** Azure names the model in its path; of some only the answer was recorded. */
function modelOf({ request, expected }: Recording): string {
  const named = request.body?.['model'];
  const inPath = /\/deployments\/([^/]+)\//.exec(request.url)?.[1];
  return typeof named === 'string' && named !== '' ? named : (inPath ?? expected.model ?? 'recorded');
}

const aliasOf = (recording: Recording) => `${recording.provider}--${modelOf(recording)}`;
const bytesOf = ({ response }: Recording) =>
  response.body_base64 === undefined
    ? Buffer.from(response.body_text ?? '')
    : Buffer.from(response.body_base64, 'base64');

/** The request as a caller of the gateway sends it, its model under an alias that leads to the one who was recorded. */
function requestOf(recording: Recording): { body: Buffer; contentType: string } {
  const path = pathOf(recording);
  const model = aliasOf(recording);
  if (FORMS.test(path)) {
    const fields = { model, ...(recording.streaming ? { stream: 'true' } : {}) };
    const field = path.includes('images') ? 'image' : 'file';
    return { body: formOf(fields, field), contentType: 'multipart/form-data; boundary=xYzZY' };
  }
  const isOllama = path.startsWith('/api/');
  const stream = isOllama || recording.streaming ? { stream: recording.streaming } : {};
  const body = { ...(recording.request.body ?? { messages: [] }), ...stream, model };
  return { body: Buffer.from(JSON.stringify(body)), contentType: 'application/json' };
}

describe.skipIf(directory === undefined)('recorded exchanges through the gateway (RECORDINGS_DIR)', () => {
  let server: ReplayServer;
  let whole: Whole;
  let payer: Payer;
  beforeAll(async () => {
    server = await startReplayServer();
    server.play(recordings[0]!, WHOLE);
    const others = Object.entries(PROVIDERS).filter(([name]) => !OWN.has(name));
    const upstreams = others.map(([name, provider]) => ({
      name,
      provider,
      protocol: 'openai',
      baseUrl: `${server.url}/v1`,
    }));
    const aliases = Object.fromEntries(
      recordings.map((recording) => [aliasOf(recording), { model: modelOf(recording), upstream: recording.provider }]),
    );
    whole = await openWhole({
      config: { upstreams, aliases, allowHostedTools: true },
      env: { OLLAMA_BASE_URL: server.url, OPENAI_BASE_URL: `${server.url}/v1`, ANTHROPIC_BASE_URL: server.url },
    });
    payer = await whole.payer();
  });
  afterAll(async () => {
    await whole.close();
    await server.close();
  });

  async function replay(recording: Recording, cut: Cut) {
    server.play(recording, cut);
    const { body, contentType } = requestOf(recording);
    const headers = {
      authorization: `Bearer ${payer.key}`,
      'content-type': contentType,
      connection: 'close',
      ...(recording.provider === 'anthropic' ? { 'anthropic-version': '2023-06-01' } : {}),
    };
    const caller = rawCall(Number(new URL(whole.url).port), pathOf(recording), body, { headers });
    const ending = await caller.closed;
    const answer = answerOf(caller.bytes());
    const id = /\r\nfusewire-transaction-id: (\S+)/.exec(answer.head)?.[1];
    return { ...answer, ending, id };
  }

  it('are there', () => {
    expect(recordings.length).toBeGreaterThan(200);
    expect(new Set(recordings.map(({ provider }) => provider))).toEqual(new Set(Object.keys(PROVIDERS)));
  });

  it.each([...REFUSED])('I1: %s is not forwarded: %s', async (id, code) => {
    const got = await replay(recordings.find((recording) => recording.id === id)!, WHOLE);
    expect([got.status, got.id]).toEqual([400, undefined]);
    expect(got.body.toString()).toContain(code);
  });

  it.each(recordings.filter(({ id }) => !REFUSED.has(id)).map((recording) => [recording.id, recording] as const))(
    'I3, I4: %s passes as it is and is metered as expected',
    async (_id, recording) => {
      const ids: string[] = [];
      for (const cut of [WHOLE, randomCut(recordings.indexOf(recording)), ONE_BYTE_AT_THE_END]) {
        const got = await replay(recording, cut);
        expect([got.status, got.whole, got.ending]).toEqual([recording.response.status, true, 'end']);
        expect(got.body.toString('latin1')).toBe(bytesOf(recording).toString('latin1'));
        if (got.id !== undefined) ids.push(got.id);
      }
      const events = await Promise.all(ids.map((id) => whole.eventOf(id)));
      expect(events).toHaveLength(recording.api === 'anthropic.count_tokens' ? 0 : 3);
      for (const event of events) check(recording, event);
    },
  );
});

function check(recording: Recording, { body, transactionId }: StoredEvent): void {
  const { expected, response } = recording;
  const event = body as Record<string, unknown> & { attributes: Record<string, unknown> };
  expect(transactionId).toMatch(/^[0-9a-f]{8}-/);
  expect(event['provider']).toBe(PROVIDERS[recording.provider]);
  if (response.status >= 400) {
    expect(event).toMatchObject({ stopReason: 'ERROR', errorCode: response.status, totalTokenCount: 0 });
    return;
  }
  if (expected.usage_present) {
    expect(event.attributes['usageState']).toBe('reported');
    expect(event).toMatchObject({
      inputTokenCount: expected.input_tokens,
      outputTokenCount: expected.output_tokens ?? 0,
      totalTokenCount: expected.total_tokens,
    });
    expect(event['cacheReadTokenCount'] ?? null).toBe(expected.cache_read_tokens);
    expect(event['cacheCreationTokenCount'] ?? null).toBe(expected.cache_write_tokens);
    expect(event['reasoningTokenCount'] ?? null).toBe(expected.reasoning_tokens);
  } else expect(['estimated', 'reported']).toContain(event.attributes['usageState']);
  // A local model is what it was asked for, under the one name of its several.
  const model = recording.provider === 'ollama' ? canonicalOllamaModel(modelOf(recording)) : expected.model;
  if (model !== null) expect(event['model']).toBe(model);
}
