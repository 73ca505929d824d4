/** What a program says about its tools. */
import type { AnyFunction } from '../attribution/wrap-function.js';
import { FusewireError } from '../errors.js';
import { isRecord } from '../wire/is-record.js';

/** What a tool comes to: awaited, and of a generator its return value. */
export type ToolResult<F extends AnyFunction> =
  ReturnType<F> extends Generator<unknown, infer R, never> | AsyncGenerator<unknown, infer R, never>
    ? R
    : Awaited<ReturnType<F>>;

/** Who and what a tool ran for (contract 5.7); what is not given comes from scopes, instance and environment. */
export interface ToolContext {
  readonly agent?: string;
  readonly organizationName?: string;
  readonly productName?: string;
  readonly workflowId?: string;
  readonly traceId?: string;
  readonly agenticJobId?: string;
  /** A live key of somebody: raw only on the wire to a Revenium host (I12). Default: that of the subscriber. */
  readonly subscriberCredential?: string;
}

/** Anything about the run of a tool that is worth keeping: plain JSON, nested at most 5 deep. */
export type ToolUsage = Readonly<Record<string, unknown>>;

/** Options of `meterTool`. `Result` is what the tool returns, awaited; of a generator, its return value. */
export interface MeterToolOptions<Result = never> extends ToolContext {
  /** @defaultValue `'execute'` */
  readonly operation?: string;
  /** Names of properties of the result that are kept as `usageMetadata`. */
  readonly outputFields?: readonly string[];
  /** Kept with the event, over `outputFields`; a function is asked with the result, after a success only. */
  readonly usageMetadata?: ToolUsage | ((result: Result) => ToolUsage | undefined);
  /** What the run cost in US dollars; a function is asked with the result, after a success only. Absent: unknown (I5). */
  readonly costUsd?: number | ((result: Result) => number | undefined);
}

/** Options of any tool, as they are used. */
export type AnyToolOptions = MeterToolOptions;

/** One run of a tool, for `reportToolCall`. */
export interface ToolCall extends ToolContext {
  readonly toolId: string;
  /** Milliseconds, 0 or more; rounded. */
  readonly durationMs: number;
  /** @defaultValue `true`, or `false` where there is an `errorMessage` */
  readonly success?: boolean;
  /** Left out after a success. */
  readonly errorMessage?: string;
  /** @defaultValue `'execute'` */
  readonly operation?: string;
  /** When the tool began to run: ISO-8601 text, a `Date`, or milliseconds since the epoch. Default: `durationMs` ago. */
  readonly timestamp?: string | Date | number;
  readonly costUsd?: number;
  readonly usageMetadata?: ToolUsage;
  /** @defaultValue a new one */
  readonly transactionId?: string;
}

/** Of a tool's name; the service takes no more. */
const NAME_MAX = 256;
const OPERATION_MAX = 1000;
const TRANSACTION_ID_MAX = 255;

type Check = readonly [(value: unknown) => boolean, string];

const isText = (max: number) => (value: unknown) =>
  typeof value === 'string' && value.trim() !== '' && value.length <= max;
const text = (max: number): Check => [isText(max), `must be a text of 1 to ${max} characters`];
const aText: Check = [(value) => typeof value === 'string', 'must be a text'];
const anAmount = (value: unknown) => Number.isFinite(value) && Number(value) >= 0;
const isFunction = (value: unknown) => typeof value === 'function';
const isNames = (value: unknown) => Array.isArray(value) && value.every((name) => typeof name === 'string');

const CONTEXT: Readonly<Record<keyof ToolContext, Check>> = {
  agent: aText,
  organizationName: aText,
  productName: aText,
  workflowId: aText,
  traceId: aText,
  agenticJobId: aText,
  subscriberCredential: aText,
};

const OPTIONS: Readonly<Record<keyof AnyToolOptions, Check>> = {
  ...CONTEXT,
  operation: text(OPERATION_MAX),
  outputFields: [isNames, 'must be a list of names'],
  usageMetadata: [(value) => isRecord(value) || isFunction(value), 'must be an object or a function'],
  costUsd: [(value) => anAmount(value) || isFunction(value), 'must be a number of 0 or more, or a function'],
};

const CALL: Readonly<Record<keyof ToolCall, Check>> = {
  ...CONTEXT,
  toolId: text(NAME_MAX),
  durationMs: [anAmount, 'must be a number of milliseconds, 0 or more'],
  success: [(value) => typeof value === 'boolean', 'must be true or false'],
  errorMessage: aText,
  operation: text(OPERATION_MAX),
  timestamp: [isTime, 'must be an ISO-8601 time, a Date or milliseconds since the epoch'],
  costUsd: [anAmount, 'must be a number of 0 or more'],
  usageMetadata: [isRecord, 'must be an object'],
  transactionId: text(TRANSACTION_ID_MAX),
};

function isTime(value: unknown): boolean {
  if (typeof value !== 'string' && typeof value !== 'number' && !(value instanceof Date)) return false;
  return !Number.isNaN(new Date(value).getTime());
}

/** The problems of an object, by name. `null` and `undefined` count as not given. */
function problemsOf(given: unknown, checks: Readonly<Record<string, Check>>, what: string): string[] {
  if (!isRecord(given)) return [`${what} must be an object`];
  const problems: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue;
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined) problems.push(`${name} is not one of ${Object.keys(checks).join(', ')}`);
    else if (!check[0](value)) problems.push(`${name} ${check[1]}`);
  }
  return problems;
}

/** Checks what `meterTool` is given. @throws FusewireError with code `INVALID_OPTIONS` */
export function checkToolOptions(toolId: unknown, options: unknown): void {
  const problems = problemsOf(options, OPTIONS, 'the options of meterTool()');
  if (!isText(NAME_MAX)(toolId)) problems.unshift(`toolId ${text(NAME_MAX)[1]}`);
  if (problems.length > 0) throw new FusewireError('INVALID_OPTIONS', problems);
}

/** Checks what `reportToolCall` is given. @throws FusewireError with code `INVALID_EVENT` */
export function checkToolCall(call: unknown): void {
  const problems = problemsOf(call, CALL, 'the call of a tool');
  for (const name of ['toolId', 'durationMs']) {
    const value: unknown = isRecord(call) ? call[name] : undefined;
    if (isRecord(call) && (value === undefined || value === null)) problems.push(`${name} is missing`);
  }
  if (problems.length > 0) throw new FusewireError('INVALID_EVENT', problems);
}
