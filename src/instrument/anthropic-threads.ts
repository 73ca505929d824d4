/**
 * Message threads of the beta API, and the tool runner, which runs over one: a streamed turn starts by itself and wraps
 * whatever goes wrong in an error of the client's. So each turn is decided before it starts.
 */
import { ADMITTED, override, partOf, type StainlessClient } from './stainless-client.js';
import type { DecideAhead } from './stainless-helpers.js';

type Method = (this: unknown, ...args: unknown[]) => unknown;

const MESSAGES_PATH = '/v1/messages';

/** Sees to every thread that the client will make. Versions without threads have nothing to see to. */
export function guardThreads(client: StainlessClient, decide: DecideAhead): void {
  const messages = partOf(client, 'beta', 'messages');
  if (typeof messages !== 'object' || messages === null) return;
  after(messages, 'thread', (thread) => guardThread(thread, decide));
  after(messages, '_toolRunnerThread', (made) => guardThread(partOf(Object(made), 'thread'), decide));
}

function guardThread(thread: unknown, decide: DecideAhead): void {
  if (typeof thread !== 'object' || thread === null) return;
  after(thread, 'fork', (fork) => guardThread(fork, decide));
  const start: unknown = Reflect.get(thread, '_stream');
  if (typeof start !== 'function') return;
  override(thread, '_stream', (stream: unknown, added: unknown, params: unknown, options: unknown) => {
    const ahead = decide(MESSAGES_PATH, bodyOf(thread, params), options);
    // Of the options only the signal reaches the request as the object that it is.
    const signal = partOf(Object(stream), 'controller', 'signal');
    if (ahead !== undefined && typeof signal === 'object' && signal !== null) override(signal, ADMITTED, ahead);
    return Reflect.apply(start, thread, [stream, added, params, options]);
  });
}

/** The thread's own parameters with those of the turn over them: enough to decide on. */
function bodyOf(thread: object, params: unknown): object {
  try {
    return { ...Object(partOf(thread, 'params')), ...Object(params), stream: true };
  } catch {
    return { stream: true };
  }
}

/** Lays `see` behind a method: it is told what the method returned. */
function after(owner: object, name: string, see: (returned: unknown) => void): void {
  const original: unknown = Reflect.get(owner, name);
  if (typeof original !== 'function') return;
  const seeing: Method = (...args) => {
    const returned: unknown = Reflect.apply(original, owner, args);
    see(returned);
    return returned;
  };
  override(owner, name, seeing);
}
