/** A request in fal's queue whose process ends, in whichever way, before the result is read: counted once (I4). */
import { createFalClient } from '@fal-ai/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CallPath, createCallPath } from '../../src/call.js';
import { instrumentFal } from '../../src/instrument/fal.js';
import { createMetadataResolver } from '../../src/metadata/resolver.js';
import type { Attempt } from '../../src/metering/attempt.js';
import { createCredentialSeal } from '../../src/metering/credential-seal.js';
import { openDiskOutbox } from '../../src/metering/disk-outbox.js';
import { SegmentReader } from '../../src/metering/segment-record.js';
import { createRuntime } from '../../src/runtime.js';
import { temporaryDirectories } from '../cache/support/temporary-directory.js';
import { createRecordingPath } from '../helpers/recording-path.js';
import { falId, type StubFal, startStubFal } from '../helpers/stub-fal.js';
import { OWNER } from '../metering/support/outbox-folder.js';

const FLUX = 'fal-ai/flux/dev';
const OPTIONS = { input: { prompt: 'a cat' }, usageMetadata: { agent: 'painter' } };
const temporary = temporaryDirectories();
let stub: StubFal;
beforeAll(async () => {
  stub = await startStubFal();
});
afterAll(() => stub.close());
beforeEach(() => stub.reset());

const clientOn = (path: CallPath) =>
  instrumentFal(createFalClient({ credentials: 'k', fetch: stub.fetch, retry: { maxRetries: 0 } }), path, runtime);
const runtime = createRuntime({}, 'ERROR');

/** A path on a durable outbox, with the lines that it wrote so far. */
function durable() {
  const lines: string[] = [];
  const write = (_fd: number, text: string) => {
    lines.push(...text.split('\n'));
    return Buffer.byteLength(text);
  };
  const outbox = openDiskOutbox({ directory: temporary(), owner: OWNER, runtime, write });
  const open = new Set<Attempt>();
  const path = createCallPath(
    { decide: () => ({ outcome: 'allow', code: 'ALLOWED' }) },
    createMetadataResolver(runtime),
    {
      ...{ runtime, outbox, open, middlewareSource: 'test' },
      ...{ refused: () => undefined, started: () => undefined, estimateTokens: () => 1 },
    },
    runtime,
  );
  const left = () => {
    const reader = new SegmentReader(createCredentialSeal('owner', () => undefined));
    for (const line of lines) reader.line(line);
    return reader.outstanding();
  };
  return { path, outbox, open, left };
}

describe('a queued request whose process ends', () => {
  it('by a crash: its recovered event has the name under which whoever reads the result meters it', async () => {
    const { path, left, outbox } = durable();
    const answer = await clientOn(path).queue.submit(FLUX, OPTIONS);
    expect(left()).toMatchObject([
      { kind: 'note', event: { transactionId: falId(1), agent: 'painter', attributes: { usageState: 'estimated' } } },
    ]);
    expect(Reflect.get(answer, '_revenium_transaction_id')).toBe(falId(1));
    const reader = createRecordingPath();
    await clientOn(reader.path).queue.result(FLUX, { requestId: falId(1) });
    expect(reader.events).toMatchObject([{ transactionId: falId(1) }]);
    await outbox.close();
  });

  it('in good order: so does the event of the attempt that it leaves open', async () => {
    const { path, left, open, outbox } = durable();
    await clientOn(path).queue.submit(FLUX, OPTIONS);
    for (const attempt of open) attempt.settle('abandoned');
    expect(left()).toMatchObject([{ kind: 'event', event: { transactionId: falId(1) } }]);
    await outbox.close();
  });

  it('an input that was aborted before it was queued is no attempt', async () => {
    const recording = createRecordingPath();
    const client = clientOn(recording.path);
    const abortSignal = AbortSignal.abort();
    for (const task of [
      () => client.run(FLUX, { ...OPTIONS, abortSignal }),
      () => client.queue.submit(FLUX, { ...OPTIONS, abortSignal }),
    ]) {
      await expect(task()).rejects.toThrow('abort');
    }
    expect(stub.requests).toEqual([]);
    expect(recording.started).toEqual([]);
    expect(recording.events).toEqual([]);
  });
});
