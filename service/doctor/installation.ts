/** What surrounds enforcement on this machine: the data folder, the clock, the store, the versions, the address. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { loadSdk, type Runtime, readDeadLetters } from 'fusewire/internal';
import { outboxRoot } from '../gateway/books/outbox-folder.js';
import { sendJson } from '../http/send-json.js';
import { VERSION } from '../version.js';
import { type Examination, Finding } from './examination.js';
import { ask, type Patient } from './patient.js';

/** What is looked at. */
export interface Installation {
  readonly url: string;
  readonly dataDir: string;
  readonly runtime: Runtime;
}

/** The `Date` header has whole seconds. */
const SKEW_MAX_MS = 3_000;
const PRIVATE = /^(fusewire\.db(-wal|-shm)?|credential\.secret|local-door.*\.json)$/;

/** Looks at everything that needs no team. */
export async function examineInstallation(exam: Examination, installation: Installation): Promise<void> {
  const { url, dataDir, runtime } = installation;
  await exam.check('data folder', `chmod 700 ${dataDir}; chmod 600 on its files`, () => lookAtFolder(dataDir));
  await exam.check('store', 'look at the disk and the database of the service, and at its log', async () => {
    const { status, body } = await sendJson({ method: 'GET', url: `${url}/readyz` });
    if (status !== 200) throw new Finding(`the store takes no write (${status}): ${body.slice(0, 200)}`);
    return { detail: 'takes writes' };
  });
  await exam.check('clock', 'set the clocks (NTP): windows and requests go by them', async () => {
    const sentMs = runtime.now();
    const { headers } = await sendJson({ method: 'GET', url: `${url}/healthz` });
    const serviceMs = Date.parse(String(headers.date));
    const aheadMs = serviceMs - sentMs;
    if (Number.isNaN(serviceMs)) throw new Finding('the service does not say what time it has');
    if (Math.abs(aheadMs) > SKEW_MAX_MS) throw new Finding(`the service is ${Math.round(aheadMs / 1_000)} s ahead`);
    return { detail: new Date(serviceMs).toISOString() };
  });
  await exam.check('versions', 'install the same version of fusewire and @fusewire/service, and restart', async () => {
    const { body } = await sendJson({ method: 'GET', url: `${url}/openapi.json` });
    const running = String((JSON.parse(body) as { info?: { version?: unknown } }).info?.version);
    const sdk = (await loadSdk()).version;
    const text = `service ${running}, this command ${VERSION}, SDK ${sdk}`;
    if (running !== VERSION || sdk !== VERSION) throw new Finding(text);
    return { detail: text };
  });
}

/** What the gateway could not record is kept, and counts only there. */
export function lookAtLetters(dataDir: string): () => Promise<{ detail: string }> {
  return async () => {
    const root = outboxRoot(dataDir);
    const folders = await readdir(root).catch(() => []);
    for (const folder of folders.map((name) => join(root, name))) {
      const { letters, torn } = await readDeadLetters(folder);
      const count = letters.length + torn;
      if (count > 0) throw new Finding(`${count} usage events are in the dead letters of ${folder}`);
    }
    return { detail: folders.length === 0 ? 'no gateway metered here yet' : 'everything was recorded' };
  };
}

/** A metering key meters and reads rules; only a write key changes them. */
export function lookAtKeys(patient: Patient): () => Promise<{ detail: string }> {
  return async () => {
    const path = '/v2/api/ai/cost-controls';
    const metering = await ask(patient, { path, key: patient.meteringKey });
    const write = await ask(patient, { path, key: patient.writeKey });
    const none = await ask(patient, { path, key: 'none' });
    if (metering.status !== 403) throw new Finding(`a metering key reads cost controls (${metering.status})`);
    if (write.status !== 200) throw new Finding(`a write key cannot read cost controls (${write.status})`);
    if (none.status !== 401) throw new Finding(`without a key the answer is ${none.status}`);
    return { detail: 'metering, write and none are told apart' };
  };
}

/** The address that programs on this machine are told leads to this service. */
export function lookAtAddress(patient: Patient, address: string): () => Promise<{ detail: string }> {
  return async () => {
    const path = `/v2/api/ai/enforcement-rules/${patient.teamId}`;
    const { status } = await ask({ url: address }, { path, key: patient.meteringKey }).catch((error: Error) => {
      throw new Finding(`${address} does not answer: ${error.message}`);
    });
    if (status === 401) throw new Finding(`${address} is another service than ${patient.url}`);
    if (status !== 200 && status !== 204) throw new Finding(`${address} was asked for rules and answered ${status}`);
    return { detail: address };
  };
}

async function lookAtFolder(dataDir: string): Promise<{ detail: string }> {
  // Windows has no such modes.
  if (process.platform === 'win32') return { detail: `${dataDir} (modes are not looked at here)` };
  const names = (await readdir(dataDir)).filter((name) => PRIVATE.test(name));
  const wide: string[] = [];
  for (const name of ['', ...names]) {
    const { mode } = await stat(join(dataDir, name));
    if ((mode & 0o077) !== 0) wide.push(`${name === '' ? dataDir : name} (${(mode & 0o777).toString(8)})`);
  }
  if (wide.length > 0) throw new Finding(`others may read ${wide.join(', ')}`);
  return { detail: `${dataDir}, private` };
}
