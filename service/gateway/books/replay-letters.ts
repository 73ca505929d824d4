/** Events that the ledger did not take are offered to it again: after an upgrade, or when what was wrong with it is mended. */
import { type DeadLetter, readDeadLetters, removeDeadLetters } from 'fusewire/internal';
import type { EventTools } from '../../ingest/canonical-fields.js';
import type { ItemOutcome, Store } from '../../store/store.js';
import { prepareFound } from './prepare-event.js';

/** Of one team. */
export interface ReplayParts {
  readonly store: Pick<Store, 'record'>;
  readonly teamId: string;
  /** Its folder below the data folder of the gateway. */
  readonly folder: string;
  readonly tools: EventTools;
}

/** What became of them. */
export interface Replayed {
  /** New in the ledger. */
  readonly recorded: number;
  /** It had these already. */
  readonly known: number;
  /** Not taken this time either; they stay, and go on to count. */
  readonly left: number;
  /** Why, of the first of them. */
  readonly problems: readonly { readonly transactionId: string; readonly problem: string }[];
}

const BATCH = 200;
const TOLD_MAX = 20;

/**
 * Records them, each once, in the windows of their own time, and takes those out of the files that the ledger has. A gateway
 * that runs sees that within seconds. As often as one likes, also by several at once.
 *
 * @throws what the store or the file system throws; what is recorded by then is taken out
 */
export async function replayLetters({ store, teamId, folder, tools }: ReplayParts): Promise<Replayed> {
  const { letters } = await readDeadLetters(folder);
  const done = new Set<string>();
  const problems: { transactionId: string; problem: string }[] = [];
  let recorded = 0;
  try {
    for (let from = 0; from < letters.length; from += BATCH) {
      const some = letters.slice(from, from + BATCH);
      const items = some.map(({ event, createdAtMs }) => prepareFound(event, createdAtMs, tools));
      const outcomes = await store.record(teamId, items);
      for (const [i, letter] of some.entries()) {
        const problem = problemOf(outcomes[i]);
        if (problem !== undefined) problems.push({ transactionId: idOf(letter), problem });
        else done.add(letter.idempotencyKey);
        const outcome = outcomes[i];
        if (outcome?.state === 'recorded' && outcome.result.outcome === 'stored') recorded += 1;
      }
    }
  } finally {
    if (done.size > 0) await removeDeadLetters(folder, (key) => done.has(key), tools.newId);
  }
  const left = problems.length;
  return { recorded, known: done.size - recorded, left, problems: problems.slice(0, TOLD_MAX) };
}

function problemOf(outcome: ItemOutcome | undefined): string | undefined {
  if (outcome?.state === 'recorded' || outcome?.state === 'replayed') return undefined;
  return String(outcome?.state === 'failed' ? outcome.error : outcome?.state);
}

function idOf({ event }: DeadLetter): string {
  return event.transactionId;
}
