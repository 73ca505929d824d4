/** Recorded streams that are ended after one of their events, as a cut does. */
import type { RequestReading } from '../../src/providers/adapter.js';
import { anthropicAdapter } from '../../src/providers/anthropic.js';
import { createStreamGauge } from '../../src/providers/cut/create-gauge.js';
import type { StreamGauge } from '../../src/providers/cut/stream-gauge.js';
import { googleAdapter } from '../../src/providers/google.js';
import { ollamaAdapter } from '../../src/providers/ollama.js';
import { openaiAdapter } from '../../src/providers/openai.js';
import { SseDecoder } from '../../src/providers/sse.js';
import { LineSplitter } from '../../src/providers/sse-lines.js';
import { type Recording, randomCut } from './replay-server.js';

const ADAPTERS = [ollamaAdapter, anthropicAdapter, googleAdapter, openaiAdapter];

/** The request of a recorded stream, as its adapter reads it. */
export function readingOf({ api, request }: Recording): RequestReading {
  const name = /anthropic|openai|ollama|google/.exec(api)?.[0] ?? api;
  const adapter = ADAPTERS.find((candidate) => candidate.name === name) ?? openaiAdapter;
  const body = { ...request.body, ...(name === 'openai' || name === 'anthropic' ? { stream: true } : {}) };
  return adapter.readRequest({ method: 'POST', url: request.url, body })!;
}

/** The pieces of a stream between which it can be cut: events with their blank lines, or lines. */
export function eventsOf(recording: Recording): string[] {
  const isLines = recording.api.startsWith('ollama');
  const pieces = (recording.response.body_text ?? '').split(isLines ? /(?<=\n)/ : /(?<=\n\n|\r\n\r\n)/);
  return pieces.filter((piece) => piece !== '');
}

/** A gauge for a recording's answer. */
export function gaugeOf(recording: Recording, isUsageAsked?: boolean): StreamGauge {
  const options = { inputTokens: () => 7, nowMs: () => 1_790_000_000_000, newId: () => 'made', isUsageAsked };
  const gauge = createStreamGauge(readingOf(recording), options);
  if (gauge === undefined) throw new Error(`no gauge for ${recording.id}`);
  return gauge;
}

/** A stream that was cut. */
export interface CutStream {
  readonly gauge: StreamGauge;
  readonly before: Buffer;
  readonly ending: Buffer;
  readonly bytes: Buffer;
}

/** Feeds the first `count` events in packets of any size, and ends the stream behind them. */
export function cutAfter(recording: Recording, events: readonly string[], count: number): CutStream {
  const gauge = gaugeOf(recording);
  const before = Buffer.from(events.slice(0, count).join(''));
  const isLines = recording.api.startsWith('ollama');
  const decoder = isLines
    ? new LineSplitter((line) => gauge.data(line.toString('utf8')))
    : new SseDecoder(({ data }) => gauge.data(data));
  for (const packet of packetsOf(before, count + 1)) decoder.push(packet);
  const ending = gauge.ending();
  return { gauge, before, ending, bytes: Buffer.concat([before, ending]) };
}

/** Bytes in packets of 1 to 40. */
export function packetsOf(bytes: Buffer, seed: number): Buffer[] {
  const packets: Buffer[] = [];
  let at = 0;
  for (const length of randomCut(seed)(bytes)) {
    if (at < bytes.length) packets.push(bytes.subarray(at, at + length));
    at += length;
  }
  return packets;
}

/** A `fetch` that answers every request with these bytes, in packets. */
export function fetchOf(bytes: Buffer, contentType: string, seed: number): () => Promise<Response> {
  return async () => {
    const packets = packetsOf(bytes, seed);
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const packet = packets.shift();
        if (packet === undefined) controller.close();
        else controller.enqueue(new Uint8Array(packet));
      },
    });
    return new Response(body, { headers: { 'content-type': contentType } });
  };
}
