/**
 * The runs of one instance, whichever of its handlers is told of them. A run that two handlers are told of, or one
 * handler twice (in the model's `callbacks` and in the call's), is decided and metered once.
 */
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { AnnouncedCall } from '../announced-calls.js';
import type { Parts } from '../fusewire.js';
import { normaliseMetadata } from '../metadata/normalise.js';
import { currentScope } from '../metadata/scope.js';
import { currentOuterCall, type OuterCall, runInside } from '../outer-call.js';
import { textOf } from '../providers/values.js';
import { ModelRun, statusOf } from './model-run.js';
import { lastText } from './prompt.js';
import { type ModelStart, readModelStart } from './read-request.js';
import { runMetadata } from './run-metadata.js';
import { derivedMetadata, type RunNode, type RunStart, RunTree } from './run-tree.js';
import { type Fields, fieldsOf } from './structure.js';
import { ToolRun } from './tool-run.js';

/** On the parts of an instance: its runs. Shared by every copy of this package, as the default instance is. */
const RUNS = Symbol.for('fusewire.langchain-runs');
/** Runs of models and tools that are open; beyond that the oldest are taken for abandoned (I10). */
const OPEN_MAX = 10_000;

/** The runs of an instance. */
export function runsOf(parts: Parts): LangChainRuns {
  const known: unknown = Reflect.get(parts, RUNS);
  if (known !== undefined) return known as LangChainRuns;
  const runs = new LangChainRuns(parts);
  Object.defineProperty(parts, RUNS, { value: runs });
  return runs;
}

/** Where and under what name a run begins. */
export type Beginning = Omit<RunStart, 'kind' | 'serialized' | 'askedBy'> & { readonly tags: unknown };

/** Runs that one call of LangChain's starts together: it sends for all of them or for none. */
interface Batch {
  readonly runs: ModelRun[];
  readonly announced: AnnouncedCall[];
  /** The layer around all of them. The trail of another run is none: which run is inside of which, LangChain says. */
  readonly around: OuterCall | undefined;
  refusal?: BudgetExceededError;
  /** Its first run reported counts, which are those of all. */
  hasUsage?: boolean;
  /** What its first failed run failed with. */
  error?: unknown;
}

/** Of one instance. */
export class LangChainRuns {
  readonly #parts: Parts;
  readonly #tree = new RunTree();
  readonly #models = new Map<string, ModelRun>();
  readonly #tools = new Map<string, ToolRun>();
  /** By the object that LangChain hands to every start of one call. */
  readonly #batches = new WeakMap<object, Batch>();
  readonly #batchOf = new WeakMap<ModelRun, Batch>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** A chain, an agent or a retriever begins: no event of its own. */
  chainStarted(kind: 'chain' | 'retriever', serialized: unknown, beginning: Beginning): void {
    this.#tree.begin({ ...beginning, kind, serialized });
  }

  /** It ended, however. */
  chainEnded(runId: string): void {
    this.#tree.end(runId);
  }

  /** Whether a run is under way. */
  has(runId: string): boolean {
    return this.#tree.has(runId);
  }

  /**
   * A model is about to be asked. Returns a promise where a hold is waited for.
   *
   * @throws BudgetExceededError when a budget that covers the call is used up; nothing else is thrown.
   */
  modelStarted(start: ModelStart, beginning: Beginning, handlerMetadata: Fields): Promise<void> | undefined {
    if (this.#models.has(start.runId)) return undefined;
    const batch = this.#batchFor(start.extraParams);
    if (batch.refusal !== undefined) throw batch.refusal;
    const { path, runtime } = this.#parts;
    const node = this.#tree.begin({ ...beginning, kind: 'model', serialized: start.serialized });
    let run: ModelRun | undefined;
    let waiting: Promise<void> | undefined;
    const baseUrl = runtime.env['OPENAI_BASE_URL'] ?? runtime.env['OPENAI_API_BASE'];
    const request = readModelStart(start, textOf(baseUrl), () => run?.isStreamed === true);
    try {
      const metadata = this.#metadataOf(node, start.metadata, beginning.tags, handlerMetadata);
      const admitted = runInside(batch.around, () => path.admit(request, metadata));
      // A call is announced in the very run of the callback: the hold comes to its attempt later, and LangChain waits.
      const secured = path.secure(admitted);
      const admission = secured instanceof Promise ? admitted : secured;
      const attempt = path.begin(admission);
      if (secured instanceof Promise) {
        waiting = secured.then(
          ({ hold }) => attempt.keepHold(hold),
          (error: unknown) => this.#refusedLate(start.runId, batch, error),
        );
      }
      // A model that asks another model: the one inside meters.
      if (admission.outer === undefined) this.#models.get(beginning.parentId ?? '')?.meterInside(attempt);
      // A completion model may send several prompts in one request, a chat model never does.
      const together = start.kind === 'completion' ? batch.announced : [];
      const call = path.announce(admission, attempt, { promptPart: lastText(start.prompt), together });
      run = new ModelRun(attempt, call, path.announced, runtime);
    } catch (error) {
      this.#tree.end(start.runId);
      if (error instanceof BudgetExceededError) this.#refuse(batch, error);
      throw error;
    }
    batch.runs.push(run);
    this.#batchOf.set(run, batch);
    keepOpen(this.#models, start.runId, run, (oldest) => oldest.abandon());
    return waiting;
  }

  #refusedLate(runId: string, batch: Batch, error: unknown): never {
    this.#take(runId);
    if (error instanceof BudgetExceededError) this.#refuse(batch, error);
    throw error;
  }

  token(runId: string, token: unknown, message: unknown): void {
    this.#models.get(runId)?.token(token, message);
  }

  modelEnded(runId: string, result: unknown, extraParams: unknown): void {
    const run = this.#take(runId);
    if (run === undefined) return;
    const batch = this.#batchOf.get(run);
    const { tokenUsage } = fieldsOf(fieldsOf(result)['llmOutput']);
    const hasUsage = Object.keys(fieldsOf(tokenUsage)).length > 0;
    if (batch?.runs[0] === run) batch.hasUsage = hasUsage;
    // The counts of several prompts that went out in one request are all with the first of them.
    else if (batch?.hasUsage === true && batch.announced.length > 1 && !hasUsage) {
      run.withdraw();
      return;
    }
    this.#tree.asked(run.ended(result, extraParams), run.transactionId);
  }

  modelFailed(runId: string, error: unknown, extraParams: unknown): void {
    const run = this.#take(runId);
    if (run === undefined) return;
    const batch = this.#batchOf.get(run);
    // With a status it was one answer; without one, every request may have been under way.
    const isSame = batch !== undefined && statusOf(error) !== undefined && batch.error === error;
    if (batch !== undefined) batch.error ??= error;
    // One request for several prompts failed once; a look into LangChain's cache sent nothing.
    if (isSame || fieldsOf(extraParams)['cached'] === true) run.withdraw();
    else run.failed(error);
  }

  toolStarted(serialized: unknown, beginning: Beginning, toolCallId: unknown, handlerMetadata: Fields): void {
    if (this.#tools.has(beginning.id)) return;
    const askedBy = this.#tree.askedBy(textOf(toolCallId));
    const node = this.#tree.begin({ ...beginning, kind: 'tool', serialized, askedBy });
    const given = this.#metadataOf(node, beginning.metadata, beginning.tags, handlerMetadata);
    const details = {
      langchainRunId: beginning.id,
      ...(textOf(toolCallId) === undefined ? {} : { toolCallId }),
      ...(askedBy === undefined ? {} : { parentTransactionId: askedBy }),
    };
    const metadata = this.#parts.metadata.resolve(given).fields;
    const run = new ToolRun(this.#parts, { serialized, runName: beginning.runName, metadata, details });
    keepOpen(this.#tools, beginning.id, run, () => undefined);
  }

  toolEnded(runId: string, output: unknown): void {
    this.#tools.get(runId)?.ended(output);
    this.#forgetTool(runId);
  }

  toolFailed(runId: string, error: unknown): void {
    this.#tools.get(runId)?.failed(error);
    this.#forgetTool(runId);
  }

  /**
   * Call beats scope beats handler beats instance and environment; what follows from the place among the runs fills in
   * what none of them named.
   */
  #metadataOf(node: RunNode, metadata: unknown, tags: unknown, handlerMetadata: Fields): Fields {
    const around = { ...handlerMetadata, ...currentScope()?.fields };
    const { fields } = this.#parts.metadata.resolve(around, runMetadata(metadata, tags));
    const given: Record<string, unknown> = { ...fields };
    for (const [name, value] of Object.entries(derivedMetadata(node))) given[name] ??= value;
    return given;
  }

  #batchFor(extraParams: unknown): Batch {
    if (typeof extraParams !== 'object' || extraParams === null) return this.#newBatch();
    let batch = this.#batches.get(extraParams);
    if (batch === undefined) {
      batch = this.#newBatch();
      this.#batches.set(extraParams, batch);
    }
    return batch;
  }

  #newBatch(): Batch {
    const around = currentOuterCall(this.#parts.book.sink);
    return { runs: [], announced: [], around: around?.isAnnounced === true ? undefined : around };
  }

  /** One prompt of a call is refused: LangChain then sends none of them. */
  #refuse(batch: Batch, refusal: BudgetExceededError): void {
    batch.refusal = refusal;
    for (const run of batch.runs) run.withdraw();
  }

  #take(runId: string): ModelRun | undefined {
    const run = this.#models.get(runId);
    this.#models.delete(runId);
    this.#tree.end(runId);
    return run;
  }

  #forgetTool(runId: string): void {
    this.#tools.delete(runId);
    this.#tree.end(runId);
  }
}

/** Metadata of a handler in canonical names. */
export function handlerMetadataOf(given: unknown): Fields {
  return normaliseMetadata(given).fields as Fields;
}

function keepOpen<R>(open: Map<string, R>, id: string, run: R, drop: (oldest: R) => void): void {
  open.set(id, run);
  if (open.size <= OPEN_MAX) return;
  for (const [oldestId, oldest] of open) {
    open.delete(oldestId);
    drop(oldest);
    return;
  }
}
