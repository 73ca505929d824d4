// The part of the stand-in that speaks Google's protocol, Gemini's and Vertex AI's: contents, streams, embeddings.
import { setTimeout as pause } from 'node:timers/promises';

const WORDS = 'A budget that is checked after the money is gone is a report and not a limit .'.split(' ');
const WORD_PAUSE_MS = 5;
// Thoughts are counted beside the candidates, and paid for like them.
const USAGE = {
  promptTokenCount: 40_000,
  candidatesTokenCount: 1_500,
  thoughtsTokenCount: 500,
  totalTokenCount: 42_000,
};

const content = (text) => ({ content: { role: 'model', parts: [{ text }] }, index: 0 });

/** Whether a path is one of Google's. */
export const isGooglePath = (path) => /\/models\/[^/]+:(\w+)$/.test(path);

/** Answers a request to a model; the name of the method stands behind the colon. */
export async function answerGoogle(path, response) {
  const [, modelVersion, method] = /\/models\/([^/]+):(\w+)$/.exec(path);
  const json = (body) => {
    response.writeHead(200, { 'content-type': 'application/json; charset=UTF-8' });
    response.end(JSON.stringify(body));
  };
  if (method === 'batchEmbedContents' || method === 'embedContent')
    return json({ embeddings: [{ values: [0.1, 0.2, 0.3] }] });
  const head = { modelVersion, responseId: `standin${Date.now()}` };
  const last = { finishReason: 'STOP' };
  if (method === 'generateContent') {
    return json({ ...head, candidates: [{ ...content(WORDS.join(' ')), ...last }], usageMetadata: USAGE });
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const [at, word] of WORDS.entries()) {
    // Each chunk repeats the running totals.
    const isLast = at === WORDS.length - 1;
    const usageMetadata = isLast
      ? USAGE
      : { ...USAGE, candidatesTokenCount: 90 * (at + 1), totalTokenCount: 40_500 + 90 * (at + 1) };
    const candidate = { ...content(`${word} `), ...(isLast ? last : {}) };
    response.write(`data: ${JSON.stringify({ ...head, candidates: [candidate], usageMetadata })}\r\n\r\n`);
    await pause(WORD_PAUSE_MS);
  }
  return response.end();
}
