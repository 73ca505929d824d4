// A call of an outer layer that a guarded client inside takes over, on a durable outbox. Kills itself without a word right
// behind the write of this number. Arguments: directory, number.
import { writeSync } from 'node:fs';
import { createCallPath } from '../../../src/call.js';
import { createMetadataResolver } from '../../../src/metadata/resolver.js';
import { openDiskOutbox } from '../../../src/metering/disk-outbox.js';
import { runInside } from '../../../src/outer-call.js';
import type { RequestReading } from '../../../src/providers/adapter.js';
import { createRuntime } from '../../../src/runtime.js';
import { OWNER } from './outbox-folder.js';

const [directory = '', killAfter = ''] = process.argv.slice(2);
let writes = 0;
const write = (fd: number, text: string) => {
  const written = writeSync(fd, text);
  writes += 1;
  if (writes === Number(killAfter)) process.kill(process.pid, 'SIGKILL');
  return written;
};
const runtime = createRuntime({}, 'ERROR');
const outbox = openDiskOutbox({ directory, owner: OWNER, runtime, write });
const path = createCallPath(
  { decide: () => ({ outcome: 'allow', code: 'ALLOWED' }) },
  createMetadataResolver(runtime),
  {
    runtime,
    outbox,
    middlewareSource: 'test',
    open: new Set(),
    refused: () => undefined,
    started: () => undefined,
    estimateTokens: (text) => text.length,
  },
  runtime,
);
const request: RequestReading = {
  endpoint: 'chat.completions',
  known: true,
  provider: 'OPENAI',
  modelSource: 'OPENAI',
  operationType: 'CHAT',
  model: 'm',
  streaming: false,
  promptText: () => 'hello',
  idsAreUnique: false,
  kind: 'call',
};

const admission = path.admit(request, {});
const outer = path.around(admission, path.begin(admission));
runInside(outer, () => {
  const inside = path.begin(path.admit(request, {}));
  inside.answered(() => ({ inputTokens: 7, outputTokens: 2, finished: true, outputText: 'hi' }));
  inside.settle('completed');
});
writeSync(1, `${writes} writes\n`);
