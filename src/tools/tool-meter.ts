/** Meters tools: functions that it wraps, and runs that it is told of. One per Fusewire instance. */
import { createDecorator, type FunctionDecorator } from '../attribution/function-decorator.js';
import type { AnyFunction } from '../attribution/wrap-function.js';
import type { MetadataResolver, ResolvedMetadata } from '../metadata/resolver.js';
import type { Runtime } from '../runtime.js';
import type { ToolEvent } from '../wire/usage-event.js';
import { buildToolEvent, type ToolFacts } from './tool-event.js';
import { type AnyToolOptions, checkToolCall, checkToolOptions, type ToolCall } from './tool-options.js';
import { type ToolOutcome, ToolRun } from './tool-run.js';
import { watchTool } from './watch-tool.js';

/** What a {@link ToolMeter} needs of its instance. */
export interface ToolMeterOptions {
  readonly runtime: Runtime;
  readonly metadata: MetadataResolver;
  readonly middlewareSource: string;
  /** Puts an event into the outbox, under a key of its own. */
  readonly append: (idempotencyKey: string, event: ToolEvent) => void;
}

/** What the options, and the result where there is one, tell of a run. */
interface Told {
  readonly costUsd?: number | undefined;
  readonly usageMetadata?: unknown;
}

/** A tool that was wrapped. */
interface MeteredTool {
  readonly toolId: string;
  readonly options: AnyToolOptions;
  /** Whether the log has been told that something of it could not be read. */
  isReported: boolean;
}

/**
 * See `Fusewire.meterTool`. `meterOf` is asked at each run, so that a tool that was wrapped when its module was loaded is
 * metered as the program is configured when it runs.
 *
 * @throws FusewireError with code `INVALID_OPTIONS`
 */
export function wrapTool(
  meterOf: () => ToolMeter,
  toolId: string,
  toolOrOptions?: unknown,
  moreOptions?: unknown,
): FunctionDecorator | AnyFunction {
  const isTool = typeof toolOrOptions === 'function';
  const options = (isTool ? moreOptions : toolOrOptions) ?? {};
  checkToolOptions(toolId, options);
  const metered: MeteredTool = { toolId, options: options as AnyToolOptions, isReported: false };
  const decorator = createDecorator('meterTool()', (tool) => watchTool(tool, () => meterOf().begin(metered)));
  return isTool ? decorator(toolOrOptions as AnyFunction) : decorator;
}

/** No tool is ever harmed: what fails after it ran is logged, once for each tool. */
export class ToolMeter {
  readonly #options: ToolMeterOptions;

  constructor(options: ToolMeterOptions) {
    this.#options = options;
  }

  /** A tool begins to run. */
  begin(tool: MeteredTool): ToolRun {
    const { runtime, metadata } = this.#options;
    const around = metadata.resolve(undefined);
    return new ToolRun(runtime, (outcome) => this.#ended(tool, around, outcome));
  }

  /** See `Fusewire.reportToolCall`. */
  report(callOrToolId: unknown, call?: unknown): string {
    const given = typeof callOrToolId === 'string' ? { ...Object(call), toolId: callOrToolId } : callOrToolId;
    checkToolCall(given);
    const { runtime, metadata } = this.#options;
    const { timestamp, success, transactionId, ...rest } = withoutNull(given as ToolCall);
    const startedAtMs = timestamp === undefined ? runtime.now() - rest.durationMs : new Date(timestamp).getTime();
    const facts: ToolFacts = {
      ...rest,
      transactionId: transactionId ?? runtime.newId(),
      success: success ?? rest.errorMessage === undefined,
      startedAtMs,
    };
    return this.#append(facts, rest, metadata.resolve(undefined));
  }

  #ended(tool: MeteredTool, around: ResolvedMetadata, outcome: ToolOutcome): void {
    const { runtime } = this.#options;
    const { toolId, options } = tool;
    const report = (error: unknown) => {
      if (!tool.isReported) runtime.log.warn('the run of a tool could not be read', { toolId, error: String(error) });
      tool.isReported = true;
    };
    try {
      const { result, ...facts } = outcome;
      const told = outcome.success ? ask(options, result, report) : fixed(options);
      const { operation } = options;
      this.#append({ ...facts, ...told, transactionId: runtime.newId(), toolId, operation }, options, around);
    } catch (error) {
      report(error);
    }
  }

  #append(facts: ToolFacts, context: AnyToolOptions | ToolCall, around: ResolvedMetadata): string {
    const { runtime, middlewareSource, append } = this.#options;
    const event = buildToolEvent(facts, context, around.fields, middlewareSource);
    if (runtime.log.isDebug()) runtime.log.debug('a tool ran', { toolId: event.toolId, success: event.success });
    // A key of its own: the caller's transaction id may come a second time with another body (I4).
    append(runtime.newId(), event);
    return event.transactionId;
  }
}

/** After a failure there is no result to ask. */
function fixed({ costUsd, usageMetadata }: AnyToolOptions): Told {
  return {
    costUsd: typeof costUsd === 'number' ? costUsd : undefined,
    usageMetadata: typeof usageMetadata === 'function' ? undefined : usageMetadata,
  };
}

/** Asks what the options say of a result. The functions are the caller's: one that fails costs its part. */
function ask(options: AnyToolOptions, result: unknown, report: (error: unknown) => void): Told {
  const { costUsd, usageMetadata, outputFields } = options;
  const cost = typeof costUsd === 'function' ? attempt(() => costUsd(result as never), report) : costUsd;
  const isAmount = typeof cost === 'number' && Number.isFinite(cost) && cost >= 0;
  if (cost !== undefined && !isAmount) report(`costUsd is no amount: ${String(cost)}`);
  const usage =
    typeof usageMetadata === 'function' ? attempt(() => usageMetadata(result as never), report) : usageMetadata;
  const picked = outputFields === undefined ? undefined : attempt(() => pick(result, outputFields), report);
  return {
    costUsd: isAmount ? cost : undefined,
    usageMetadata: usage === undefined && picked === undefined ? undefined : { ...picked, ...usage },
  };
}

function attempt<T>(task: () => T, report: (error: unknown) => void): T | undefined {
  try {
    return task();
  } catch (error) {
    report(error);
    return undefined;
  }
}

function pick(result: unknown, names: readonly string[]): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  if (typeof result !== 'object' || result === null) return picked;
  for (const name of names) if (name in result) picked[name] = Reflect.get(result, name);
  return picked;
}

function withoutNull<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined)) as T;
}
