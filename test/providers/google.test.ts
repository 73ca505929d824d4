import { describe, expect, it } from 'vitest';
import type { UsageReading } from '../../src/providers/adapter.js';
import { createGoogleReader, googleAdapter, readGoogleRequest } from '../../src/providers/google.js';
import { googleModelName } from '../../src/providers/google-endpoints.js';
import { googleStopReason } from '../../src/providers/google-stop-reason.js';

const GEMINI = 'https://generativelanguage.googleapis.com/v1beta';
const VERTEX = 'https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1';

const read = (url: string, body: unknown = {}, method = 'POST') => readGoogleRequest({ method, url, body });

function usage(url: string, answer: unknown, body: unknown = {}, method = 'POST'): UsageReading {
  const reader = createGoogleReader(read(url, body, method));
  reader.whole(answer);
  return reader.reading();
}

describe('which requests are what', () => {
  it.each<[string, string, string, string, string | undefined]>([
    [`${GEMINI}/models/gemini-2.5-flash:generateContent`, 'models.generateContent', 'call', 'CHAT', 'gemini-2.5-flash'],
    [
      `${GEMINI}/models/gemini-2.5-flash:streamGenerateContent?alt=sse`,
      'models.streamGenerateContent',
      'call',
      'CHAT',
      'gemini-2.5-flash',
    ],
    [`${GEMINI}/tunedModels/mine:generateContent`, 'models.generateContent', 'call', 'CHAT', 'tunedModels/mine'],
    [
      `${GEMINI}/models/gemini-embedding-001:batchEmbedContents`,
      'models.batchEmbedContents',
      'call',
      'EMBED',
      'gemini-embedding-001',
    ],
    [`${GEMINI}/models/veo-3:predictLongRunning`, 'models.predictLongRunning', 'call', 'VIDEO', 'veo-3'],
    [
      `${GEMINI}/models/gemini-2.5-pro:batchGenerateContent`,
      'models.batchGenerateContent',
      'call',
      'CHAT',
      'gemini-2.5-pro',
    ],
    [`${GEMINI}/models/gemini-2.5-pro:countTokens`, 'models.countTokens', 'free', 'OTHER', 'gemini-2.5-pro'],
    [`${GEMINI}/cachedContents`, 'cachedContents', 'call', 'OTHER', undefined],
    [`${GEMINI}/interactions`, 'interactions', 'call', 'CHAT', undefined],
    [`${GEMINI}/interactions/abc/cancel`, 'interactions.cancel', 'poll', 'CHAT', undefined],
    [`${GEMINI}/batches/b1:cancel`, 'batches.cancel', 'free', 'OTHER', undefined],
    [`${GEMINI}/webhooks`, 'webhooks', 'free', 'OTHER', undefined],
    [`${GEMINI}/fileSearchStores`, 'fileSearchStores', 'free', 'OTHER', undefined],
    ['https://generativelanguage.googleapis.com/upload/v1beta/files', 'upload.files', 'free', 'OTHER', undefined],
    [`${VERTEX}/publishers/google/models/imagen-4.0:predict`, 'models.predict', 'call', 'IMAGE', 'imagen-4.0'],
    [
      `${VERTEX}/publishers/google/models/text-embedding-005:predict`,
      'models.predict',
      'call',
      'EMBED',
      'text-embedding-005',
    ],
    [
      `${VERTEX}/publishers/meta/models/llama-4:generateContent`,
      'models.generateContent',
      'call',
      'CHAT',
      'meta/llama-4',
    ],
    [`${VERTEX}/endpoints/123:generateContent`, 'models.generateContent', 'call', 'CHAT', 'endpoints/123'],
    [`${VERTEX}/publishers/google/models/veo-3:fetchPredictOperation`, 'operations.get', 'poll', 'VIDEO', 'veo-3'],
    [`${VERTEX}/batchPredictionJobs`, 'batchPredictionJobs', 'call', 'CHAT', undefined],
  ])('POST %s', (url, endpoint, kind, operationType, model) => {
    const reading = read(url);
    expect(reading).toMatchObject({ endpoint, kind, operationType, known: true, provider: 'Google' });
    expect(reading.model).toBe(model);
    expect(reading.modelSource).toBe(url.startsWith(VERTEX) ? 'GOOGLE_VERTEX_AI' : 'GOOGLE');
    expect(reading.streaming).toBe(url.includes('stream'));
  });

  it.each([
    `${GEMINI}/models/aqa:generateAnswer`,
    `${VERTEX}/publishers/mistralai/models/mistral:rawPredict`,
    `${VERTEX}/publishers/google/models/something-new:predict`,
    `${VERTEX}/tuningJobs`,
    `${GEMINI}/fileSearchStores/s1:importFile`,
    'https://generativelanguage.googleapis.com/upload/v1beta/fileSearchStores/s1:uploadToFileSearchStore',
    `${GEMINI}/triggers/t1:run`,
    `${GEMINI}/voices`,
    `${GEMINI}/something/new`,
  ])('I1: POST %s is flagged: nobody knows it', (url) => {
    expect(read(url)).toMatchObject({ known: false, kind: 'call' });
  });

  it.each([
    [`${GEMINI}/models/veo-3/operations/op1`, 'poll', 'models/veo-3/operations/op1'],
    [`${GEMINI}/batches/b1`, 'poll', 'batches/b1'],
    [`${GEMINI}/interactions/abc?stream=true`, 'poll', 'abc'],
    [`${GEMINI}/models`, 'free', undefined],
    [`${GEMINI}/fileSearchStores/s1/operations/op1`, 'free', undefined],
    [`${GEMINI}/tunedModels/t1/operations/op1`, 'free', undefined],
    [`${GEMINI}/files/f1:download?alt=media`, 'free', undefined],
  ])('GET %s', (url, kind, polled) => {
    expect(read(url, undefined, 'GET')).toMatchObject({
      kind,
      known: true,
      ...(polled === undefined ? {} : { polled }),
    });
  });

  it('names models as the catalogue does', () => {
    expect(googleModelName('models/gemini-2.5-flash')).toBe('gemini-2.5-flash');
    expect(googleModelName('projects/p/locations/l/publishers/google/models/gemini-2.5-pro')).toBe('gemini-2.5-pro');
    expect(googleModelName('gemini-2.5-pro')).toBe('gemini-2.5-pro');
  });
});

describe('what a request says', () => {
  const body = {
    systemInstruction: { parts: [{ text: 'be brief' }] },
    contents: [
      { role: 'user', parts: [{ text: 'what is it?' }, { inlineData: { data: 'aGk=', mimeType: 'image/png' } }] },
    ],
    tools: [{ functionDeclarations: [{ name: 'weather', description: 'tells it' }] }],
    generationConfig: { temperature: 0.4, candidateCount: 2 },
    serviceTier: 'flex',
  };
  const reading = read(`${GEMINI}/models/m:generateContent`, body);

  it('is read', () => {
    expect(reading).toMatchObject({
      temperature: 0.4,
      hasVisionContent: true,
      operationSubtype: 'function_call',
      requestedServiceTier: 'flex',
      candidatesAsked: 2,
    });
    expect(reading.promptText()).toBe('be brief\nwhat is it?\nweather\ntells it');
    expect(reading.prompts?.()).toEqual({ systemPrompt: 'be brief', inputMessages: body.contents });
  });

  it.each([null, 'text', [], { contents: 1 }, { contents: [null, { parts: 'x' }] }])('never trips: %j', (odd) => {
    const oddReading = read(`${GEMINI}/models/m:generateContent`, odd);
    expect(typeof oddReading.promptText()).toBe('string');
    expect(oddReading.prompts?.()).toBeDefined();
  });
});

describe('what an answer says', () => {
  const url = `${GEMINI}/models/m:generateContent`;

  it('thoughts lie outside of the output, cached tokens inside of the input', () => {
    expect(googleAdapter.tokenConvention).toEqual({ cacheRead: 'inside', cacheWrite: 'inside', reasoning: 'outside' });
    const usageMetadata = {
      promptTokenCount: 100,
      cachedContentTokenCount: 60,
      candidatesTokenCount: 20,
      thoughtsTokenCount: 30,
    };
    expect(usage(url, { usageMetadata: { ...usageMetadata, totalTokenCount: 150 } })).toMatchObject({
      inputTokens: 100,
      cacheReadTokens: 60,
      outputTokens: 20,
      reasoningTokens: 30,
      totalTokens: 150,
      finished: true,
    });
  });

  it('what tools put into the prompt is input too: the total counts it', () => {
    const usageMetadata = {
      promptTokenCount: 10,
      toolUsePromptTokenCount: 7,
      candidatesTokenCount: 5,
      totalTokenCount: 22,
    };
    expect(usage(url, { usageMetadata })).toMatchObject({
      inputTokens: 17,
      outputTokens: 5,
      totalTokens: 22,
      attributes: { toolUsePromptTokens: 7 },
    });
  });

  it('I5: zeros are left out on the wire: an output that is missing is what the total leaves', () => {
    const usageMetadata = { promptTokenCount: 10, thoughtsTokenCount: 90, totalTokenCount: 100 };
    const candidates = [{ finishReason: 'MAX_TOKENS' }];
    expect(usage(url, { candidates, usageMetadata })).toMatchObject({ outputTokens: 0, stopReason: 'TOKEN_LIMIT' });
    expect(usage(url, { candidates }).outputTokens).toBeUndefined();
  });

  it('sound, images, searches and the tier are told', () => {
    const usageMetadata = {
      promptTokenCount: 159,
      candidatesTokenCount: 1300,
      totalTokenCount: 1459,
      serviceTier: 'priority',
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 9 },
        { modality: 'AUDIO', tokenCount: 150 },
      ],
      candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1290 }],
    };
    const groundingMetadata = { webSearchQueries: ['a', 'b'] };
    expect(usage(url, { candidates: [{ finishReason: 'STOP', groundingMetadata }], usageMetadata })).toMatchObject({
      media: { inputAudioTokenCount: 150 },
      serviceTier: 'priority',
      attributes: { webSearches: 2, outputImageTokens: 1290 },
    });
    const numbered = { promptTokenCount: 1, trafficType: 2, promptTokensDetails: [{ modality: 4, tokenCount: 1 }] };
    expect(usage(url, { usageMetadata: numbered })).toMatchObject({
      serviceTier: 'PROVISIONED_THROUGHPUT',
      media: { inputAudioTokenCount: 1 },
    });
  });

  it('a stream is over when every candidate that was asked for ended; until then its counts are not the last', () => {
    const reader = createGoogleReader(read(url, { generationConfig: { candidateCount: 2 } }));
    const chunk = (index: number) => ({
      candidates: [{ index, finishReason: 'STOP' }],
      usageMetadata: { promptTokenCount: 4 },
    });
    reader.chunk(chunk(0));
    expect(reader.reading()).toMatchObject({ finished: false, isPartial: true });
    reader.chunk(chunk(1));
    expect(reader.reading()).toMatchObject({ finished: true });
    expect(reader.reading().isPartial).toBeUndefined();
  });

  it('what is kept unparsed reads as what is parsed, wherever the stream stops', () => {
    const candidate = (text: string, more: object = {}) => ({ content: { parts: [{ text }] }, index: 0, ...more });
    const counted = (count: number) => ({
      promptTokenCount: 4,
      candidatesTokenCount: count,
      totalTokenCount: 4 + count,
    });
    const call = { content: { parts: [{ functionCall: { name: 'f', args: { finishReason: 'x' } } }] } };
    const chunks = [
      { candidates: [candidate('one "finishReason" ')], usageMetadata: counted(1), modelVersion: 'm', responseId: 'r' },
      { candidates: [candidate('thought', { content: { parts: [{ text: 'hm', thought: true }] } })] },
      { candidates: [candidate('two ')], usageMetadata: counted(3) },
      { candidates: [candidate('three ', { groundingMetadata: { webSearchQueries: ['q'] } })] },
      { candidates: [call], usageMetadata: counted(5) },
      { candidates: [candidate('four')], usageMetadata: counted(6) },
      { candidates: [candidate('', { finishReason: 'STOP' })], usageMetadata: counted(7) },
      { usageMetadata: counted(8) },
    ];
    for (let length = 0; length <= chunks.length; length += 1) {
      for (const looks of [false, true]) {
        const [kept, parsed] = [createGoogleReader(read(url)), createGoogleReader(read(url))];
        for (const chunk of chunks.slice(0, length)) {
          const data = JSON.stringify(chunk);
          if (kept.skim?.(data) !== true) kept.chunk(JSON.parse(data));
          parsed.chunk(chunk);
          if (looks) expect(kept.reading().inputTokens).toBe(parsed.reading().inputTokens);
        }
        expect({ ...kept.reading() }).toEqual({ ...parsed.reading() });
      }
    }
    const garbled = createGoogleReader(read(url));
    garbled.chunk({ candidates: [candidate('one')] });
    expect(garbled.skim?.('{"usageMetadata": {}, "candidates": [')).toBe(true);
    expect({ ...garbled.reading() }).toEqual({ finished: false, outputText: 'one' });
  });

  it('a stream that comes as a JSON array is read', () => {
    const usageMetadata = { promptTokenCount: 4, candidatesTokenCount: 2, totalTokenCount: 6 };
    const chunk = { candidates: [{ content: { parts: [{ text: 'hi' }] }, finishReason: 1 }], usageMetadata };
    expect(usage(url, [chunk])).toMatchObject({ totalTokens: 6, outputText: 'hi', stopReason: 'END', finished: true });
  });

  it('I5: an answer in which nothing that is counted can be found leaves the usage unknown', () => {
    expect(usage(url, { something: 'new' })).toMatchObject({ isUnknownShape: true });
    expect(usage(url, { usageMetadata: { promptTokenCount: 1 } }).isUnknownShape).toBeUndefined();
  });

  it.each([null, 1, 'x', {}, { candidates: 1 }, { candidates: [null, { content: { parts: [null, 1] } }] }])(
    'never trips, and knows nothing: %j',
    (odd) => {
      const reading = usage(url, odd);
      expect(reading.inputTokens).toBeUndefined();
      expect(reading.outputTokens).toBeUndefined();
    },
  );

  it('of a batch whose results are in a file the usage is unknown', () => {
    const done = {
      name: 'batches/b',
      done: true,
      metadata: { state: 'BATCH_STATE_SUCCEEDED', output: { responsesFile: 'files/f' } },
    };
    expect(usage(`${GEMINI}/batches/b`, done, undefined, 'GET')).toMatchObject({
      finished: true,
      isUnknownShape: true,
    });
    const failed = { name: 'batches/b', done: true, error: { message: 'no' } };
    expect(usage(`${GEMINI}/batches/b`, failed, undefined, 'GET')).toMatchObject({
      finished: false,
      errorReason: 'no',
    });
  });

  it.each([
    ['completed', 'END', true],
    ['requires_action', 'END_SEQUENCE', true],
    ['incomplete', 'TOKEN_LIMIT', true],
    ['cancelled', 'CANCELLED', true],
    ['in_progress', undefined, false],
    ['queued', undefined, false],
  ])('an interaction that is %s', (status, stopReason, finished) => {
    const reading = usage(`${GEMINI}/interactions`, {
      id: 'i',
      status,
      usage: { total_input_tokens: 1, total_tokens: 3 },
    });
    expect(reading).toMatchObject({ finished, pending: !finished, responseId: 'i' });
    expect(reading.stopReason).toBe(stopReason);
  });
});

describe('stop reasons (contract 6.1)', () => {
  it.each([
    ['STOP', 'END'],
    ['MAX_TOKENS', 'TOKEN_LIMIT'],
    ['TOO_MANY_TOOL_CALLS', 'COMPLETION_LIMIT'],
    ...[
      'SAFETY',
      'RECITATION',
      'BLOCKLIST',
      'PROHIBITED_CONTENT',
      'SPII',
      'MODEL_ARMOR',
      'LANGUAGE',
      'IMAGE_SAFETY',
    ].map((name) => [name, 'ERROR'] as const),
    ...['IMAGE_OTHER', 'NO_IMAGE', 'MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL'].map(
      (name) => [name, 'ERROR'] as const,
    ),
    ['CANCELLED', 'CANCELLED'],
    ['canceled', 'CANCELLED'],
    ...['OTHER', 'FINISH_REASON_UNSPECIFIED', '', 'SOMETHING_NEW'].map((name) => [name, 'END'] as const),
  ] as const)('%s is %s', (given, expected) => {
    expect(googleStopReason(given)).toBe(expected);
  });

  it('reads the enum’s numbers', () => {
    expect([1, 2, 3, 5, 9, 99].map(googleStopReason)).toEqual(['END', 'TOKEN_LIMIT', 'ERROR', 'END', 'ERROR', 'END']);
  });
});
