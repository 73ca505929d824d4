/** What must be true of holds when a simulated world has come to rest. */
import type { HoldOperation, HoldOutcome } from 'fusewire/internal';
import type { HoldRecord } from '../../service/ledger/holds/hold-reading.js';
import type { CostControl, Page, StoredEvent } from '../../service/store/store.js';
import { type Ends, read } from './checks.js';
import { HELD_AGENT, HELD_MODEL, INPUT_CENTS, OUTPUT_CENTS } from './hard-acts.js';
import { type HardBook, leftIn } from './hard-book.js';

const PAGE = { page: 0, size: 10_000 };
/** Nano-dollars a cent. */
const CENT = 10_000_000n;
/** After so long every raise and every bypass is over. */
const RAISED_MS = 25_000;
const INPUT = 1;
const OUTPUT = 5;

/** Holds that are open still, in words. */
export async function stillHeld(ends: Ends): Promise<string[]> {
  const { items } = await read<Page<HoldRecord>>(ends, 'listHolds', { ...PAGE, state: 'open' });
  return items.map(({ id, owner, expiresAtMs }) => `${id} of ${owner} is open until ${expiresAtMs}`);
}

/** `mayCharge`: holds may have ended before their owners were heard of. */
export async function checkHardAtTheEnd(ends: Ends, book: HardBook, mayCharge: boolean): Promise<string[]> {
  const { items: events } = await read<Page<StoredEvent>>(ends, 'findEvents', PAGE);
  const { items: holds } = await read<Page<HoldRecord>>(ends, 'listHolds', PAGE);
  return book.checkAtTheEnd({
    events,
    holds,
    read: (controlId) => ends.database.query('select-balances', { controlId }),
    mayBeCharged: ({ owner }) => mayCharge || ends.fates.hard.killed.has(owner),
  });
}

/** Nobody who can pay is refused, and nobody else is let in: by the arithmetic of what is left. */
export async function whoCanPay(ends: Ends, book: HardBook): Promise<string[]> {
  const problems: string[] = [];
  await ends.world.pass(RAISED_MS);
  const { items } = await read<Page<CostControl>>(ends, 'listControls', PAGE);
  const budgets = items.filter(({ id, enabled }) => book.ids.includes(id) && enabled);
  for (const [i, subscriberId] of [undefined, 'u1', 'u2'].entries()) {
    const id = `00000000-0000-4000-9000-${String(i).padStart(12, '0')}`;
    const short: string[] = [];
    const nowMs = ends.world.wallMs;
    for (const control of budgets) {
      if (control.groupBy !== null && subscriberId === undefined) continue;
      const rows = await ends.database.query('select-balances', { controlId: control.id });
      const left = leftIn(control, rows, control.groupBy === null ? '' : subscriberId!, nowMs);
      const asked = control.metricType === 'TOTAL_COST' ? CENTS_ASKED * CENT : BigInt(INPUT + OUTPUT);
      if (left <= 0n || asked > left) short.push(control.id);
    }
    const operations: readonly HoldOperation[] = [
      takeOf(id, subscriberId),
      { op: 'give-back', id, sequence: 1, keep: {} },
    ];
    const [outcome] = await read<readonly HoldOutcome[]>(ends, 'operateHolds', operations);
    if ((outcome?.outcome === 'refused') === short.length > 0) continue;
    problems.push(
      `${subscriberId} asks, [${short.join(', ')}] are short, and the answer is ${JSON.stringify(outcome)}`,
    );
  }
  return problems;
}

const CENTS_ASKED = BigInt(INPUT * INPUT_CENTS + OUTPUT * OUTPUT_CENTS);

function takeOf(id: string, subscriberId: string | undefined): HoldOperation {
  return {
    ...{ op: 'take', id, owner: 'who asks in the end', calls: 1 },
    call: {
      dimensions: { model: HELD_MODEL, provider: 'OPENAI', agent: HELD_AGENT, ...(subscriberId && { subscriberId }) },
      ...{ provider: 'OPENAI', modelSource: 'OPENAI', model: HELD_MODEL, operationType: 'CHAT' },
    },
    need: {
      worst: {
        ...{ inputTokensMax: INPUT, outputTokensMax: OUTPUT, isOutputLimited: true },
        ...{ images: 0, characters: 0, mediaSeconds: 0, cacheWrites: 'none', hasSound: false },
      },
    },
  };
}
