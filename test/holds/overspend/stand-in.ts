/**
 * A provider that answers after a few milliseconds, on 127.0.0.1. What a call consumes follows from its number, anything up
 * to its output limit, so that everybody knows what was spent in truth.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The model; its output costs a cent a token, its input nothing. */
export const MODEL = 'held-model';
/** Calls that name no limit end by themselves. */
const NATURAL_MAX = 20;
const LATENCY_MS = 3;
const CHUNKS = 8;

/** A call that arrived. */
export interface ArrivedCall {
  readonly number: number;
  readonly tokens: number;
  /** `false`: whoever asked was gone before the end. */
  isAnswered: boolean;
}

/** A started provider. */
export interface StandIn {
  readonly url: string;
  readonly calls: ArrivedCall[];
  close(): Promise<void>;
}

/** What a call consumes: from 1 to its limit, each as likely. */
export function tokensOf(number: number, limit: number): number {
  let mixed = Math.imul(number + 1, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return 1 + (((mixed ^ (mixed >>> 16)) >>> 0) % limit);
}

/** What the caller of `number` says. */
export function promptOf(number: number): string {
  return `call-${number}`;
}

/** Starts it. */
export async function startStandIn(): Promise<StandIn> {
  const calls: ArrivedCall[] = [];
  const server = createServer((request, response) => void answer(request, response, calls));
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, calls: ArrivedCall[]): Promise<void> {
  let text = '';
  for await (const part of request) text += String(part);
  const body = JSON.parse(text) as { max_tokens?: number; stream?: boolean };
  const number = Number(/call-(\d+)/.exec(text)?.[1] ?? -1);
  const limit = body.max_tokens ?? NATURAL_MAX;
  const call: ArrivedCall = { number, tokens: tokensOf(number, limit), isAnswered: false };
  calls.push(call);
  response.once('finish', () => {
    call.isAnswered = true;
  });
  setTimeout(() => {
    if (body.stream === true) stream(response, call, text.includes('include_usage'));
    else whole(response, call);
  }, LATENCY_MS);
}

function headOf({ number }: ArrivedCall, object: string) {
  return { id: `chatcmpl-${number}-${process.hrtime.bigint()}`, object, created: 1_790_000_000, model: MODEL };
}

function usageOf({ tokens }: ArrivedCall) {
  return { prompt_tokens: 5, completion_tokens: tokens, total_tokens: tokens + 5 };
}

function whole(response: ServerResponse, call: ArrivedCall): void {
  const message = { role: 'assistant', content: 'done' };
  const choices = [{ index: 0, message, finish_reason: 'stop' }];
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ ...headOf(call, 'chat.completion'), choices, usage: usageOf(call) }));
}

/** The tokens in a few packets, a word for each. */
function stream(response: ServerResponse, call: ArrivedCall, asked: boolean): void {
  const head = headOf(call, 'chat.completion.chunk');
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (body: object): void => void response.write(`data: ${JSON.stringify({ ...head, ...body })}\n\n`);
  let sent = 0;
  const next = (): void => {
    if (response.destroyed) return;
    const words = Math.min(Math.ceil(call.tokens / CHUNKS), call.tokens - sent);
    sent += words;
    const isLast = sent >= call.tokens;
    const delta = { content: 'word '.repeat(words) };
    send({ choices: [{ index: 0, delta, finish_reason: isLast ? 'stop' : null }] });
    if (!isLast) {
      setTimeout(next, 1);
      return;
    }
    if (asked) send({ choices: [], usage: usageOf(call) });
    response.end('data: [DONE]\n\n');
  };
  next();
}
