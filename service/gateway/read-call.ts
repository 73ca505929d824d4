/** From a request that has arrived whole to the call that is decided on, or why there is none. Pure, but for the log. */
import type { IncomingHttpHeaders } from 'node:http';
import { boundBodyOfBytes, boundOf, type CallBound, callOf, noParts, stripInjectedUsage } from 'fusewire/internal';
import { upstreamPathOf } from './configured-upstream.js';
import { type GatewayConfig, ollamaUpstream } from './gateway-config.js';
import { Failure } from './http/failure.js';
import { queryOf } from './http/surfaces.js';
import { type Edit, edited, modelEdits, usageEdit } from './read/body-edits.js';
import { createCallerMetadata } from './read/caller-metadata.js';
import { limitEdits } from './read/limit-edits.js';
import { type ReadBody, readBody } from './read/read-body.js';
import { refusedRequest } from './read/request-policy.js';
import { readForUpstream } from './read/upstream-reading.js';
import { createModelRouter, type ModelRouterParts, type RoutedModel } from './route-model.js';
import type { GatewayCall, GatewayCaller, Surface } from './types.js';

/** A request as it came, behind authentication. */
export interface ArrivedRequest {
  readonly caller: GatewayCaller;
  readonly surface: Surface;
  /** As asked for, with its query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What a hard budget changes of a request before it lets it pass. */
export interface CallChanges {
  /** As a caller would name it; read, routed and decided on like any other. */
  readonly model?: string | undefined;
  /** All answers together have no more tokens than that. */
  readonly outputTokensMax?: number | undefined;
}

/** Reads a request. Never throws; what could not be read is not forwarded. */
export type ReadCall = (request: ArrivedRequest, changes?: CallChanges) => GatewayCall | Failure;

/** Endpoints that are sent as forms. */
const FORMS: ReadonlySet<string> = new Set([
  'openai.images.edits',
  'openai.images.variations',
  'openai.audio.transcriptions',
  'openai.audio.translations',
]);
/** What answers where no model is named: only where there is one answer to that. */
const STANDARD_MODELS: ReadonlyMap<string, string> = new Map([
  ['openai.moderations', 'omni-moderation-latest'],
  ['openai.images.variations', 'dall-e-2'],
]);
const NAMED: ReadonlySet<string> = new Set(['model']);
/** Ollama takes `name` for `model` there. */
const SHOW = 'ollama.show';
const SHOWN: ReadonlySet<string> = new Set(['model', 'name']);
const ASKS_USAGE: ReadonlySet<string> = new Set(['openai.chat.completions', 'openai.completions']);

/** Makes the reader. `spelling` and `note` as for {@link createModelRouter}. */
export function createReadCall(config: GatewayConfig, parts: Omit<ModelRouterParts, 'config'> = {}): ReadCall {
  const router = createModelRouter({ config, ...parts });
  const metadataOf = createCallerMetadata();

  const callFor = (
    request: ArrivedRequest,
    { upstream, billedModel }: RoutedModel,
    body: ReadBody,
    edits: readonly Edit[],
    outputTokensMax?: number,
  ) => {
    const { caller, surface, headers } = request;
    const upstreamPath = upstreamPathOf(upstream, surface.path) + queryOf(surface, request.url);
    const model = upstream.protocol === 'ollama' && billedModel !== '' ? billedModel : undefined;
    const sent = { method: surface.method, path: upstreamPath, fields: body.fields, model };
    const found = readForUpstream(upstream, surface.dialect, sent);
    // The table of surfaces and the adapters know the same paths; the base path of an upstream could hide one.
    if (found === undefined || (surface.kind === 'call' && !found.reading.known)) return UNREADABLE;
    const { reading, adapter } = found;
    const isAsking = reading.streaming && found.takesIncludeUsage && ASKS_USAGE.has(surface.name);
    const usage = isAsking ? usageEdit(body) : undefined;
    const limits = outputTokensMax === undefined ? [] : limitEdits(reading, body, outputTokensMax);
    if (limits === undefined) return UNLIMITABLE;
    const metadata = metadataOf(caller, headers);
    return {
      caller,
      surface,
      upstream,
      upstreamPath,
      adapter,
      reading,
      metadata,
      dimensions: callOf(metadata.dimensions, reading.model, reading.provider),
      bound: limitedTo(boundOf(reading, boundBodyOfBytes(body), config), outputTokensMax),
      body: edited(body.raw, usage === undefined ? [...edits, ...limits] : [...edits, ...limits, usage]),
      rewrite: usage === undefined ? undefined : stripInjectedUsage,
    };
  };

  const read: ReadCall = (request, changes = {}) => {
    const { surface, headers, caller } = request;
    if (surface.method !== 'POST') {
      return callFor(request, { upstream: ollamaUpstream(config), model: '', billedModel: '' }, NO_BODY, []);
    }
    const contentType = headers['content-type'];
    const body = readBody(request.body, contentType, FORMS.has(surface.name));
    if (typeof body === 'string') return new Failure(400, 'invalid_body', `the body ${body}`);
    const asked = modelAskedFor(surface, body);
    if (asked instanceof Failure) return asked;
    const routed = router.route(changes.model ?? asked, surface, caller.key);
    if (routed instanceof Failure) return routed;
    if (body.json !== undefined && routed.upstream.protocol !== 'ollama' && !isJson(contentType)) return NOT_JSON;
    const refused =
      surface.kind === 'call' ? refusedRequest(body, surface.dialect, config.allowHostedTools) : undefined;
    if (refused !== undefined) return refused;
    const edits = editsFor(surface, body, routed.model, asked);
    if (edits === undefined) return UNREADABLE;
    body.fields['model'] = routed.model;
    return callFor(request, routed, body, edits, changes.outputTokensMax);
  };

  return (request, changes) => {
    try {
      return read(request, changes);
    } catch {
      // Whatever it was, nothing of it is sent.
      return UNREADABLE;
    }
  };
}

const NO_BODY: ReadBody = Object.freeze({
  raw: Buffer.alloc(0),
  fields: Object.freeze({}),
  parts: Object.freeze(noParts()),
  files: Object.freeze([]),
  json: undefined,
  formModel: undefined,
});
const UNREADABLE = new Failure(400, 'unreadable_request', 'the request cannot be read, so it was not sent');
const UNLIMITABLE = new Failure(400, 'unlimitable_request', 'the output of this request cannot be limited further');
const NOT_JSON = new Failure(
  400,
  'invalid_content_type',
  "send it with the header content-type: application/json (curl: -H 'content-type: application/json'); a server that reads " +
    'the body as a form could find another model in it',
);

/** `undefined`: the model that is asked for cannot be renamed. */
function editsFor({ name }: Surface, body: ReadBody, model: string, asked: unknown): readonly Edit[] | undefined {
  if (model === asked) return [];
  const edits = modelEdits(body, model, name === SHOW ? SHOWN : NAMED);
  return edits.length === 0 ? undefined : edits;
}

function limitedTo(bound: CallBound, outputTokensMax: number | undefined): CallBound {
  if (outputTokensMax === undefined) return bound;
  return { ...bound, outputTokensMax: Math.min(bound.outputTokensMax, outputTokensMax), isOutputLimited: true };
}

/** Another encoding could make another text of the same bytes. Ollama reads JSON whatever the header says. */
function isJson(contentType: string | undefined): boolean {
  return contentType === undefined || /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(contentType);
}

function modelAskedFor({ name }: Surface, { fields }: ReadBody): unknown {
  const { model } = fields;
  if (name === SHOW && fields['name'] !== undefined) {
    if (model === undefined || model === fields['name']) return fields['name'];
    return new Failure(400, 'invalid_model', 'model and name are two names for the same: send one of them');
  }
  if (model !== undefined) return model;
  const text = 'the body must name a model: without one nobody can say what the call costs';
  return STANDARD_MODELS.get(name) ?? new Failure(400, 'missing_model', text);
}
