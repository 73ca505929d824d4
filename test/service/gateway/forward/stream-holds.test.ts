/** Streams through the gateway that outgrow what their calls hold, before upstreams that never stop. */
import { setTimeout as sleep } from 'node:timers/promises';
import Anthropic from '@anthropic-ai/sdk';
import type { HoldTicket } from 'fusewire/internal';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../../helpers/until.js';
import {
  chunkedHead,
  chunkOf,
  type RawUpstream,
  type Rig,
  type RigOptions,
  startRawUpstream,
  startRig,
} from './support.js';

type Protocol = 'openai' | 'anthropic' | 'ollama';

const PIECES: Record<Protocol, string> = {
  openai: `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { role: 'assistant', content: 'word' }, finish_reason: null }] })}\n\n`,
  anthropic: `event: content_block_delta\ndata: ${JSON.stringify({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'word' } })}\n\n`,
  ollama: `${JSON.stringify({ model: 'm', created_at: 't', message: { role: 'assistant', content: 'word' }, done: false })}\n`,
};
const BEGIN: Partial<Record<Protocol, string>> = {
  anthropic: [
    {
      type: 'message_start',
      message: {
        id: 'msg',
        type: 'message',
        role: 'assistant',
        model: 'm',
        content: [],
        usage: { input_tokens: 9, output_tokens: 1 },
      },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  ]
    .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
    .join(''),
};
const TYPES = { openai: 'text/event-stream', anthropic: 'text/event-stream', ollama: 'application/x-ndjson' };

/** Writes pieces until its connection is gone; in one packet each, cut in two. */
function endless(upstream: RawUpstream, protocol: Protocol): void {
  upstream.script = (socket) => {
    socket.write(chunkedHead(TYPES[protocol]));
    socket.write(
      chunkOf(Buffer.from(BEGIN[protocol] ?? '')).subarray(0, BEGIN[protocol] === undefined ? 0 : undefined),
    );
    const piece = chunkOf(Buffer.from(PIECES[protocol]));
    const write = () => {
      if (socket.destroyed) return;
      socket.write(piece.subarray(0, 20));
      const isOpen = socket.write(piece.subarray(20));
      if (isOpen) setImmediate(write);
      else socket.once('drain', write);
    };
    write();
  };
}

/** A ticket that can grow to `max`. */
function ticketOf(max: number, whenExhausted: 'cut' | 'finish', later: number | Promise<void> | undefined) {
  const asked: number[] = [];
  const ticket: HoldTicket = {
    holdId: 'hold',
    parts: [],
    outputTokensMax: 100,
    whenExhausted,
    grow(tokens) {
      asked.push(tokens);
      if (later === undefined) return tokens <= max;
      return (typeof later === 'number' ? sleep(later) : later).then(() => tokens <= max);
    },
    settle: () => undefined,
    release: () => undefined,
  };
  return { ticket, asked };
}

const MESSAGES = [{ role: 'user' as const, content: 'Say words, please.' }];

/** Reads a stream by the protocol's own client; tells how it ended and how many words came. */
async function readBy(protocol: Protocol, port: number): Promise<{ reason: unknown; words: number }> {
  const baseURL = `http://127.0.0.1:${port}`;
  let words = 0;
  let reason: unknown;
  if (protocol === 'openai') {
    const client = new OpenAI({ apiKey: 'k', baseURL: `${baseURL}/v1`, maxRetries: 0 });
    const stream = await client.chat.completions.create({ model: 'm', messages: MESSAGES, stream: true });
    for await (const { choices } of stream) {
      if (choices[0]?.delta.content === 'word') words += 1;
      reason = choices[0]?.finish_reason ?? reason;
    }
  } else if (protocol === 'anthropic') {
    const client = new Anthropic({ apiKey: 'k', baseURL, maxRetries: 0 });
    const message = await client.messages.stream({ model: 'm', max_tokens: 9_999, messages: MESSAGES }).finalMessage();
    words = message.content.map((block) => (block.type === 'text' ? block.text.length / 4 : 0))[0]!;
    reason = message.stop_reason;
  } else {
    const client = new Ollama({ host: baseURL });
    for await (const { message, done_reason } of await client.chat({ model: 'm', messages: MESSAGES, stream: true })) {
      if (message.content === 'word') words += 1;
      reason = done_reason ?? reason;
    }
  }
  return { reason, words };
}

describe('a stream through the gateway that outgrows its hold', () => {
  const opened: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.close();
  });

  async function start(protocol: Protocol, options: Partial<RigOptions>): Promise<{ upstream: RawUpstream; rig: Rig }> {
    const upstream = await startRawUpstream();
    endless(upstream, protocol);
    const rig = await startRig({ protocol, origin: upstream.origin, bound: { isOutputLimited: false }, ...options });
    opened.push(upstream, rig);
    return { upstream, rig };
  }

  const REASONS = { openai: 'length', anthropic: 'max_tokens', ollama: 'length' };
  const CASES = (['openai', 'anthropic', 'ollama'] as const).flatMap((protocol) =>
    [undefined, 5].map((laterMs) => [protocol, laterMs] as const),
  );

  it.each(CASES)(
    '%s is cut, metered as COST_LIMIT, and its upstream given up (answers after %s ms)',
    async (...given) => {
      const [protocol, laterMs] = given;
      const { ticket, asked } = ticketOf(900, 'cut', laterMs);
      const { upstream, rig } = await start(protocol, { hold: () => ticket });
      const { reason, words } = await readBy(protocol, rig.port);
      expect(reason).toBe(REASONS[protocol]);
      expect(words).toBeGreaterThanOrEqual(880);
      expect(asked.length).toBeLessThan(30);
      await until(() => upstream.asked.size === 0, 'the upstream is given up');
      expect(rig.events).toHaveLength(1);
      const [event] = rig.events;
      expect(event).toMatchObject({ stopReason: 'COST_LIMIT', attributes: { usageState: 'estimated' } });
      expect(event!.outputTokenCount).toBeGreaterThanOrEqual(words);
      // What was read of one packet passes.
      expect(event!.outputTokenCount).toBeLessThan(900 + 70_000 / PIECES[protocol].length);
      expect(event!.inputTokenCount).toBeGreaterThan(0);
      await rig.passages[0]!.done;
      expect(rig.passages[0]!.ticket.ends).toBe(1);
      expect(rig.passages[0]!.summary).toMatchObject({ outcome: 'answered', status: 200 });
    },
  );

  it('nothing of the upstream is read while a question is out and all that is covered has passed', async () => {
    let answer: () => void = () => undefined;
    const { ticket, asked } = ticketOf(
      0,
      'cut',
      new Promise((resolve) => {
        answer = resolve;
      }),
    );
    const { rig, upstream } = await start('ollama', { hold: () => ticket });
    let isOver = false;
    const reading = readBy('ollama', rig.port).then((read) => {
      isOver = true;
      return read;
    });
    await until(() => asked.length > 0, 'the question');
    await sleep(200);
    expect({ isOver, asked: upstream.asked.size }).toEqual({ isOver: false, asked: 1 });
    answer();
    const { reason, words } = await reading;
    expect(reason).toBe('length');
    expect(words).toBeLessThan(100 + 70_000 / PIECES.ollama.length);
    expect(rig.events[0]).toMatchObject({ stopReason: 'COST_LIMIT' });
  });

  it('is given up for a caller that has left, too', async () => {
    const { ticket } = ticketOf(3_000, 'cut', 1);
    const { rig, upstream } = await start('openai', { hold: () => ticket, limits: { drainMs: 20_000 } });
    const client = new OpenAI({ apiKey: 'k', baseURL: `http://127.0.0.1:${rig.port}/v1`, maxRetries: 0 });
    const stream = await client.chat.completions.create({ model: 'm', messages: MESSAGES, stream: true });
    for await (const _ of stream) break;
    await until(() => rig.events.length === 1, 'it is metered');
    await until(() => upstream.asked.size === 0, 'the upstream is given up');
    expect(rig.events[0]).toMatchObject({ stopReason: 'COST_LIMIT' });
    expect(rig.passages[0]!.ticket.ends).toBe(1);
  });

  it('goes on where its control lets it finish, and is metered above its hold', async () => {
    const { ticket, asked } = ticketOf(200, 'finish', undefined);
    const { rig, upstream } = await start('ollama', { hold: () => ticket });
    const piece = chunkOf(Buffer.from(PIECES.ollama));
    const last = {
      model: 'm',
      message: { role: 'assistant', content: '' },
      done: true,
      done_reason: 'stop',
      prompt_eval_count: 11,
      eval_count: 1_000,
    };
    upstream.script = (socket) => {
      socket.write(chunkedHead(TYPES.ollama));
      for (let count = 0; count < 1_000; count += 1) socket.write(piece);
      socket.end(Buffer.concat([chunkOf(Buffer.from(`${JSON.stringify(last)}\n`)), Buffer.from('0\r\n\r\n')]));
    };
    expect(await readBy('ollama', rig.port)).toEqual({ reason: 'stop', words: 1_000 });
    expect(rig.events[0]).toMatchObject({
      stopReason: 'END',
      outputTokenCount: 1_000,
      attributes: { usageState: 'reported' },
    });
    expect(asked.length).toBeLessThan(12);
  });

  it('asks for nothing where the request limits itself and all of that is held', async () => {
    const { ticket, asked } = ticketOf(0, 'cut', undefined);
    const bound = { isOutputLimited: true, outputTokensMax: 100 };
    const { rig, upstream } = await start('ollama', { hold: () => ticket, bound });
    upstream.script = (socket) => {
      socket.write(chunkedHead(TYPES.ollama));
      for (let count = 0; count < 100; count += 1) socket.write(chunkOf(Buffer.from(PIECES.ollama)));
      socket.end(
        Buffer.concat([
          chunkOf(Buffer.from('{"model":"m","done":true,"done_reason":"length"}\n')),
          Buffer.from('0\r\n\r\n'),
        ]),
      );
    };
    const client = new Ollama({ host: `http://127.0.0.1:${rig.port}` });
    const read = await client.generate({ model: 'm', prompt: 'x', stream: true });
    for await (const _ of read);
    expect(asked).toEqual([]);
    expect(rig.events[0]).toMatchObject({ stopReason: 'TOKEN_LIMIT' });
  });
});
