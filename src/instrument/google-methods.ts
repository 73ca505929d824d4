/**
 * The methods of a client of `@google/genai` that take a request: own properties of each instance in this client. Here
 * `usageMetadata` is taken out, and answers and chunks are named. Whether a request may leave is decided further in, in
 * the transport, where every way through the client ends.
 */
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { readGoogleRequest } from '../providers/google.js';
import { reasonOf } from './answer-watch.js';
import { callOfConfig, GoogleCall, watchAnswers, withCall } from './google-call.js';
import { hasMethods } from './google-client.js';
import { admitGoogle, type GoogleContext } from './google-transport.js';
import { carriedMetadata, withoutMetadata } from './split-usage-metadata.js';

type Method = (this: unknown, params: unknown, ...rest: unknown[]) => unknown;

const MODEL_METHODS = [
  ...['generateContent', 'generateContentStream', 'embedContent', 'generateImages', 'editImage', 'upscaleImage'],
  ...['recontextImage', 'segmentImage', 'generateVideos', 'countTokens', 'computeTokens'],
] as const;

/** Lays the methods of `client.models`. */
export function guardModels(models: object, context: GoogleContext): void {
  for (const name of MODEL_METHODS) guardMethod(models, name, context);
}

/** Lays one method whose request has a `config`. */
export function guardMethod(owner: object, name: string, context: GoogleContext): void {
  const original: unknown = Reflect.get(owner, name);
  if (typeof original !== 'function') return;
  layOver(owner, name, async function (this: unknown, params, ...rest) {
    if (typeof params !== 'object' || params === null) return original.call(this, params, ...rest);
    const { call, copy } = prepare(params);
    if (name === 'generateContentStream') decideAhead(copy, call, context);
    return watched(await original.call(this, copy, ...rest), call);
  });
}

/** The request as the client gets it, and the call that it belongs to: a new one, or a chat's. */
function prepare(params: object): { readonly call: GoogleCall; readonly copy: Record<string, unknown> } {
  const { metadata } = carriedMetadata(params);
  const copy = withoutMetadata(params) as Record<string, unknown>;
  const given = callOfConfig(copy['config']);
  const call = given ?? new GoogleCall(metadata);
  if (given === undefined) copy['config'] = withCall(copy['config'], call);
  return { call, copy };
}

function watched(result: unknown, call: GoogleCall): unknown {
  if (typeof result === 'object' && result !== null && Symbol.asyncIterator in result && 'next' in result) {
    watchAnswers(result as unknown as AsyncIterator<unknown>, call);
  } else call.name(result);
  return result;
}

/**
 * With automatic function calling the client sends a stream's first request when the stream is first read. It is decided
 * at the call all the same: a refusal comes from the same place whether there are tools or not.
 */
function decideAhead(params: Record<string, unknown>, call: GoogleCall, context: GoogleContext): void {
  const config = params['config'] as Record<string, unknown> | undefined;
  const tools = config?.['tools'];
  if (!Array.isArray(tools) || !tools.some((tool) => hasMethods(tool, ['callTool']))) return;
  try {
    const url = `/models/${String(params['model'])}:streamGenerateContent`.replace(/^\/models\/(?=.*\/)/, '/');
    call.ahead = admitGoogle(context, readGoogleRequest({ method: 'POST', url, body: {} }), call.metadata);
  } catch (error) {
    if (error instanceof BudgetExceededError) throw error;
    context.warnOnce(`a stream could not be decided ahead: ${reasonOf(error)}`);
  }
}

/** Lays `chats.create`: its chats take `usageMetadata` for all their messages, and with each message. */
export function guardChats(chats: object): void {
  const create: unknown = Reflect.get(chats, 'create');
  if (typeof create !== 'function') return;
  layOver(chats, 'create', function (this: unknown, params, ...rest) {
    if (typeof params !== 'object' || params === null) return create.call(this, params, ...rest);
    const { metadata } = carriedMetadata(params);
    const chat: unknown = create.call(this, withoutMetadata(params), ...rest);
    if (typeof chat === 'object' && chat !== null) guardChat(chat, metadata);
    return chat;
  });
}

function guardChat(chat: object, ofAll: unknown): void {
  for (const name of ['sendMessage', 'sendMessageStream'] as const) {
    const original: unknown = Reflect.get(chat, name);
    if (typeof original !== 'function') continue;
    layOver(chat, name, async function (this: unknown, params, ...rest) {
      if (typeof params !== 'object' || params === null) return original.call(this, params, ...rest);
      const { metadata } = carriedMetadata(params);
      const copy = withoutMetadata(params) as Record<string, unknown>;
      // The client takes the message's own config, or else the chat's.
      const config = copy['config'] ?? Reflect.get(chat, 'config');
      copy['config'] = withCall(config, new GoogleCall(merged(ofAll, metadata)));
      return original.call(this, copy, ...rest);
    });
  }
}

/** What was said with the message beats what was said of the chat. */
function merged(ofAll: unknown, metadata: unknown): unknown {
  if (typeof ofAll !== 'object' || ofAll === null) return metadata;
  return typeof metadata === 'object' && metadata !== null ? { ...ofAll, ...metadata } : ofAll;
}

/** Keeps name and number of parameters: whoever looks at the method sees the client's. */
function layOver(owner: object, name: string, method: Method): void {
  const original: unknown = Reflect.get(owner, name);
  Object.defineProperty(method, 'name', { value: name, configurable: true });
  if (typeof original === 'function') {
    Object.defineProperty(method, 'length', { value: original.length, configurable: true });
  }
  const isEnumerable = Object.getOwnPropertyDescriptor(owner, name)?.enumerable === true;
  Object.defineProperty(owner, name, { value: method, writable: true, configurable: true, enumerable: isEnumerable });
}
