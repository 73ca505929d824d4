/**
 * Replays recorded exchanges of OpenAI's protocol, whoever speaks it, through the AI SDK's own provider in three majors:
 * the program receives what it receives without the middleware, and the counts are those that the provider reported.
 * The recordings are no part of the project: they are found through RECORDINGS_DIR; without it there is nothing to run.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fusewireMiddleware } from '../../src/ai-sdk.js';
import type { UsageEvent } from '../../src/wire/usage-event.js';
import { instanceOn, MAJORS, type Major, type Model } from '../helpers/ai-sdk-majors.js';
import { createRecordingPath } from '../helpers/recording-path.js';
import {
  type Recording,
  type ReplayServer,
  randomCut,
  readRecordings,
  startReplayServer,
} from '../helpers/replay-server.js';

const directory = process.env['RECORDINGS_DIR'];
const ENDPOINT = /\/(chat\/completions|responses)$/;
const recordings = directory === undefined ? [] : readRecordings(directory, /^openai-/).filter(isSpoken);

/** Of chat and of responses, the shortest streams of some length that end with their counts. */
const SHORT = ['/chat/completions', '/responses'].map((endpoint): [string, Recording] => {
  const fitting = recordings
    .filter(({ streaming, request, expected, response, provider }) => {
      const isOpenAI = provider === 'openai' && new URL(request.url).pathname.endsWith(endpoint);
      return isOpenAI && streaming && expected.usage_present && (response.body_text?.length ?? 0) > 2_000;
    })
    .sort((one, other) => one.response.body_text!.length - other.response.body_text!.length);
  return [fitting[0]?.id ?? endpoint, fitting[0]!];
});

/** Calls that the SDK's provider makes; background responses and Azure's old paths are none. */
function isSpoken({ request, expected }: Recording): boolean {
  const { pathname } = new URL(request.url);
  return ENDPOINT.test(pathname) && expected.stop_reason !== 'queued';
}

describe.skipIf(directory === undefined)('recorded exchanges through the AI SDK (RECORDINGS_DIR)', () => {
  let server: ReplayServer;
  beforeAll(async () => {
    server = await startReplayServer();
  });
  afterAll(() => server.close());

  it('are there', () => {
    expect(recordings.length).toBeGreaterThan(80);
  });

  describe.each(MAJORS)('ai $major', (major) => {
    it.each(SHORT)(
      'I4: %s, cut after every event in turn, is metered once, reported or marked',
      async (_id, recording) => {
        const events = (recording.response.body_text ?? '').split(/(?<=\n\n)/);
        const states: unknown[] = [];
        for (let count = 0; count <= events.length; count += 1) {
          const body_text = events.slice(0, count).join('');
          server.play({ ...recording, response: { ...recording.response, body_text } }, randomCut(count));
          const path = createRecordingPath();
          const middleware = fusewireMiddleware({ instance: instanceOn(path) });
          const model = major.ai.wrapLanguageModel({ model: modelFor(major, recording, server.url), middleware });
          await outcome(model, true);
          expect(path.events, `after ${count} of ${events.length} events`).toHaveLength(1);
          const [{ attributes, outputTokenCount }] = path.events as [UsageEvent];
          states.push(attributes?.['usageState']);
          if (attributes?.['usageState'] === 'reported')
            expect(outputTokenCount).toBe(recording.expected.output_tokens);
          expect(path.open.size + path.timers()).toBe(0);
        }
        expect(states.at(-1)).toBe('reported');
        expect(states.slice(0, 2)).not.toContain('reported');
      },
    );

    it.each(recordings.map((recording) => [recording.id, recording] as const))(
      'I3, I4: %s is metered as expected, and the program receives what it receives without us',
      async (_id, recording) => {
        server.play(recording, randomCut(major.major));
        const path = createRecordingPath();
        const bare = modelFor(major, recording, server.url);
        const middleware = fusewireMiddleware({ instance: instanceOn(path) });
        const wrapped = major.ai.wrapLanguageModel({ model: modelFor(major, recording, server.url), middleware });
        const expected = await outcome(bare, recording.streaming);
        expect(await outcome(wrapped, recording.streaming)).toEqual(expected);
        expect(path.events).toHaveLength(1);
        check(recording, path.events[0]!, expected);
        expect(path.open.size + path.timers()).toBe(0);
      },
    );
  });
});

/** A model that believes in the recorded host; only its fetch goes to the replay. */
function modelFor(major: Major, { request }: Recording, replayUrl: string): Model {
  const url = new URL(request.url);
  const replayed: typeof fetch = (input, init) => fetch(String(input).replace(url.origin, replayUrl), init);
  const provider = major.openai(`${url.origin}${url.pathname.replace(ENDPOINT, '')}`, replayed);
  const model = String(request.body?.['model'] ?? 'm');
  return url.pathname.endsWith('/responses') ? provider.responses(model) : provider.chat(model);
}

interface Outcome {
  readonly error?: { readonly statusCode?: number };
  readonly parts?: readonly { readonly type: string }[];
}

async function outcome(model: Model, streaming: boolean): Promise<Outcome & Record<string, unknown>> {
  const options = { prompt: [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Hi' }] }] };
  try {
    if (!streaming) {
      const { response, ...rest } = (await model.doGenerate(options)) as unknown as Record<string, unknown>;
      const responseId = (response as { id?: string } | undefined)?.id;
      const content = (rest['content'] as { type: string }[]).map(timeless);
      return { ...rest, content, responseId };
    }
    const parts: { type: string }[] = [];
    const { stream } = await model.doStream(options);
    for await (const part of stream) parts.push(timeless(part as { type: string }));
    return { parts };
  } catch (error) {
    const { name, message, statusCode } = error as Record<string, unknown>;
    return { error: { name, message, statusCode } as never };
  }
}

/** Ids and errors that the SDK makes anew at every run. */
function timeless(part: { type: string; error?: unknown }): { type: string } {
  return part.type === 'error' ? { type: 'error' } : (JSON.parse(JSON.stringify({ ...part, id: undefined })) as never);
}

function check({ expected, response, id }: Recording, event: UsageEvent, seen: Outcome): void {
  const isRefusedByTheSdk = seen.error !== undefined || seen.parts?.some(({ type }) => type === 'error') === true;
  if (response.status >= 400) {
    expect(event).toMatchObject({ stopReason: 'ERROR', errorCode: response.status, totalTokenCount: 0 });
    return;
  }
  expect(isRefusedByTheSdk, id).toBe(false);
  if (!expected.usage_present) {
    expect(event.attributes?.['usageState']).not.toBe('reported');
    return;
  }
  // The SDK's OpenAI provider drops what it does not know: for Groq there is a provider of its own, or a guarded fetch.
  if (expected.usage_source === 'sse x_groq.usage') {
    expect(event.attributes?.['usageState']).toBe('estimated');
    return;
  }
  expect(event.attributes?.['usageState']).toBe('reported');
  expect(event).toMatchObject({
    inputTokenCount: expected.input_tokens,
    outputTokenCount: expected.output_tokens,
    totalTokenCount: expected.total_tokens,
    ...(expected.cache_read_tokens === null ? {} : { cacheReadTokenCount: expected.cache_read_tokens }),
    ...(expected.reasoning_tokens === null ? {} : { reasoningTokenCount: expected.reasoning_tokens }),
    ...(expected.model === null ? {} : { model: expected.model }),
  });
}
