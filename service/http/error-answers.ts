/** Every failure leaves the service in one shape; what is unexpected is logged and answered without its details. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { StoreError } from '../store/store-error.js';
import { ApiError, errorBody, type FieldProblem, invalidFields } from './api-error.js';
import type { Api, ServiceContext } from './types.js';

/** Seconds; at most 20, so that clients try again soon and do not go into cool-down (contract 9.3). */
const RETRY_AFTER_SECONDS = '5';

/** Installs the handlers of errors and of unknown paths. */
export function installErrorAnswers(api: Api, context: ServiceContext, bodyLimitBytes: number): void {
  api.setErrorHandler((error: FastifyError, request, reply) => {
    const answer = toApiError(error, bodyLimitBytes);
    // A full disk fails every request; the store says it once.
    const said = error instanceof StoreError && (error as StoreError).code === 'UNAVAILABLE';
    if (answer.statusCode >= 500 && !said) {
      context.log.error('a request failed', {
        method: request.method,
        route: request.routeOptions.url,
        error: describe(error),
      });
    }
    return send(reply, answer);
  });
  api.setNotFoundHandler((request, reply) => send(reply, unknownPath(request)));
}

/** Sends an error; used where there is no handler to throw from. */
export function send(reply: FastifyReply, error: ApiError): FastifyReply {
  for (const [name, value] of Object.entries(error.headers)) reply.header(name, value);
  reply.request.refusalCode = error.code;
  return reply
    .code(error.statusCode)
    .type('application/json')
    .send(JSON.stringify(errorBody(error)));
}

function toApiError(error: FastifyError | ApiError | StoreError, bodyLimitBytes: number): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof StoreError) return storeAnswer(error);
  if (hasZodFastifySchemaValidationErrors(error)) {
    return invalidFields(
      uniqueFields(error.validation.map(({ instancePath, message }) => fieldOf(instancePath, message))),
    );
  }
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ApiError(415, 'unsupported_media_type', 'send JSON with the header Content-Type: application/json');
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ApiError(413, 'body_too_large', `the body is larger than ${bodyLimitBytes} bytes`);
    case 'FST_ERR_HANDLER_TIMEOUT':
      return unavailable('the service did not finish in time');
  }
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return new ApiError(status, 'bad_request', error.message);
  if (status === 503) return unavailable('the service is not available right now');
  return new ApiError(500, 'internal_error', 'the service failed; its log says why');
}

/** What the store refuses as a person's mistake is one; anything else is over when the store works again. */
function storeAnswer(error: StoreError): ApiError {
  if (error.code === 'CONFLICT') return new ApiError(409, 'conflict', error.message);
  if (error.code !== 'INVALID_CONTROL' && error.code !== 'INVALID')
    return unavailable('the store is not available right now');
  return invalidFields(Object.entries(error.problems).map(([field, problem]) => ({ field, problem })));
}

function unavailable(message: string): ApiError {
  return new ApiError(503, 'unavailable', message, { headers: { 'retry-after': RETRY_AFTER_SECONDS } });
}

function fieldOf(instancePath: string, message: string | undefined): FieldProblem {
  return { field: instancePath.slice(1).replaceAll('/', '.'), problem: message ?? 'is not valid' };
}

function uniqueFields(problems: readonly FieldProblem[]): FieldProblem[] {
  const byField = new Map<string, FieldProblem>();
  for (const problem of problems) if (!byField.has(problem.field)) byField.set(problem.field, problem);
  return [...byField.values()];
}

function unknownPath(request: FastifyRequest): ApiError {
  const path = request.url.split('?')[0]!.slice(0, 200);
  const metering = /^(\/meter)?\/v2\/apis\//.test(path);
  const message = metering
    ? `${path} meters API traffic, which this service does not; it takes POST /meter/v2/ai/completions and its neighbours`
    : `there is nothing at ${request.method} ${path}; /openapi.json lists what there is`;
  const paths = [
    '/v2/api/…',
    '/profitstream/v2/api/…',
    '/meter/v2/ai/completions',
    '/health',
    '/ready',
    '/openapi.json',
  ];
  return new ApiError(404, 'not_found', message, { details: { paths } });
}

/** Name, message and stack; never the request or its body. */
function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error);
}
