/** What the ledger has to say when all is over: kept from the outside, by what was asked for and what came back. */
import type { CallOutcome } from './caller.js';
import type { Expected, PlannedCall } from './calls.js';

/** An event of the ledger, as far as it is compared. */
export interface LedgerEvent {
  readonly transactionId: string;
  /** Nano-dollars; `undefined`: the price is unknown. */
  readonly nanoUsd: bigint | undefined;
}

const PROBLEMS_MAX = 40;

/** Of one customer. */
export class Oracle {
  readonly problems: string[] = [];
  readonly #byId = new Map<string, { readonly expected: Expected; readonly name: string }>();
  readonly #endings = new Map<string, number>();
  /** Calls whose caller never saw a head: they may have reached the ledger, at most so often and for so much each. */
  #unseen = 0;
  #unseenMost = 0n;
  #calls = 0;

  get calls(): number {
    return this.#calls;
  }

  /** How often each ending came. */
  endings(): ReadonlyMap<string, number> {
    return this.#endings;
  }

  /** Notes a call of this customer and what became of it. */
  made(call: PlannedCall, outcome: CallOutcome): void {
    this.#calls += 1;
    const { status, transactionId, refused } = outcome;
    this.#count(refused ?? (status === undefined ? 'no answer' : String(status)));
    if (call.status !== undefined && status !== call.status) {
      this.#problem(`${call.name}: answered ${status} ${refused ?? ''} and not ${call.status}`);
    }
    if (call.status !== undefined && status === call.status && !outcome.isComplete) {
      this.#problem(`${call.name}: the answer did not come to its end`);
    }
    if (transactionId !== undefined) {
      if (this.#byId.has(transactionId)) this.#problem(`${call.name}: the id ${transactionId} came twice`);
      this.#byId.set(transactionId, { expected: call.expected, name: call.name });
    } else if (status === undefined && call.manner !== 'leaves before its request is whole') {
      this.#unseen += 1;
      const most = 'exact' in call.expected ? call.expected.exact : call.expected.atMost;
      if (most > this.#unseenMost) this.#unseenMost = most;
    } else if (status !== undefined && refused === undefined) {
      this.#problem(`${call.name}: answered ${status} without an id and without a reason`);
    }
  }

  /** Compares with the ledger, event by event, and returns their sum. */
  compare(events: readonly LedgerEvent[]): bigint {
    let sum = 0n;
    let unseen = 0;
    const seen = new Set<string>();
    for (const { transactionId, nanoUsd } of events) {
      if (seen.has(transactionId)) this.#problem(`the event ${transactionId} is there twice`);
      seen.add(transactionId);
      const known = this.#byId.get(transactionId);
      sum += nanoUsd ?? 0n;
      if (nanoUsd === undefined) this.#problem(`${known?.name ?? transactionId}: the price is unknown`);
      else if (known !== undefined) this.#compareOne(known.name, known.expected, nanoUsd);
      else {
        unseen += 1;
        if (nanoUsd > this.#unseenMost) this.#problem(`an event that nobody saw costs ${nanoUsd}`);
      }
    }
    for (const [id, { name }] of this.#byId) if (!seen.has(id)) this.#problem(`${name}: ${id} is not in the ledger`);
    if (unseen > this.#unseen) this.#problem(`${unseen} events of ${this.#unseen} calls that nobody saw the head of`);
    return sum;
  }

  #compareOne(name: string, expected: Expected, nanoUsd: bigint): void {
    if ('exact' in expected) {
      if (nanoUsd !== expected.exact) this.#problem(`${name}: costs ${nanoUsd} and not ${expected.exact}`);
    } else if (nanoUsd < 0n || nanoUsd > expected.atMost) {
      this.#problem(`${name}: costs ${nanoUsd}, more than ${expected.atMost}`);
    }
  }

  #count(ending: string): void {
    this.#endings.set(ending, (this.#endings.get(ending) ?? 0) + 1);
  }

  #problem(text: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(text);
  }
}
