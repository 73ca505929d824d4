/** The bound of a call against what providers counted, in every recorded exchange that tells. RECORDINGS_DIR tells where. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { anthropicAdapter, boundBodyOfBytes, boundOf, ollamaAdapter, openaiAdapter } from 'fusewire/internal';
import { describe, expect, it } from 'vitest';
import { readBody } from '../../../../service/gateway/read/read-body.js';
import { refusedRequest } from '../../../../service/gateway/read/request-policy.js';
import { configOf } from '../read-support.js';

const directory = process.env['RECORDINGS_DIR'];

interface Recording {
  readonly id: string;
  readonly provider: string;
  readonly request: { readonly method: string; readonly url: string; readonly body?: unknown };
  readonly expected: Readonly<Record<string, number | null>>;
}

const ADAPTERS = [
  [/\/api\/(chat|generate|embed|embeddings)$/, ollamaAdapter],
  [/\/v1\/messages(\?|$)/, anthropicAdapter],
  [/\/(chat\/completions|responses|completions|embeddings|moderations)(\?|$)/, openaiAdapter],
] as const;

/** What was asked and what was counted, of the exchanges that the gateway would forward. */
function counted(recording: Recording) {
  const { request, expected } = recording;
  const adapter = ADAPTERS.find(([path]) => path.test(request.url))?.[1];
  const input = expected['input_tokens'] ?? null;
  if (adapter === undefined || input === null || typeof request.body !== 'object' || request.body === null)
    return undefined;
  const body = readBody(Buffer.from(JSON.stringify(request.body)), 'application/json', false);
  if (typeof body === 'string') throw new Error(`${recording.id}: the body ${body}`);
  const refused = refusedRequest(body, adapter === ollamaAdapter ? 'ollama' : 'openai', false);
  const reading = adapter.readRequest({ method: 'POST', url: request.url, body: body.fields });
  if (refused !== undefined || reading === undefined) return undefined;
  const output = expected['output_tokens'] ?? 0;
  const cached = (expected['cache_read_tokens'] ?? 0) + (expected['cache_write_tokens'] ?? 0);
  const context = adapter === anthropicAdapter ? input + cached : input;
  // Some count thinking beside the output.
  const made = Math.max(output, (expected['total_tokens'] ?? 0) - (adapter === anthropicAdapter ? 1e12 : input));
  return { context, made, bound: boundOf(reading, boundBodyOfBytes(body), configOf()) };
}

describe.skipIf(directory === undefined)('the bound of recorded calls (RECORDINGS_DIR)', () => {
  const names = directory === undefined ? [] : readdirSync(directory).filter((name) => name.endsWith('.json'));
  const recordings = names.map((name) => JSON.parse(readFileSync(join(directory!, name), 'utf8')) as Recording);

  it('covers the input that was counted, of all of them', () => {
    const wrong: string[] = [];
    let seen = 0;
    for (const recording of recordings) {
      const found = counted(recording);
      if (found === undefined || found.bound.unbounded !== undefined) continue;
      seen += 1;
      if (found.context > found.bound.inputTokensMax) {
        wrong.push(`${recording.id}: ${found.context} tokens, bound ${found.bound.inputTokensMax}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(seen).toBeGreaterThan(100);
  });

  it('covers the output that was counted, wherever the request limits it', () => {
    const wrong: string[] = [];
    let seen = 0;
    for (const recording of recordings) {
      const found = counted(recording);
      if (found === undefined || !found.bound.isOutputLimited || found.bound.unbounded !== undefined) continue;
      seen += 1;
      if (found.made > found.bound.outputTokensMax) {
        wrong.push(`${recording.id}: ${found.made} tokens, bound ${found.bound.outputTokensMax}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(seen).toBeGreaterThan(20);
  });
});
