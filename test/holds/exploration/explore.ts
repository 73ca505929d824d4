/** Breadth first over every state that can be reached, each once. */
import { drawFault, faultsOf } from './invariants.js';
import { type ClientNode, type LedgerEdge, type LedgerNode, Nodes } from './nodes.js';
import { firstState, type LedgerInput, type Setting } from './protocol.js';
import { ALL_RULES, type Rules } from './rules.js';

/** What was found. */
export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** The shortest way to a state that must not be, and what is wrong with it. */
  readonly counterexample: { readonly steps: readonly string[]; readonly faults: readonly string[] } | undefined;
  /** Every state of the ledger's side, with what was put into it. */
  readonly ledgers: readonly LedgerNode[];
  /** How often which kind of step was taken. */
  readonly kinds: ReadonlyMap<string, number>;
}

/** A state of everything: sides that are shared with other states. */
interface Whole {
  readonly ledger: LedgerNode;
  readonly clients: readonly [ClientNode, ClientNode];
  readonly crashes: number;
  readonly from: number;
  readonly step: string;
}

/** Explores a setting under rules until nothing is new, or something is wrong. */
export function explore(setting: Setting, rules: Rules = ALL_RULES): Exploration {
  return new Explorer(setting, rules).run();
}

class Explorer {
  readonly #setting: Setting;
  readonly #rules: Rules;
  readonly #nodes: Nodes;
  readonly #found: Whole[] = [];
  readonly #seen = new Set<string>();
  readonly #checked = new Map<string, readonly string[]>();
  readonly #kinds = new Map<string, number>();
  #transitions = 0;
  #counterexample: Exploration['counterexample'];

  constructor(setting: Setting, rules: Rules) {
    this.#setting = setting;
    this.#rules = rules;
    this.#nodes = new Nodes(setting, rules);
  }

  run(): Exploration {
    const { ledger, clients } = firstState(this.#setting);
    const client = this.#nodes.client(clients[0]!);
    this.#meet({ ledger: this.#nodes.ledger(ledger), clients: [client, client], crashes: 0, from: -1, step: '' });
    for (let at = 0; at < this.#found.length && this.#counterexample === undefined; at += 1) {
      this.#processSteps(at, 0);
      this.#processSteps(at, 1);
      this.#timeSteps(at);
    }
    return {
      states: this.#found.length,
      transitions: this.#transitions,
      counterexample: this.#counterexample,
      ledgers: this.#nodes.ledgers,
      kinds: this.#kinds,
    };
  }

  #meet(whole: Whole, fault?: string): void {
    const { ledger, clients, crashes } = whole;
    const key = keyOf(ledger, clients, crashes);
    if ((this.#seen.has(key) && fault === undefined) || this.#counterexample !== undefined) return;
    this.#seen.add(key);
    this.#found.push(whole);
    const faults = fault === undefined ? this.#faults(whole) : [fault];
    if (faults.length > 0) this.#counterexample = { steps: this.#way(this.#found.length - 1), faults };
  }

  /** They are of the ledger and of the calls: states that differ in messages alone have the same. */
  #faults({ ledger, clients, crashes }: Whole): readonly string[] {
    const key = keyFrom(ledger.id, this.#nodes.callsId(clients[0]), this.#nodes.callsId(clients[1]));
    const known = this.#checked.get(key);
    if (known !== undefined) return known;
    const state = { ledger: ledger.ledger, clients: clients.map(({ client }) => client), crashes };
    const faults = faultsOf(state, this.#setting, this.#rules);
    this.#checked.set(key, faults);
    return faults;
  }

  #way(last: number): string[] {
    const steps: string[] = [];
    for (let at = last; at > 0; at = this.#found[at]!.from) steps.unshift(this.#found[at]!.step);
    return steps;
  }

  #step(from: number, name: string, next: Partial<Whole>, fault?: string): void {
    this.#transitions += 1;
    const kind = name.replace(/^\d: /, '').replace(/ \d.*/, '');
    this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1);
    this.#meet({ ...this.#found[from]!, ...next, from, step: name }, fault);
  }

  #timeSteps(from: number): void {
    const { ledger: node, clients } = this.#found[from]!;
    const { ledger } = node;
    if (ledger.now < this.#setting.lastTick) {
      const { next } = this.#nodes.step(node, { op: 'tick' });
      const [one, other] = clients.map((client) => this.#nodes.later(client, next.ledger.now));
      this.#step(from, 'tick', { ledger: next, clients: [one!, other!] });
    }
    if (!ledger.holds.some((hold) => hold.state === 'open' && hold.expiresAt <= ledger.now)) return;
    this.#step(from, 'sweep', { ledger: this.#nodes.step(node, { op: 'sweep' }).next });
  }

  #processSteps(from: number, at: 0 | 1): void {
    const { ledger, clients, crashes } = this.#found[from]!;
    const node = clients[at];
    const { client } = node;
    const now = ledger.ledger.now;
    const { holdsEach } = this.#setting;
    const step = (name: string, next: ClientNode, more: Partial<Whole> = {}, fault?: string): void => {
      const both: Whole['clients'] = at === 0 ? [next, clients[1]] : [clients[0], next];
      this.#step(from, `${at}: ${name}`, { clients: both, ...more }, fault);
    };
    const deliver = (name: string, input: LedgerInput, next: (edge: LedgerEdge) => ClientNode): void => {
      const edge = this.#nodes.step(ledger, input);
      step(name, next(edge), { ledger: edge.next }, edge.isSafeToRepeat ? undefined : 'a duplicate changes something');
    };
    if (client.isAlive) {
      for (const { name, next } of this.#nodes.moves(node, now)) {
        const draws = name.startsWith('draw')
          ? drawFault(ledger.ledger, at * holdsEach + client.hold, this.#setting)
          : undefined;
        step(name, next, {}, draws);
      }
      if (crashes < this.#setting.crashes) step('crash', this.#nodes.killed(node), { crashes: crashes + 1 });
    }
    const { pending, answer, stale } = client;
    if (pending !== undefined && answer === undefined) {
      const arrived = (edge: LedgerEdge) => this.#nodes.client({ ...client, answer: edge.answer });
      deliver(`${pending.op} arrives`, numbered(pending, at * holdsEach), arrived);
    }
    if (answer !== undefined) step(`answer ${answer.outcome}`, this.#nodes.answered(node, answer, now));
    if (stale !== undefined) {
      deliver(`${stale.op} arrives late`, numbered(stale, at * holdsEach), () =>
        this.#nodes.client({ ...client, stale: undefined }),
      );
    }
    for (const [i, call] of client.calls.entries()) {
      if (call.state !== 'outbox') continue;
      const number = at * this.#setting.callsEach + i;
      if (ledger.ledger.recorded[number] !== true) {
        const hold = at * holdsEach + call.hold;
        deliver(`settle ${i}`, { op: 'settle', call: number, hold, cost: call.cost }, () => node);
      } else if (client.isAlive) {
        const calls = client.calls.map((one, n) => (n === i ? { ...one, state: 'known' as const } : one));
        step(`acknowledged ${i}`, this.#nodes.client({ ...client, calls }));
      }
    }
  }
}

/** Of a state and its mirror image. */
function keyOf(ledger: LedgerNode, [one, other]: Whole['clients'], crashes: number): string {
  if (one.id < other.id) return keyFrom(ledger.id, one.id, other.id, crashes);
  if (one.id > other.id) return keyFrom(ledger.mirrorId(), other.id, one.id, crashes);
  return keyFrom(Math.min(ledger.id, ledger.mirrorId()), one.id, one.id, crashes);
}

function keyFrom(...ids: readonly number[]): string {
  let key = '';
  // 32 bits in two characters.
  for (const id of ids) key += String.fromCharCode(id & 0x7fff, id >>> 15);
  return key;
}

/** The operation of a process with the number that its hold has in the ledger. */
function numbered<I extends { readonly hold: number }>(operation: I, first: number): I {
  return { ...operation, hold: first + operation.hold };
}
