/**
 * A call through the gateway that its customer cannot pay: refused with the arithmetic, and nothing sent. Its model is one
 * that nobody has, so that a gateway that would let it through spends nothing either.
 */
import { Finding } from './examination.js';
import { ask, get, type Patient, until } from './patient.js';
import type { SurfaceFinding } from './surfaces.js';

const EMAIL = 'doctor@fusewire.invalid';
const CUSTOMER = `/v2/api/customers/${encodeURIComponent(EMAIL)}`;
const KEYS = '/v2/api/gateway-keys';
const PRICES = '/v2/api/fusewire/prices';
const MODEL = 'fusewire-doctor';
/** Dollars: the fee of a request, and what the customer may spend. */
const FEE = '1';
const BUDGET = '0.00001';
/** A revoked key stops within a second; the second one is for a slow machine. */
const REVOKED_LIMIT_MS = 2_000;

interface Answer {
  readonly error?: {
    readonly code?: string;
    readonly message?: string;
    readonly asked?: string;
    readonly limit?: string;
  };
}
interface Health {
  readonly status: string;
  readonly checks?: { readonly ollama?: { readonly result: string } };
}

/** Proves that the gateway at `gatewayUrl` enforces. What it makes is taken away again, but for the customer and the price. */
export async function tryGateway(patient: Patient, gatewayUrl: string): Promise<SurfaceFinding> {
  const health = await healthOf(gatewayUrl);
  await giveBudget(patient);
  try {
    await declareFee(patient);
    const path = `${CUSTOMER}/keys`;
    const body = { label: `doctor-${patient.run}` };
    const { id, key } = await get<{ id: string; key: string }>(patient, {
      ...{ method: 'POST', path, key: patient.writeKey, body },
    });
    let isRevoked = false;
    const revoke = async () => {
      await get(patient, { method: 'DELETE', path: `${KEYS}/${id}`, key: patient.writeKey });
      isRevoked = true;
    };
    try {
      await refusedForBudget(gatewayUrl, key);
      const revokedMs = patient.runtime.monotonicNow();
      await revoke();
      await refusedForKey(patient, gatewayUrl, key);
      const tookMs = Math.round(patient.runtime.monotonicNow() - revokedMs);
      const refused = `$${FEE} asked of $${BUDGET}: 402, nothing sent`;
      return { detail: `${gatewayUrl}, ${health}; ${refused}; revoked key: 401 after ${tookMs} ms` };
    } finally {
      if (!isRevoked) await revoke();
    }
  } finally {
    const end = { method: 'PATCH', path: CUSTOMER, key: patient.writeKey, body: { budget: null } } as const;
    await get(patient, end);
  }
}

/** In words; an upstream that is away is its operator's business and not a finding. */
async function healthOf(gatewayUrl: string): Promise<string> {
  const answer = await ask({ url: gatewayUrl }, { path: '/health', key: '' });
  const { status, checks } = JSON.parse(answer.body) as Health;
  const ollama = checks?.ollama?.result;
  return ollama === undefined || ollama === 'ok' ? status : `${status} (Ollama does not answer)`;
}

/** The same customer each time: those that are deleted stay in the books. */
async function giveBudget(patient: Patient): Promise<void> {
  const body = { name: 'fusewire doctor', email: EMAIL, budget: BUDGET };
  const path = '/v2/api/customers';
  const made = await ask(patient, { method: 'POST', path, key: patient.writeKey, body });
  if (made.status === 201) return;
  const change = { method: 'PATCH', path: CUSTOMER, key: patient.writeKey, body: { budget: BUDGET } } as const;
  await get(patient, change);
}

async function declareFee(patient: Patient): Promise<void> {
  const question = { path: PRICES, key: patient.writeKey };
  type Listed = { readonly _embedded: { readonly objectList?: readonly { readonly model: string }[] } };
  const { _embedded } = await get<Listed>(patient, question);
  if (_embedded.objectList?.some(({ model }) => model === MODEL)) return;
  await get(patient, { ...question, method: 'POST', body: { model: MODEL, kind: 'rates', perRequest: FEE } });
}

async function refusedForBudget(gatewayUrl: string, key: string): Promise<void> {
  const { status, headers, body } = await call(gatewayUrl, key);
  const { error } = read(body);
  if (headers['fusewire-transaction-id'] !== undefined) {
    throw new Finding(`a call for up to $${FEE} on a budget of $${BUDGET} was sent, and answered ${status}`);
  }
  if (status !== 402 || error?.code !== 'BUDGET_EXCEEDED' || error.limit !== BUDGET || error.asked !== FEE) {
    throw new Finding(`a call that is too large for its budget was answered ${status}: ${error?.message ?? body}`);
  }
}

function refusedForKey(patient: Patient, gatewayUrl: string, key: string): Promise<true> {
  const otherwise = 'a revoked key still works';
  const look = async () => ((await call(gatewayUrl, key)).status === 401 ? true : undefined);
  return until(patient, look, otherwise, REVOKED_LIMIT_MS);
}

function call(gatewayUrl: string, key: string) {
  const body = { model: MODEL, max_tokens: 1, messages: [{ role: 'user', content: 'fusewire doctor' }] };
  return ask({ url: gatewayUrl }, { method: 'POST', path: '/v1/chat/completions', key, body });
}

function read(body: string): Answer {
  try {
    return JSON.parse(body) as Answer;
  } catch {
    return {};
  }
}
