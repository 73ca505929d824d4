/** Holds the real ledger against the model: every state and every input of an exploration. */
import type { LedgerEdge, LedgerNode } from './nodes.js';
import type { Answer, Ledger } from './protocol.js';
import type { RealLedger, Seen } from './real-ledger.js';

/** What was compared, and the first that differs. */
export interface Conformance {
  readonly states: number;
  readonly inputs: number;
  readonly difference: string | undefined;
}

/** Walks the tree of the ledger's states, each made once; in each, every input that was tried on it. */
export async function conform(real: RealLedger, nodes: readonly LedgerNode[]): Promise<Conformance> {
  const children = new Map<LedgerNode, LedgerEdge[]>();
  for (const node of nodes) {
    const { way } = node;
    if (way === undefined) continue;
    const edge = [...way.from.steps.values()].find(({ input, next }) => next === node && input === way.by);
    if (edge === undefined) throw new Error('a state was reached by no input');
    children.set(way.from, [...(children.get(way.from) ?? []), edge]);
  }
  const walk = new Walk(real, children);
  await walk.visit(nodes[0]!);
  return { states: walk.states, inputs: walk.inputs, difference: walk.difference };
}

class Walk {
  readonly #real: RealLedger;
  readonly #children: ReadonlyMap<LedgerNode, readonly LedgerEdge[]>;
  readonly #path: string[] = [];
  states = 0;
  inputs = 0;
  difference: string | undefined;

  constructor(real: RealLedger, children: ReadonlyMap<LedgerNode, readonly LedgerEdge[]>) {
    this.#real = real;
    this.#children = children;
  }

  async visit(node: LedgerNode): Promise<void> {
    this.states += 1;
    const further = new Set(this.#children.get(node) ?? []);
    for (const edge of node.steps.values()) {
      if (this.difference !== undefined) return;
      const place = this.#real.mark();
      this.#path.push(JSON.stringify(edge.input));
      await this.#try(edge);
      if (this.difference === undefined && further.has(edge)) await this.visit(edge.next);
      this.#path.pop();
      this.#real.back(place);
    }
  }

  async #try({ input, next, answer }: LedgerEdge): Promise<void> {
    this.inputs += 1;
    const given = await this.#real.put(input);
    this.#compare('state', seenIn(next.ledger), await this.#real.see());
    if (answer !== undefined) this.#compare('answer', heard(answer, input.op), heard(given!, input.op));
    if (input.op === 'tick') return;
    // Whatever it was, the same again changes nothing.
    await this.#real.put(input);
    this.#compare('state after a duplicate', seenIn(next.ledger), await this.#real.see());
  }

  #compare(what: string, expected: unknown, found: unknown): void {
    const [one, other] = [JSON.stringify(expected), JSON.stringify(found)];
    if (one === other || this.difference !== undefined) return;
    this.difference = `${this.#path.join(' ')}\n${what} expected: ${one}\n${what} found: ${other}`;
  }
}

/** Without what only the checks know. */
function seenIn({ now, value, held, overrun, holds, recorded }: Ledger): Seen {
  return {
    ...{ now, value, held, overrun },
    holds: holds.map(({ leftAtExpiry: _left, drawnLate: _late, ...hold }) => hold),
    events: recorded.filter(Boolean).length,
  };
}

function heard(answer: Answer, op: string): Partial<Answer> {
  const hasNone = answer.outcome === 'gone' || (answer.outcome === 'refused' && op === 'take');
  if (hasNone) return { outcome: answer.outcome };
  const { outcome, state, sequence, amount, drawn, drawFor, isRecalled } = answer;
  return { outcome, state, sequence, amount, drawn, drawFor, isRecalled };
}
