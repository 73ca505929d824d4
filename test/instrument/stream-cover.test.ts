/** Streams under a hold: it grows with them, and where it cannot, they are ended in their own dialect or let finish. */
import { describe, expect, it } from 'vitest';
import { AnswerWatch, type WatchedAttempt } from '../../src/instrument/answer-watch.js';
import { coverOf, type StreamHold } from '../../src/instrument/stream-cover.js';
import { tapResponse } from '../../src/instrument/tap-response.js';
import type { UsageReading } from '../../src/providers/adapter.js';
import { anthropicAdapter } from '../../src/providers/anthropic.js';
import { ollamaAdapter } from '../../src/providers/ollama.js';
import { openaiAdapter } from '../../src/providers/openai.js';

const ADAPTERS = { openai: openaiAdapter, anthropic: anthropicAdapter, ollama: ollamaAdapter };
type Protocol = keyof typeof ADAPTERS;
const URLS = {
  openai: 'https://api.openai.com/v1/chat/completions',
  anthropic: 'https://api.anthropic.com/v1/messages',
  ollama: 'http://127.0.0.1:11434/api/chat',
};

/** One token of an endless answer. */
const PIECES: Record<Protocol, string> = {
  openai: `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content: 'word' }, finish_reason: null }] })}\n\n`,
  anthropic: `event: content_block_delta\ndata: ${JSON.stringify({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'word' } })}\n\n`,
  ollama: `${JSON.stringify({ model: 'm', created_at: 't', message: { role: 'assistant', content: 'word' }, done: false })}\n`,
};
const TYPES = { openai: 'text/event-stream', anthropic: 'text/event-stream', ollama: 'application/x-ndjson' };
const LASTS = { openai: /data: \[DONE\]\n\n$/, anthropic: /"type":"message_stop"\}\n\n$/, ollama: /"done":true.*\n$/ };

/** An answer that goes on for ever, in packets of `size` bytes, and tells whether it was given up. */
function endless(protocol: Protocol, size: number) {
  const piece = Buffer.from(PIECES[protocol]);
  const seen = { packets: 0, isGivenUp: false };
  let at = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const packet = new Uint8Array(size);
        for (let index = 0; index < size; index += 1) packet[index] = piece[(at + index) % piece.length]!;
        at = (at + size) % piece.length;
        seen.packets += 1;
        controller.enqueue(packet);
      },
      cancel() {
        seen.isGivenUp = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { seen, response: new Response(body, { headers: { 'content-type': TYPES[protocol] } }) };
}

/** A hold that can grow to `max` tokens, at once or after a turn; it keeps what it was asked. */
function holdOf(max: number, options: { covered?: number; later?: boolean; whenExhausted?: 'cut' | 'finish' } = {}) {
  const { covered = 100, later = false, whenExhausted = 'cut' } = options;
  const asked: number[] = [];
  let outputTokensMax = covered;
  const answer = (tokens: number) => {
    if (tokens <= max) outputTokensMax = Math.max(outputTokensMax, tokens);
    return tokens <= max;
  };
  const hold: StreamHold = {
    ticket: {
      whenExhausted,
      get outputTokensMax() {
        return outputTokensMax;
      },
      grow(tokens) {
        asked.push(tokens);
        if (!later) return answer(tokens);
        return new Promise((resolve) => setImmediate(() => resolve(answer(tokens))));
      },
    },
  };
  return { hold, asked };
}

/** An attempt that keeps how it ended, and what it is metered by. */
function attemptOf(protocol: Protocol, hold: StreamHold | undefined, body: object = {}) {
  const request = ADAPTERS[protocol].readRequest({
    method: 'POST',
    url: URLS[protocol],
    body: { model: 'm', stream: true, messages: [{ role: 'user', content: 'four words of prompt' }], ...body },
  })!;
  const ends: string[] = [];
  let reading: () => UsageReading = () => ({ finished: false, outputText: '' });
  const attempt: WatchedAttempt = {
    id: 'attempt',
    request,
    hold,
    answered: (read) => {
      reading = read;
    },
    progressed: () => undefined,
    firstToken: () => undefined,
    outgrew: () => undefined,
    settle: (end) => void ends.push(end),
  };
  const reader = ADAPTERS[protocol].createUsageReader(request);
  return { attempt, reader, ends, reading: () => reading() };
}

async function readAll(body: ReadableStream<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of body as unknown as AsyncIterable<Uint8Array>) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

describe('a stream that outgrows its hold', () => {
  const CASES = (['openai', 'anthropic', 'ollama'] as const).flatMap((protocol) =>
    [7, 64, 1_000].flatMap((size) => [false, true].map((later) => [protocol, size, later] as const)),
  );

  it.each(CASES)('%s in packets of %i, answered later: %s: is cut between events, and given up', async (...given) => {
    const [protocol, size, later] = given;
    const { seen, response } = endless(protocol, size);
    const { hold, asked } = holdOf(400, { later });
    const { attempt, reader, ends, reading } = attemptOf(protocol, hold);
    const text = await readAll(tapResponse(response, attempt, reader, { streaming: true }).body!);
    expect(text).toMatch(LASTS[protocol]);
    const whole = text.split(PIECES[protocol]).length - 1;
    expect(text.startsWith(PIECES[protocol].repeat(whole))).toBe(true);
    // All of the last packet was received, so it passes.
    const inPacket = Math.ceil(size / PIECES[protocol].length);
    expect(whole).toBeGreaterThanOrEqual(384);
    expect(whole).toBeLessThanOrEqual(400 + inPacket);
    expect(asked[0]).toBe(164);
    expect(ends).toEqual(['completed']);
    expect(seen.isGivenUp).toBe(true);
    const read = reading();
    expect(read).toMatchObject({ stopReason: 'COST_LIMIT', isPartial: true, finished: true });
    expect(read.outputTokens).toBeGreaterThanOrEqual(whole);
    expect(read.outputTokens).toBeLessThanOrEqual(whole + inPacket);
  });

  it('is asked for early, so that far from the limit nothing waits', async () => {
    const { response } = endless('openai', PIECES.openai.length);
    const { hold, asked } = holdOf(1_000_000, { covered: 100 });
    const { attempt, reader } = attemptOf('openai', hold);
    const stream = tapResponse(response, attempt, reader, { streaming: true }).body!.getReader();
    for (let count = 1; count <= 79; count += 1) await stream.read();
    expect(asked).toEqual([]);
    await stream.read();
    expect(asked).toEqual([164]);
    for (let count = 81; count <= 1_000; count += 1) await stream.read();
    expect(asked.length).toBeLessThan(10);
    await stream.cancel();
  });

  it('passes what is covered while a question is out, and waits then', async () => {
    const { response, seen } = endless('openai', PIECES.openai.length);
    let told: (isCovered: boolean) => void = () => undefined;
    const ticket = {
      outputTokensMax: 100,
      whenExhausted: 'cut' as const,
      grow: () =>
        new Promise<boolean>((resolve) => {
          told = resolve;
        }),
    };
    const { attempt, reader, ends } = attemptOf('openai', { ticket });
    const stream = tapResponse(response, attempt, reader, { streaming: true }).body!.getReader();
    for (let count = 1; count <= 100; count += 1) await stream.read();
    let isRead = false;
    const next = stream.read().then(() => {
      isRead = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect({ isRead, packets: seen.packets }).toEqual({ isRead: false, packets: 100 });
    told(true);
    await next;
    expect(seen.packets).toBe(101);
    await stream.cancel();
    expect(ends).toEqual(['cancelled']);
  });

  it('counts a question that fails as answered by no', async () => {
    const { response, seen } = endless('ollama', 50);
    const ticket = { outputTokensMax: 20, whenExhausted: 'cut' as const, grow: () => Promise.reject(new Error('x')) };
    const { attempt, reader, ends } = attemptOf('ollama', { ticket });
    expect(await readAll(tapResponse(response, attempt, reader, { streaming: true }).body!)).toMatch(LASTS.ollama);
    expect([seen.isGivenUp, ends]).toEqual([true, ['completed']]);
  });

  it('goes on where its control says so, and asks for no more', async () => {
    const { response } = endless('openai', PIECES.openai.length);
    const { hold, asked } = holdOf(150, { whenExhausted: 'finish' });
    const { attempt, reader } = attemptOf('openai', hold);
    const stream = tapResponse(response, attempt, reader, { streaming: true }).body!.getReader();
    for (let count = 0; count < 2_000; count += 1) expect((await stream.read()).done).toBe(false);
    expect(asked.length).toBeLessThan(12);
    expect(asked.every((tokens) => tokens <= 250)).toBe(true);
    await stream.cancel();
  });

  it('is cut for who reads all of it at once, too', async () => {
    for (const method of ['text', 'arrayBuffer', 'blob'] as const) {
      const { response, seen } = endless('ollama', 500);
      const { attempt, reader, ends } = attemptOf('ollama', holdOf(300).hold);
      const tapped = tapResponse(response, attempt, reader, { streaming: true });
      const got = await tapped[method]();
      const text = got instanceof Blob ? await got.text() : typeof got === 'string' ? got : Buffer.from(got).toString();
      expect(text).toMatch(LASTS.ollama);
      expect([seen.isGivenUp, ends, tapped.bodyUsed]).toEqual([true, ['completed'], true]);
    }
  });

  it('is cut in both branches of a tee, and in a clone', async () => {
    const { response } = endless('openai', 300);
    const { attempt, reader } = attemptOf('openai', holdOf(200).hold);
    const [left, right] = tapResponse(response, attempt, reader, { streaming: true }).body!.tee();
    const [one, other] = await Promise.all([readAll(left), readAll(right)]);
    expect(one).toBe(other);
    expect(one).toMatch(LASTS.openai);
    const again = endless('openai', 300);
    const second = attemptOf('openai', holdOf(200).hold);
    const tapped = tapResponse(again.response, second.attempt, second.reader, { streaming: true });
    const copy = tapped.clone();
    expect(await Promise.all([tapped.text(), copy.text()])).toEqual([one, one]);
  });
});

describe('a stream that stays within its hold', () => {
  const finished = `${PIECES.openai}data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`;

  it('passes byte for byte, also where its end comes with the packet that uses up the hold', async () => {
    const { hold } = holdOf(0, { covered: 1 });
    const { attempt, reader, ends, reading } = attemptOf('openai', hold);
    const response = new Response(finished, { headers: { 'content-type': 'text/event-stream' } });
    expect(await readAll(tapResponse(response, attempt, reader, { streaming: true }).body!)).toBe(finished);
    expect(ends).toEqual(['completed']);
    expect(reading().stopReason).toBe('END');
  });

  it('has no cover where the request limits itself and all of that is held, or nothing is held', () => {
    const { attempt } = attemptOf('openai', undefined);
    const options = { inputTokens: () => 1, nowMs: () => 0, newId: () => '' };
    const { ticket } = holdOf(1_000).hold;
    const limited = { ticket, worst: { outputTokensMax: 100, isOutputLimited: true } };
    expect(coverOf(limited, attempt.request, options)).toBeUndefined();
    expect(coverOf(undefined, attempt.request, options)).toBeUndefined();
    expect(
      coverOf({ ticket, worst: { outputTokensMax: 100, isOutputLimited: false } }, attempt.request, options),
    ).toBeDefined();
    expect(
      coverOf({ ticket, worst: { outputTokensMax: 500, isOutputLimited: true } }, attempt.request, options),
    ).toBeDefined();
  });

  it('asks for no more than the request allows', async () => {
    const { response } = endless('openai', PIECES.openai.length);
    const { hold, asked } = holdOf(10_000);
    const limited = { ...hold, worst: { outputTokensMax: 130, isOutputLimited: true } };
    const { attempt, reader } = attemptOf('openai', limited);
    const stream = tapResponse(response, attempt, reader, { streaming: true }).body!.getReader();
    for (let count = 0; count < 300; count += 1) await stream.read();
    expect(asked).toEqual([130]);
    await stream.cancel();
  });

  it('gives back what it held where the connection breaks', async () => {
    const { attempt, reader, ends } = attemptOf('ollama', holdOf(1_000).hold);
    const half = PIECES.ollama.slice(0, 20);
    let isSent = false;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (isSent) controller.error(new TypeError('terminated'));
        else controller.enqueue(Buffer.from(PIECES.ollama + half));
        isSent = true;
      },
    });
    const response = new Response(body, { headers: { 'content-type': TYPES.ollama } });
    const stream = tapResponse(response, attempt, reader, { streaming: true }).body!.getReader();
    expect(Buffer.from((await stream.read()).value!).toString()).toBe(PIECES.ollama);
    expect(Buffer.from((await stream.read()).value!).toString()).toBe(half);
    await expect(stream.read()).rejects.toThrow('terminated');
    expect(ends).toEqual(['failed']);
  });

  it('takes nothing but a null check where there is no hold', () => {
    const { attempt, reader } = attemptOf('openai', undefined);
    const watch = new AnswerWatch({ status: 200, contentType: 'text/event-stream' }, attempt, reader, {
      streaming: true,
    });
    const chunk = Buffer.from(PIECES.openai.slice(0, 30));
    expect(watch.cover).toBeUndefined();
    expect(watch.bytes(chunk)).toBe(chunk);
  });
});
