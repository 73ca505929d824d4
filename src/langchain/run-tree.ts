/** The runs that are under way, as a forest: from it come trace ids, the agent's name and what a call was made for. */

import { listOf, textOf } from '../providers/values.js';
import { type Fields, fieldsOf } from './structure.js';

/** One run. */
export interface RunNode {
  readonly id: string;
  /** The outermost run: the trace. */
  readonly rootId: string;
  readonly kind: 'chain' | 'tool' | 'model' | 'retriever';
  readonly parent: RunNode | undefined;
  /** The name that somebody gave it; class names of LangChain's own building blocks are none. */
  readonly name: string | undefined;
  /** The agent's name, where LangChain says it. */
  readonly agent: string | undefined;
  /** Of a tool: the model call that asked for it. */
  readonly askedBy: string | undefined;
}

/** What a start callback says of a run. */
export interface RunStart {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly kind: RunNode['kind'];
  readonly serialized: unknown;
  readonly runName: unknown;
  readonly metadata: unknown;
  readonly askedBy?: string | undefined;
}

/** Runs and tool calls that are remembered; beyond that the oldest are forgotten: some never end (I10). */
const RUNS_MAX = 10_000;
/** Names of LangChain's and LangGraph's building blocks, which say nothing about the program. */
const GENERIC =
  /^(Runnable\w*|LangGraph|__\w+__|\w*(Template|Prompt|Parser|Lambda|Sequence|Branch|Channels?(Read|Write)|Retry|StructuredOutput)\w*|agent|tools|model_request|call_model|lambda)(<.*>)?$|^(Channel|Branch)[A-Z<]/;

/** Never throws. */
export class RunTree {
  readonly #runs = new Map<string, RunNode>();
  readonly #askedBy = new Map<string, string>();

  /** A run begins. */
  begin(start: RunStart): RunNode {
    const known = this.#runs.get(start.id);
    if (known !== undefined) return known;
    const parent = start.parentId === undefined ? undefined : this.#runs.get(start.parentId);
    const node: RunNode = {
      id: start.id,
      rootId: parent?.rootId ?? start.parentId ?? start.id,
      kind: start.kind,
      parent,
      name: givenName(start),
      agent: textOf(fieldsOf(start.metadata)['lc_agent_name']),
      askedBy: start.askedBy,
    };
    bounded(this.#runs, node.id, node);
    return node;
  }

  end(id: string): void {
    this.#runs.delete(id);
  }

  has(id: string): boolean {
    return this.#runs.has(id);
  }

  /** A model call asked for these tool calls. */
  asked(toolCallIds: readonly string[], transactionId: string): void {
    for (const id of toolCallIds) bounded(this.#askedBy, id, transactionId);
  }

  /** The model call that asked for this tool call. */
  askedBy(toolCallId: string | undefined): string | undefined {
    return toolCallId === undefined ? undefined : this.#askedBy.get(toolCallId);
  }
}

/**
 * Fields of usage metadata that follow from where a run stands; whatever anybody named beats them: the trace is the
 * outermost run, the agent the one that LangChain names or the outermost run with a name of its own, and the parent the
 * model call that asked for the tool in which this one is made.
 */
export function derivedMetadata(node: RunNode): Fields {
  let agent: string | undefined;
  let outermost: string | undefined;
  let nearest: string | undefined;
  let askedBy: string | undefined;
  for (let at: RunNode | undefined = node; at !== undefined; at = at.parent) {
    agent ??= at.agent;
    askedBy ??= at.askedBy;
    if (at.name === undefined) continue;
    nearest ??= at.name;
    if (at.kind === 'chain') outermost = at.name;
  }
  return {
    traceId: node.rootId,
    agent: agent ?? outermost,
    transactionName: nearest,
    parentTransactionId: askedBy,
  };
}

function givenName({ kind, serialized, runName }: RunStart): string | undefined {
  // A model's own class is no name: only what the program called the run.
  if (kind === 'model') return textOf(runName);
  const { name, id } = fieldsOf(serialized);
  const text = textOf(runName) ?? textOf(name) ?? textOf(listOf(id).at(-1));
  return text === undefined || (kind === 'chain' && GENERIC.test(text)) ? undefined : text;
}

function bounded<V>(map: Map<string, V>, key: string, value: V): void {
  map.set(key, value);
  if (map.size <= RUNS_MAX) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
