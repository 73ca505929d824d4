import { createRuntime } from 'fusewire/internal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readGatewayConfig } from '../../../../service/gateway/gateway-config.js';
import { createUpstreamLists } from '../../../../service/gateway/models/upstream-lists.js';
import { type StandInUpstream, startStandInUpstream } from '../support/stand-in-upstream.js';

let upstream: StandInUpstream;
beforeAll(async () => {
  upstream = await startStandInUpstream();
});
afterAll(() => upstream.close());

describe('the names of Ollama', () => {
  it('are spelt as Ollama spells them, in whatever letter case they are asked for', async () => {
    const clock = { ms: 0 };
    const runtime = { ...createRuntime(), monotonicNow: () => clock.ms };
    const { upstreams } = readGatewayConfig({ OLLAMA_BASE_URL: upstream.ollama }, '/');
    const lists = createUpstreamLists({ upstreams, runtime });
    expect(lists.spelling('QWEN3:8B')).toBeUndefined();
    // The first question has begun to read them; this one waits for the same reading.
    await lists.listOf(upstreams[0]!);
    expect(lists.spelling('QWEN3:8B')).toBe('qwen3:8b');
    expect(lists.spelling('Llama3.2')).toBe('llama3.2');
    expect(upstream.seen).toHaveLength(1);
    clock.ms += 30_000;
    expect(lists.spelling('qwen3:8b')).toBe('qwen3:8b');
    expect(upstream.seen).toHaveLength(1);
    // One that is not known may be new.
    expect(lists.spelling('new')).toBeUndefined();
    await lists.listOf(upstreams[0]!);
    expect(upstream.seen).toHaveLength(2);
  });

  it('tells once that a list cannot be had, and once that it can again', async () => {
    const clock = { ms: 0 };
    const warnings: string[] = [];
    const runtime = { ...createRuntime(), monotonicNow: () => clock.ms };
    const { upstreams } = readGatewayConfig({ OLLAMA_BASE_URL: upstream.ollama }, '/');
    const lists = createUpstreamLists({ upstreams, runtime, log: { warn: (text) => void warnings.push(text) } });
    const ask = () => {
      clock.ms += 2_000;
      return lists.listOf(upstreams[0]!);
    };
    upstream.plan = () => 'nothing';
    expect(await ask()).toBeUndefined();
    expect(await ask()).toBeUndefined();
    upstream.plan = undefined;
    expect(await ask()).toHaveLength(3);
    expect(warnings).toEqual([
      `the models of ollama at ${upstream.ollama} cannot be listed: ECONNRESET`,
      'the models of ollama can be listed again',
    ]);
  });
});
