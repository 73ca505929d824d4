/** The real service for whole-loop tests: on its embedded database, in this process, on a clock that the test moves. */
import { createRuntime } from 'fusewire/internal';
import { mintKeys } from '../../service/admin/first-start.js';
import { type StoreOpener, startService } from '../../service/index.js';
import type { StoredEvent } from '../../service/store/store.js';
import type { FusewireOptions } from '../../src/config.js';

/** A started service, with what the tests ask of it. */
export interface LoopService {
  readonly url: string;
  readonly teamId: string;
  readonly options: FusewireOptions;
  createControl(control: object): Promise<{ id: string }>;
  patchControl(id: string, patch: object): Promise<void>;
  events(): Promise<readonly StoredEvent[]>;
  /** Balances that differ from the sum of their events (I6). */
  verify(): Promise<readonly string[]>;
  otherTeam(): Promise<{ options: FusewireOptions; events(): Promise<readonly StoredEvent[]> }>;
  /** Harmless when repeated. */
  close(): Promise<void>;
}

const CONTROL = { description: '', action: 'BLOCK', windowType: 'DAILY', groupBy: null, warnThreshold: null };

/** Starts it on `now`, in a temporary folder; the store has its writer thread unless `openStore` says otherwise. */
export async function startLoopService(now: () => number = Date.now, openStore?: StoreOpener): Promise<LoopService> {
  const runtime = createRuntime({ now });
  const service = await startService({ runtime, ...(openStore === undefined ? {} : { openStore }) });
  const { url, store, team, keys } = service;
  const optionsOf = (teamId: string, apiKey: string): FusewireOptions => ({
    apiKey,
    teamId,
    meteringBaseUrl: url,
    circuitBreakerEnabled: true,
    logLevel: 'CRITICAL',
  });
  const send = async (method: string, path: string, body: object) => {
    const response = await fetch(`${url}/v2/api/ai/cost-controls${path}`, {
      method,
      headers: { 'x-api-key': keys.write, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as { id: string };
  };
  const eventsOf = async (teamId: string) => (await store.findEvents(teamId, { page: 0, size: 1000 })).items;
  let closed: Promise<void> | undefined;
  return {
    url,
    teamId: team.id,
    options: optionsOf(team.id, keys.metering),
    createControl: (control) => send('POST', '', { ...CONTROL, teamId: team.id, ...control }),
    patchControl: async (id, patch) => void (await send('PATCH', `/${id}?teamId=${team.id}`, patch)),
    events: () => eventsOf(team.id),
    verify: async () => (await store.verifyBalances()).wrong,
    async otherTeam() {
      const other = await store.createTeam('Other');
      const otherKeys = await mintKeys(store, other.id, 'test');
      return { options: optionsOf(other.id, otherKeys.metering), events: () => eventsOf(other.id) };
    },
    close() {
      closed ??= service.close();
      return closed;
    },
  };
}
