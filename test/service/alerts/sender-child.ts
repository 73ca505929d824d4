// A child process of the crash test: every event trips a group, whose alert the sender in this process delivers.
import { createRuntime } from 'fusewire/internal';
import { createAlertSender } from '../../../service/alerts/alert-sender.js';
import { createSecretSealer } from '../../../service/alerts/secrets.js';
import { createTargetGuard } from '../../../service/alerts/targets.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';

const [file = '', teamId = '', round = ''] = process.argv.slice(2);
const runtime = createRuntime({}, 'CRITICAL');
const store = await openSqliteStore({ file, runtime });
const sealer = createSecretSealer(Buffer.alloc(32, 7));
const guard = createTargetGuard('loopback');
createAlertSender({ store, runtime, log: runtime.log, sealer, guard, limitMs: 300 }).start();

for (let number = 0; ; number += 1) {
  const transactionId = `r${round}-${number}`;
  const body = { transactionId, model: 'm', provider: 'P', totalCost: 1, agent: transactionId };
  await store.recordEvents(teamId, [{ transactionId, receivedAtMs: runtime.now(), body }]);
  process.stdout.write(`${transactionId}\n`);
  await new Promise((resolve) => setTimeout(resolve, 5));
}
