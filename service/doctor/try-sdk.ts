/** The SDK in a program of its own making: a guard, a call to a stand-in provider, metering, and the refusal of the next. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSdk } from 'fusewire/internal';
import { sendJson } from '../http/send-json.js';
import { type Budget, CALL, USAGE } from './budget.js';
import { Finding } from './examination.js';
import { type Patient, until } from './patient.js';
import { judge, type SurfaceFinding } from './surfaces.js';

const READY_MS = 10_000;
const REFUSED_MS = 20_000;

/** Makes calls as a guarded program does until one is refused, and sees that the refused one never left. */
export async function trySdk(patient: Patient, budget: Budget): Promise<SurfaceFinding> {
  const { createFusewireOn } = await loadSdk();
  const provider = await startProvider();
  const cacheDir = await mkdtemp(join(tmpdir(), 'fusewire-doctor-'));
  // The settings of whoever runs the examination are not what is examined.
  const fusewire = createFusewireOn(
    { env: {} },
    {
      apiKey: patient.meteringKey,
      teamId: patient.teamId,
      meteringBaseUrl: `${patient.url}/meter/v2`,
      enforcementBaseUrl: patient.url,
      circuitBreakerEnabled: true,
      failMode: 'closed',
      installSignalHandlers: false,
      cacheDir,
      log: { debug() {}, info() {}, warn() {}, error() {} },
    },
  );
  const check = () => fusewire.checkEnforcement({ agent: budget.agent }, CALL);
  try {
    if (!(await fusewire.ready({ timeoutMs: READY_MS }))) throw new Finding('the SDK never got the rules');
    check();
    await provider.call();
    const transactionId = fusewire.meter({ ...CALL, ...USAGE, agent: budget.agent });
    if (!(await fusewire.flush())) throw new Finding('the SDK could not deliver the call');
    const found = await judge(patient, budget, transactionId);
    await until(patient, async () => isRefused(check), 'the SDK never refused the next call', REFUSED_MS);
    if (provider.calls() !== 1) throw new Finding(`the provider saw ${provider.calls()} calls, not 1`);
    await fusewire.flush();
    return { detail: `${found.detail}; the next call was refused before it left` };
  } finally {
    await fusewire.close();
    await provider.close();
    await rm(cacheDir, { recursive: true, force: true });
  }
}

/** A call that passes the check is one that would leave. */
function isRefused(check: () => void): true | undefined {
  try {
    check();
    return undefined;
  } catch {
    return true;
  }
}

interface Provider {
  call(): Promise<void>;
  calls(): number;
  close(): Promise<void>;
}

/** Something on this machine that answers as a provider would. */
async function startProvider(): Promise<Provider> {
  let calls = 0;
  const server: Server = createServer((_request, response) => {
    calls += 1;
    response.setHeader('content-type', 'application/json').end('{"object":"chat.completion"}');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  return {
    async call() {
      await sendJson({
        method: 'POST',
        url: `http://127.0.0.1:${port}/v1/chat/completions`,
        body: { model: CALL.model },
      });
    },
    calls: () => calls,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
