// A child process of the store's crash tests: records events one after the other, and says each that was acknowledged.
import { createRuntime } from 'fusewire/internal';
import { openPostgresStore } from '../../service/store/postgres/open-postgres-store.js';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';

const [file = '', teamId = '', round = ''] = process.argv.slice(2);
const runtime = createRuntime({}, 'CRITICAL');

try {
  const isAddress = file.startsWith('postgres:');
  const store = await (isAddress ? openPostgresStore({ url: file, runtime }) : openSqliteStore({ file, runtime }));
  process.stdout.write('open\n');
  let number = 0;
  const record = async (lane: number): Promise<void> => {
    for (;;) {
      number += 1;
      const transactionId = `r${round}-${lane}-${number}`;
      const nowMs = runtime.now();
      const body = { transactionId, model: 'm', provider: 'P', totalCost: 0.01, totalTokenCount: 1 };
      const event = { transactionId, receivedAtMs: nowMs, body };
      // Half of them under an Idempotency-Key.
      if (lane % 2 === 0) await store.recordEvents(teamId, [event]);
      else await store.recordOnce(teamId, { key: transactionId, bodyHash: 'h', event });
      process.stdout.write(`${transactionId}\n`);
      // Sent again, as a client does that lost the answer: must not count twice.
      if (number % 5 === 0) await store.recordEvents(teamId, [event]);
    }
  };
  if (teamId !== '') await Promise.all([0, 1, 2, 3].map(record));
  else process.stdin.resume();
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  process.stdout.write(`${code}: ${message}\n`);
  process.exit(3);
}
