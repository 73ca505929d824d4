/**
 * An honest store in memory, for tests of the HTTP side: it keeps everything and forgets it with the process. Its feed
 * adds up events over all time, without filters, groups or windows; whoever tests those uses the real store.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Runtime } from 'fusewire/internal';
import { controlProblems } from '../../service/ledger/control-problems.js';
import { receiptAnswer } from '../../service/ledger/receipt.js';
import type {
  CostControl,
  CostControlInput,
  EventConflict,
  IncomingEvent,
  KeptAnswer,
  KeyRecord,
  PriceOverride,
  RecordResult,
  Store,
  StoredEvent,
  Team,
} from '../../service/store/store.js';
import { StoreError } from '../../service/store/store-error.js';

const IDEMPOTENCY_MS = 24 * 3_600_000;

interface Kept {
  readonly bodyHash: string;
  readonly untilMs: number;
  readonly answer: KeptAnswer;
}

/** A store with a method more, for tests that look behind the API. */
export interface MemoryStore extends Store {
  /** All events of a team, as they were handed over. */
  eventsOf(teamId: string): readonly StoredEvent[];
}

/** Makes an empty store on the clock of `runtime`. */
export function createMemoryStore(runtime: Pick<Runtime, 'now'>): MemoryStore {
  const teams: Team[] = [];
  const keys: KeyRecord[] = [];
  const events = new Map<string, StoredEvent[]>();
  const controls: CostControl[] = [];
  const prices: PriceOverride[] = [];
  const conflicts: (EventConflict & { readonly teamId: string })[] = [];
  const answers = new Map<string, Kept>();
  const revisions = new Map<string, number>();
  let ruleId = 90_000;

  const move = (teamId: string): number => {
    const next = (revisions.get(teamId) ?? 0) + 1;
    revisions.set(teamId, next);
    return next;
  };
  const eventsOf = (teamId: string): StoredEvent[] => {
    const kept = events.get(teamId) ?? [];
    events.set(teamId, kept);
    return kept;
  };
  const record = (teamId: string, event: IncomingEvent): RecordResult => {
    const known = eventsOf(teamId).find(({ transactionId }) => transactionId === event.transactionId);
    const revision = known === undefined ? move(teamId) : (revisions.get(teamId) ?? 0);
    if (known !== undefined) {
      const same = JSON.stringify(known.body) === JSON.stringify(event.body);
      if (!same) conflicts.push({ ...event, teamId, id: randomId(), eventId: known.id, times: 1 });
      const { id, transactionId, receivedAtMs } = known;
      return { id, transactionId, outcome: same ? 'duplicate' : 'conflict', createdAtMs: receivedAtMs, revision };
    }
    const cost = event.body['totalCost'];
    const stored: StoredEvent = {
      id: `mtr_${randomId()}`,
      transactionId: event.transactionId,
      receivedAtMs: event.receivedAtMs,
      windowTimeMs: event.receivedAtMs,
      body: event.body,
      priceState: typeof cost === 'number' ? 'known' : 'unknown',
      amountNanoUsd: typeof cost === 'number' ? BigInt(Math.round(cost * 1e9)) : 0n,
    };
    eventsOf(teamId).push(stored);
    const { id, transactionId } = stored;
    return { id, transactionId, outcome: 'stored', createdAtMs: event.receivedAtMs, revision };
  };
  const ruleOf = (control: CostControl) => {
    const currentValue = eventsOf(control.teamId).reduce((sum, event) => sum + measure(control, event), 0);
    const threshold = Number(control.hardLimit);
    return {
      ruleId: control.ruleId,
      name: control.name,
      metricType: control.metricType,
      threshold,
      currentValue,
      breached: currentValue >= threshold,
      shadowMode: control.shadowMode,
      action: 'BLOCK',
      periodType: control.windowType,
      filters: control.filters,
      groupBy: control.groupBy,
    };
  };
  const find = (teamId: string, id: string) => controls.find((one) => one.teamId === teamId && one.id === id);

  return {
    eventsOf,
    async createTeam(name) {
      const team = { id: `fw${randomId()}`, numericId: teams.length + 1, name, createdAtMs: runtime.now() };
      teams.push(team);
      return team;
    },
    getTeam: async (teamId) => teams.find(({ id }) => id === teamId),
    listTeams: async () => [...teams],
    async addKey(key) {
      const record = { ...key, id: `key_${randomId()}`, createdAtMs: runtime.now() };
      keys.push(record);
      return record;
    },
    findKey: async (hash) => keys.find((key) => key.hash === hash),
    listKeys: async (teamId) => keys.filter((key) => key.teamId === teamId),
    async revokeKey(id) {
      const at = keys.findIndex((key) => key.id === id && key.revokedAtMs === undefined);
      if (at >= 0) keys[at] = { ...keys[at]!, revokedAtMs: runtime.now() };
      return at >= 0;
    },
    recordEvents: async (teamId, incoming) => incoming.map((event) => record(teamId, event)),
    async recordOnce(teamId, { key, bodyHash, event }) {
      const name = `${teamId}\n${key}`;
      const kept = answers.get(name);
      if (kept !== undefined && kept.untilMs > runtime.now()) {
        if (kept.bodyHash !== bodyHash) return { state: 'mismatch' };
        return { state: 'replayed', answer: kept.answer, revision: revisions.get(teamId) ?? 0 };
      }
      const result = record(teamId, event);
      const answer = receiptAnswer(result);
      answers.set(name, { bodyHash, answer, untilMs: runtime.now() + IDEMPOTENCY_MS });
      return { state: 'recorded', answer, result };
    },
    async findEvents(teamId, { transactionId, page, size }) {
      const all = eventsOf(teamId).filter(
        (event) => transactionId === undefined || event.transactionId === transactionId,
      );
      return { items: [...all].reverse().slice(page * size, (page + 1) * size), totalElements: all.length };
    },
    async listConflicts(teamId, { page, size }) {
      const all = conflicts.filter((one) => one.teamId === teamId).reverse();
      const items = all.slice(page * size, (page + 1) * size).map(({ teamId: _team, ...rest }) => rest);
      return { items, totalElements: all.length };
    },
    async createControl(teamId, input: CostControlInput) {
      refuseProblems(input);
      const at = runtime.now();
      ruleId += 1;
      const control = { ...input, id: randomId(), ruleId, teamId, createdAtMs: at, updatedAtMs: at };
      controls.push(control);
      move(teamId);
      return control;
    },
    async updateControl(teamId, id, patch) {
      const control = find(teamId, id);
      if (control === undefined) return undefined;
      refuseProblems({ ...control, ...patch });
      const changed = { ...control, ...patch, updatedAtMs: runtime.now() };
      controls[controls.indexOf(control)] = changed;
      move(teamId);
      return changed;
    },
    async deleteControl(teamId, id) {
      const control = find(teamId, id);
      if (control === undefined) return false;
      controls.splice(controls.indexOf(control), 1);
      move(teamId);
      return true;
    },
    getControl: async (teamId, id) => find(teamId, id),
    async listControls(teamId, { query, metricType, page, size, sort }) {
      const text = query?.toLowerCase() ?? '';
      const all = controls
        .filter((one) => one.teamId === teamId && (metricType === undefined || one.metricType === metricType))
        .filter((one) => `${one.name}\n${one.description}`.toLowerCase().includes(text));
      const direction = sort?.direction === 'desc' ? -1 : 1;
      if (sort?.field === 'name') all.sort((a, b) => direction * a.name.localeCompare(b.name));
      else if (sort !== undefined) all.sort((a, b) => direction * (a.ruleId - b.ruleId));
      return { items: all.slice(page * size, (page + 1) * size), totalElements: all.length };
    },
    async feed(teamId, narrowedTo) {
      const enabled = controls.filter((one) => one.teamId === teamId && one.enabled);
      const revision = revisions.get(teamId) ?? 0;
      const etag = `"${createHash('sha256').update(`${teamId} ${revision} ${narrowedTo}`).digest('hex').slice(0, 16)}"`;
      if (enabled.length === 0 && narrowedTo === undefined) return { revision, etag, body: null };
      const rules = enabled.filter(({ id }) => narrowedTo === undefined || id === narrowedTo).map(ruleOf);
      return { revision, etag, body: JSON.stringify({ compiledAt: new Date(runtime.now()).toISOString(), rules }) };
    },
    listEnforcementEvents: async () => ({ items: [], totalElements: 0 }),
    async setPrice(teamId, price) {
      const kept = { ...price, id: randomId(), teamId, createdAtMs: runtime.now() };
      const at = prices.findIndex(
        (one) => one.teamId === teamId && one.model === price.model && one.provider === price.provider,
      );
      if (at >= 0) prices[at] = kept;
      else prices.push(kept);
      return kept;
    },
    listPrices: async (teamId) => prices.filter((one) => one.teamId === teamId),
    turnWindows: async () => runtime.now() + 60_000,
    verifyBalances: async () => ({ checked: 0, wrong: [] }),
    close: async () => undefined,
  };
}

function measure(control: CostControl, event: StoredEvent): number {
  if (control.metricType === 'TOTAL_COST') return Number(event.amountNanoUsd) / 1e9;
  return control.metricType === 'TOKEN_COUNT' ? Number(event.body['totalTokenCount'] ?? 0) : 0;
}

/** As every store does. */
function refuseProblems(input: CostControlInput): void {
  const problems = controlProblems(input);
  if (Object.keys(problems).length > 0)
    throw new StoreError('INVALID_CONTROL', 'the control cannot be kept', { problems });
}

function randomId(): string {
  return randomBytes(4).toString('hex');
}
