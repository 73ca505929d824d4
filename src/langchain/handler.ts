/**
 * The callback handler for `@langchain/core`. It imports nothing of it: LangChain takes any object with a `name` and
 * these methods.
 */
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { Parts } from '../fusewire.js';
import { enterOuter } from '../outer-call.js';
import { partsOf } from '../parts-of.js';
import { listOf, textOf } from '../providers/values.js';
import { type HandlerSetup, type ReveniumConfig, readConfig } from './config.js';
import { type Beginning, type LangChainRuns, runsOf } from './runs.js';
import { fieldsOf } from './structure.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Guards and meters what LangChain does: each run of a model is refused before it is sent while a budget that covers it
 * is used up, and metered once after it ended; each run of a tool becomes a tool event. Hand it over in `callbacks`, of
 * a model or of a call: a call's reach everything that it does. Where the model's own client is guarded too
 * (`fusewire/register`, a guarded `fetch`), the call is decided and metered once, by attempts.
 *
 * LangChain waits for this handler and hands its error on: the `BudgetExceededError` itself arrives at the caller. No
 * other error comes from here.
 *
 * @throws FusewireError from the constructor, with code `INVALID_OPTIONS`, listing every problem.
 * @example
 * import { ChatOpenAI } from '@langchain/openai';
 * import { ReveniumCallbackHandler } from 'fusewire/langchain';
 *
 * const handler = new ReveniumCallbackHandler({ organizationName: 'Northwind', subscriber: { id: 'u-88' } });
 * const options = { callbacks: [handler], metadata: { usageMetadata: { taskType: 'classify' } } };
 * await new ChatOpenAI({ model: 'gpt-4o-mini' }).invoke('Is it spam?', options);
 */
export class ReveniumCallbackHandler {
  readonly name = 'fusewire';
  /** LangChain awaits each method before it goes on: a refusal comes before the request. */
  readonly awaitHandlers = true;
  /** What a method throws reaches the caller; only a refusal is ever thrown. */
  readonly raiseError = true;
  readonly ignoreLLM = false;
  readonly ignoreChain = false;
  readonly ignoreAgent = false;
  readonly ignoreRetriever = false;
  readonly ignoreCustomEvent = true;
  readonly #setup: HandlerSetup;
  #saidBroken = false;

  constructor(config: ReveniumConfig = {}) {
    this.#setup = readConfig(config);
    // Contexts are kept from here on, before a promise of any run exists: see src/outer-call.ts.
    enterOuter();
    this.#parts();
  }

  /** Before a completion model is asked. @throws BudgetExceededError when a budget that covers the call is used up */
  handleLLMStart(
    llm: object,
    prompts: readonly string[],
    runId: string,
    parentRunId?: string,
    extraParams?: object,
    tags?: readonly string[],
    metadata?: object,
    runName?: string,
  ): void | Promise<void> {
    return this.#start('completion', llm, prompts, beginning(runId, parentRunId, tags, metadata, runName), extraParams);
  }

  /** Before a chat model is asked. @throws BudgetExceededError when a budget that covers the call is used up */
  handleChatModelStart(
    llm: object,
    messages: readonly (readonly unknown[])[],
    runId: string,
    parentRunId?: string,
    extraParams?: object,
    tags?: readonly string[],
    metadata?: object,
    runName?: string,
  ): void | Promise<void> {
    return this.#start('chat', llm, messages, beginning(runId, parentRunId, tags, metadata, runName), extraParams);
  }

  /** A token of a streamed answer. */
  handleLLMNewToken(
    token: string,
    _indices: object,
    runId: string,
    _parentRunId?: string,
    _tags?: readonly string[],
    fields?: object,
  ): void {
    this.#harmless((runs) => runs.token(runId, token, fieldsOf(fieldsOf(fields)['chunk'])['message']));
  }

  /** A streamed answer in LangChain's newer protocol, where another handler asked for that. */
  handleChatModelStreamEvent(event: object, runId: string): void {
    this.#harmless((runs) => {
      const { delta } = fieldsOf(event);
      if (delta !== undefined) runs.token(runId, fieldsOf(delta)['text'], undefined);
    });
  }

  /** A model's run ended well. */
  handleLLMEnd(
    output: object,
    runId: string,
    _parentRunId?: string,
    _tags?: readonly string[],
    extraParams?: object,
  ): void {
    this.#harmless((runs) => runs.modelEnded(runId, output, extraParams));
  }

  /** A model's run failed or was aborted. */
  handleLLMError(
    error: unknown,
    runId: string,
    _parentRunId?: string,
    _tags?: readonly string[],
    extraParams?: object,
  ): void {
    this.#harmless((runs) => runs.modelFailed(runId, error, extraParams));
  }

  /** A tool begins. */
  handleToolStart(
    tool: object,
    _input: string,
    runId: string,
    parentRunId?: string,
    tags?: readonly string[],
    metadata?: object,
    runName?: string,
    toolCallId?: string,
  ): void {
    const start = beginning(runId, parentRunId, tags, metadata, runName);
    this.#harmless((runs) => runs.toolStarted(tool, start, toolCallId, this.#setup.metadata));
  }

  /** A tool gave its result. */
  handleToolEnd(output: unknown, runId: string): void {
    this.#harmless((runs) => runs.toolEnded(runId, output));
  }

  /** A tool threw. */
  handleToolError(error: unknown, runId: string): void {
    this.#harmless((runs) => runs.toolFailed(runId, error));
  }

  /** A chain or an agent begins. Versions of LangChain differ in where they put the parent's id and the run's name. */
  handleChainStart(
    chain: object,
    _inputs: object,
    runId: string,
    fourth?: string,
    tags?: readonly string[],
    metadata?: object,
    seventh?: string,
    eighth?: string,
  ): void {
    this.#harmless((runs) => {
      const isId = (text: string | undefined) => text !== undefined && (UUID.test(text) || runs.has(text));
      const parentRunId = [fourth, eighth].find(isId);
      const runName = isId(eighth) ? seventh : (eighth ?? undefined);
      runs.chainStarted('chain', chain, beginning(runId, parentRunId, tags, metadata, runName));
    });
  }

  /** A chain or an agent ended well. */
  handleChainEnd(_outputs: unknown, runId: string): void {
    this.#harmless((runs) => runs.chainEnded(runId));
  }

  /** A chain or an agent failed. */
  handleChainError(_error: unknown, runId: string): void {
    this.#harmless((runs) => runs.chainEnded(runId));
  }

  /** An agent chose a tool: the tool's own run is what is metered. */
  handleAgentAction(): void {}

  /** An agent finished: its chain's end follows. */
  handleAgentEnd(): void {}

  /** A retriever begins: models that it asks belong to its trace. */
  handleRetrieverStart(
    retriever: object,
    _query: string,
    runId: string,
    parentRunId?: string,
    tags?: readonly string[],
    metadata?: object,
    runName?: string,
  ): void {
    const start = beginning(runId, parentRunId, tags, metadata, runName);
    this.#harmless((runs) => runs.chainStarted('retriever', retriever, start));
  }

  /** A retriever ended well. */
  handleRetrieverEnd(_documents: unknown, runId: string): void {
    this.#harmless((runs) => runs.chainEnded(runId));
  }

  /** A retriever failed. */
  handleRetrieverError(_error: unknown, runId: string): void {
    this.#harmless((runs) => runs.chainEnded(runId));
  }

  /** LangChain copies handlers that it finds in a context; this one keeps its runs in its instance. */
  copy(): this {
    return this;
  }

  /** What is left of the handler where LangChain serialises a model with its callbacks. */
  toJSON(): object {
    return { name: this.name };
  }

  /** Delivers what is waiting; resolves to whether everything was acknowledged in `timeoutMs` (default 5,000). */
  flush(options?: { timeoutMs?: number }): Promise<boolean> {
    return this.#setup.instance().flush(options);
  }

  /** Resolves to whether rules are loaded, in `timeoutMs` (default 10,000) at the latest. Never rejects. */
  ready(options?: { timeoutMs?: number }): Promise<boolean> {
    return this.#setup.instance().ready(options);
  }

  /** Ends the handler's own instance, if it has one; else it only delivers what is waiting. Never rejects. */
  async close(): Promise<void> {
    if (this.#setup.own === undefined) await this.flush();
    else await this.#setup.own.close();
  }

  #start(
    kind: 'chat' | 'completion',
    serialized: object,
    given: readonly unknown[],
    start: Beginning,
    extraParams: object | undefined,
  ): Promise<void> | undefined {
    const { id: runId, metadata } = start;
    return this.#harmless((runs) => {
      const prompt = kind === 'chat' ? listOf(given).flatMap(listOf) : listOf(given);
      return runs.modelStarted({ kind, serialized, prompt, runId, extraParams, metadata }, start, this.#setup.metadata);
    });
  }

  #parts(): Parts {
    const parts = partsOf(this.#setup.instance());
    parts.providers.add('langchain');
    return parts;
  }

  /** LangChain hands on whatever is thrown here: nothing but a refusal may be (I2). */
  #harmless<T>(task: (runs: LangChainRuns) => T): T | undefined {
    try {
      return task(runsOf(this.#parts()));
    } catch (error) {
      if (error instanceof BudgetExceededError) throw error;
      this.#sayBroken(error);
      return undefined;
    }
  }

  #sayBroken(error: unknown): void {
    if (this.#saidBroken) return;
    this.#saidBroken = true;
    try {
      this.#parts().runtime.log.error('a LangChain run could not be read; please report this', {
        error: String(error),
      });
    } catch {
      // Then there is nobody to tell.
    }
  }
}

/**
 * The same as `new ReveniumCallbackHandler(config)`.
 *
 * @throws FusewireError with code `INVALID_OPTIONS`, listing every problem.
 */
export function createLangChainHandler(config?: ReveniumConfig): ReveniumCallbackHandler {
  return new ReveniumCallbackHandler(config);
}

function beginning(id: string, parentId: unknown, tags: unknown, metadata: unknown, runName: unknown): Beginning {
  return { id, parentId: textOf(parentId), tags, metadata, runName };
}
