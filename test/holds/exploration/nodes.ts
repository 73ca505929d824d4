/** Sides of states, each kept once, with what comes of it computed once. */
import { answered, clientMoves, killed, later } from './client-model.js';
import { callsKeyOf, clientKeyOf, inputKeyOf, ledgerKeyOf, mirrorOf } from './keys.js';
import { ledgerStep } from './ledger-model.js';
import type { Answer, Client, Ledger, LedgerInput, Setting } from './protocol.js';
import type { Rules } from './rules.js';

/** A state of the ledger, how it was reached first, and everything that was put into it. */
export interface LedgerNode {
  readonly id: number;
  readonly ledger: Ledger;
  /** The key of its mirror image: of two images the first that is met lends its id. */
  readonly mirrorId: () => number;
  way: { readonly from: LedgerNode; readonly by: LedgerInput } | undefined;
  readonly steps: Map<string, LedgerEdge>;
}

/** What came of an input. */
export interface LedgerEdge {
  readonly input: LedgerInput;
  readonly next: LedgerNode;
  readonly answer: Answer | undefined;
  /** The same input again changes nothing. */
  readonly isSafeToRepeat: boolean;
}

/** A state of a process. */
export interface ClientNode {
  readonly id: number;
  readonly client: Client;
  callsId: number | undefined;
  /** By the tick. */
  readonly moves: Map<number, readonly { readonly name: string; readonly next: ClientNode }[]>;
  readonly later: Map<number, ClientNode>;
}

/** All sides that were met in one exploration. */
export class Nodes {
  readonly #setting: Setting;
  readonly #rules: Rules;
  readonly #ledgers = new Map<string, LedgerNode>();
  readonly #clients = new Map<string, ClientNode>();
  readonly #calls = new Map<string, number>();

  constructor(setting: Setting, rules: Rules) {
    this.#setting = setting;
    this.#rules = rules;
  }

  /** Those that were reached, and not only looked at as a mirror image. */
  get ledgers(): readonly LedgerNode[] {
    return [...this.#ledgers.values()].filter(({ way, id }) => way !== undefined || id === 0);
  }

  ledger(ledger: Ledger): LedgerNode {
    const key = ledgerKeyOf(ledger);
    const known = this.#ledgers.get(key);
    if (known !== undefined) return known;
    let mirror: number | undefined;
    const mirrorId = (): number => {
      mirror ??= this.ledger(mirrorOf(ledger)).id;
      return mirror;
    };
    const node: LedgerNode = { id: this.#ledgers.size, ledger, mirrorId, way: undefined, steps: new Map() };
    this.#ledgers.set(key, node);
    return node;
  }

  step(node: LedgerNode, input: LedgerInput): LedgerEdge {
    const key = inputKeyOf(input);
    const known = node.steps.get(key);
    if (known !== undefined) return known;
    const { ledger, answer } = ledgerStep(node.ledger, input, this.#setting, this.#rules);
    const again = ledgerStep(ledger, input, this.#setting, this.#rules).ledger;
    const next = this.ledger(ledger);
    if (next !== node && next.id !== 0) next.way ??= { from: node, by: input };
    const isSafeToRepeat = input.op === 'tick' || ledgerKeyOf(again) === ledgerKeyOf(ledger);
    const edge: LedgerEdge = { input, next, answer, isSafeToRepeat };
    node.steps.set(key, edge);
    return edge;
  }

  client(client: Client): ClientNode {
    const key = clientKeyOf(client);
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const node: ClientNode = { id: this.#clients.size, client, callsId: undefined, moves: new Map(), later: new Map() };
    this.#clients.set(key, node);
    return node;
  }

  /** The same for processes with the same calls. */
  callsId(node: ClientNode): number {
    if (node.callsId !== undefined) return node.callsId;
    const key = callsKeyOf(node.client);
    const id = this.#calls.get(key) ?? this.#calls.size;
    this.#calls.set(key, id);
    node.callsId = id;
    return id;
  }

  moves(node: ClientNode, now: number): readonly { readonly name: string; readonly next: ClientNode }[] {
    const known = node.moves.get(now);
    if (known !== undefined) return known;
    const moves = clientMoves(node.client, now, this.#setting, this.#rules).map(({ name, client }) => ({
      name,
      next: this.client(client),
    }));
    node.moves.set(now, moves);
    return moves;
  }

  answered(node: ClientNode, answer: Answer, now: number): ClientNode {
    return this.client(later(answered(node.client, answer, now, this.#rules), now));
  }

  killed(node: ClientNode): ClientNode {
    return this.client(killed(node.client));
  }

  later(node: ClientNode, now: number): ClientNode {
    const known = node.later.get(now);
    if (known !== undefined) return known;
    const next = this.client(later(node.client, now));
    node.later.set(now, next);
    return next;
  }
}
