// A gateway's books in a process of its own, under load until it is killed. Arguments: folder, place of the store, team.
// Says `begun ID` when an attempt is noted and `ended ID` when its event is kept.
import { createRuntime } from 'fusewire/internal';
import { openPostgresStore } from '../../../../service/store/postgres/open-postgres-store.js';
import { openSqliteStore } from '../../../../service/store/sqlite/open-sqlite-store.js';
import { begin, callOf, openBooks } from './books-support.js';

const [folder = '', place = '', teamId = ''] = process.argv.slice(2);
const runtime = createRuntime({}, 'CRITICAL');
const store = await (place.startsWith('postgres:')
  ? openPostgresStore({ url: place, runtime })
  : openSqliteStore({ file: place, runtime, inProcess: true }));
const books = openBooks(store, folder, runtime);
await books.recover();
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** A request is sent when its note is on the disk, and its answer is ended when its event is. */
function written(): Promise<void> {
  const { outbox } = books.sinkOf(teamId);
  return new Promise((resolve) => (outbox.whenWritten === undefined ? resolve() : outbox.whenWritten(resolve)));
}

async function customer(number: number): Promise<void> {
  const call = callOf(teamId, { customer: `cus_${number}` });
  for (;;) {
    const admission = await books.admit(call);
    if (admission.outcome === 'admit') {
      const attempt = begin(books, call);
      await written();
      say(`begun ${attempt.id}`);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
      attempt.end(admission.ticket);
      await written();
      say(`ended ${attempt.id}`);
    } else {
      say(admission.outcome);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

// Whoever started it is gone: so is this.
process.stdin.resume();
process.stdin.once('end', () => process.exit(0));
await Promise.all(Array.from({ length: 8 }, (_, i) => customer(i % 3)));
