/**
 * The seam between the service's HTTP side and what keeps its data. One meaning on every implementation: the contract
 * suite in test/service/store-contract.ts runs on each. All methods resolve after the change is durable.
 *
 * Money is integer nano-dollars as bigint (I6). Times are milliseconds since the epoch.
 */
import type { FeedBody } from '../compile/feed-body.js';
import type { AuditActor } from '../ledger/audit.js';
import type { EventFacts } from '../ledger/event-facts.js';
import type { EventKind } from '../ledger/media-facts.js';
import type { EventQuery } from '../ledger/reading.js';
import type { ListedChange } from '../pricing/price-list.js';
import type { RateSheet } from '../pricing/rates.js';
import type { AreaStore } from './area-store.js';
import type { CostControl, CostControlInput } from './cost-control.js';

export type { ControlFilter, CostControl, CostControlInput, MetricType } from './cost-control.js';

export type { EnforcementEvent, EnforcementKind, EnforcementOutcome } from './enforcement-event.js';

/** A group of people with one set of keys, controls and budgets. `id` is the public hashid, `numericId` the feed's. */
export interface Team {
  readonly id: string;
  readonly numericId: number;
  readonly name: string;
  readonly createdAtMs: number;
}

/** What a key may do: `metering` sends events and reads the feed; `write` also changes controls (contract 1.5). */
export type KeyScope = 'metering' | 'write';

/** A key as it is kept: never the key itself, only its SHA-256 in hex (I12). */
export interface KeyRecord {
  readonly id: string;
  readonly teamId: string;
  readonly scope: KeyScope;
  readonly label: string;
  readonly hash: string;
  /** The last four characters, for people. */
  readonly hint: string;
  readonly createdAtMs: number;
  readonly revokedAtMs?: number;
  /** Requests a second that it may send. @defaultValue the service's limit */
  readonly ratePerSecond?: number;
}

/** A usage event after validation, with the body kept as it came (secrets already replaced, I12). */
export interface IncomingEvent {
  readonly transactionId: string;
  readonly receivedAtMs: number;
  /** By the route that it came in by. @defaultValue `completion` */
  readonly kind?: EventKind;
  /** The canonical fields of contract 5.3 to 5.7; unknown fields dropped. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** What became of an event. `duplicate`: the same id with the same body. `conflict`: with another body; kept, flagged. */
export interface RecordResult {
  readonly id: string;
  readonly transactionId: string;
  readonly outcome: 'stored' | 'duplicate' | 'conflict';
  readonly createdAtMs: number;
  /** The team's revision after this event. */
  readonly revision: number;
}

/** An answer kept for an Idempotency-Key (contract 5.1). */
export interface KeptAnswer {
  readonly status: number;
  readonly body: string;
}

/** An event that came under an Idempotency-Key. `bodyHash` names the request: operation and body as they came. */
export interface KeyedEvent {
  readonly key: string;
  readonly bodyHash: string;
  readonly event: IncomingEvent;
}

/** What became of it. `mismatch`: the key was used for another request; nothing was recorded. */
export type OnceResult =
  | { readonly state: 'recorded'; readonly answer: KeptAnswer; readonly result: RecordResult }
  | { readonly state: 'replayed'; readonly answer: KeptAnswer; readonly revision: number }
  | { readonly state: 'mismatch' };

/** An event to record, perhaps under an Idempotency-Key. `bodyHash` names the request: operation and body as they came. */
export interface IncomingItem {
  readonly event: IncomingEvent;
  readonly key?: { readonly key: string; readonly bodyHash: string } | undefined;
  /** What `eventFactsOf` reads of it, where that is read already. */
  readonly facts?: EventFacts | undefined;
}

/**
 * What became of an item. `recorded`: see its result; under a key, `receiptAnswer` of it is kept. `replayed`: the key was
 * answered before. `mismatch`: the key belongs to another request; nothing was recorded.
 */
export type ItemOutcome =
  | { readonly state: 'recorded'; readonly result: RecordResult }
  | { readonly state: 'replayed'; readonly answer: KeptAnswer; readonly revision: number }
  | { readonly state: 'mismatch' }
  /** It alone could not be recorded; the others of its request were. */
  | { readonly state: 'failed'; readonly error: unknown };

/** The compiled feed of a team: reading it costs nothing but the bytes. */
export interface FeedSnapshot {
  readonly revision: number;
  readonly etag: string;
  /** `null`: the team has no enabled control (204). */
  readonly body: string | null;
}

/** A price as a person declares it for a team. It is never changed: what is declared later wins over it. */
export interface DeclaredPrice {
  /** `null`: of any provider. */
  readonly provider: string | null;
  /** `*`: any model. */
  readonly model: string;
  /** In lower case; `null`: the standard tier, and every tier of a free model; `*`: every tier. */
  readonly serviceTier: string | null;
  /** `free` needs nothing else; `rates` needs at least one rate; `withdrawn`: no price is declared from then on. */
  readonly kind: 'free' | 'rates' | 'withdrawn';
  readonly rates: RateSheet;
  /** `null`: from its declaration on, and before that for events that no other price covers. */
  readonly validFromMs: number | null;
  /** The first instant at which it does not hold; `null`: it stays. */
  readonly validUntilMs: number | null;
}

/** A declared price as it is kept. */
export interface PriceOverride extends DeclaredPrice {
  readonly id: string;
  readonly teamId: string;
  /** Who declared it: the label of a key, or what did it by itself. */
  readonly declaredBy: string | null;
  /** The price list that it came with. */
  readonly importId: string | null;
  /** Counts the changes of the team's prices: of two prices from the same instant on, the higher one holds. */
  readonly version: number;
  readonly createdAtMs: number;
}

/** A pass over events that prices them again, and how far it has come. */
export interface RepriceRun {
  readonly id: string;
  readonly teamId: string;
  /** `unknown`: events whose price was unknown. `all`: every event; what was known stays known. */
  readonly scope: 'unknown' | 'all';
  readonly reason: string;
  readonly askedBy: string | null;
  /** The instants by which events are counted, from the first on and before the second. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** The last event that it has met. */
  readonly afterMs: number;
  readonly afterId: string;
  readonly examined: number;
  readonly repriced: number;
  /** Events that it has met and that are of unknown price still. */
  readonly unknown: number;
  /** What it added to the sum of all events. */
  readonly movedNanoUsd: bigint;
  readonly createdAtMs: number;
  readonly finishedAtMs: number | null;
}

/** A price list and what it changes, or would change. */
export interface PriceImport {
  readonly id: string;
  readonly teamId: string;
  readonly name: string;
  /** `partly`: accepted but for what is held back. */
  readonly state: 'draft' | 'partly' | 'accepted';
  /** The version of the team's prices that the difference was made against. */
  readonly pricesVersion: number;
  readonly changes: readonly ListedChange[];
  readonly createdBy: string | null;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly acceptedAtMs: number | null;
}

/** One of the prices that an event had; the highest version is what it costs. */
export interface PriceEntry {
  readonly version: number;
  readonly amountNanoUsd: bigint;
  readonly priceState: 'known' | 'free' | 'unknown';
  readonly reason: string;
  readonly rateSource: string;
  readonly createdAtMs: number;
}

/** One stored event as a person reads it back, with its price. */
export interface StoredEvent {
  readonly id: string;
  readonly transactionId: string;
  readonly kind?: EventKind;
  readonly receivedAtMs: number;
  readonly windowTimeMs: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly priceState: 'known' | 'free' | 'unknown';
  readonly amountNanoUsd: bigint;
  /** Which rates gave the amount: `catalogue:openai/gpt-4o`, `override:<id>`, `caller`, `none`… */
  readonly rateSource?: string;
  /** Its own request time was missing or out of bounds: it is counted by its receipt. */
  readonly windowFlagged?: boolean;
}

/** An event that came under the transaction id of another one with another body: kept, not counted in any balance. */
export interface EventConflict {
  readonly id: string;
  /** The stored event that was first. */
  readonly eventId: string;
  readonly transactionId: string;
  readonly receivedAtMs: number;
  /** How often exactly this body came. */
  readonly times: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A page of something. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly totalElements: number;
}

/** Which cost controls to list. */
export interface ControlQuery {
  readonly query?: string;
  readonly metricType?: string;
  readonly page: number;
  readonly size: number;
  /** `field,dir` of contract 4.1; fields `name`, `created`, `updated`. */
  readonly sort?: { readonly field: 'name' | 'created' | 'updated'; readonly direction: 'asc' | 'desc' };
}

/** What a client asks of the feed, and what it has. */
export interface FeedAsk {
  /** As the header says it. */
  readonly ifNoneMatch?: string | undefined;
  /** `whole`: it reads bodies of any length; `bounded`: no further than 1 MiB. */
  readonly form: 'whole' | 'bounded';
  /** It takes a difference to what it has. */
  readonly difference: boolean;
}

/** An answer to it. `same`: it has that. `empty`: the team has no enabled control. */
export type FeedAnswer = { readonly revision: number; readonly etag: string } & (
  | { readonly kind: 'same' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'feed'; readonly body: FeedBody }
  | { readonly kind: 'difference'; readonly body: FeedBody; readonly base: string }
);

/** Feeds as they are handed out. */
export interface FeedDesk {
  /** @throws StoreError `UNKNOWN_TEAM` */
  answer(teamId: string, ask: FeedAsk): Promise<FeedAnswer>;
  /** The rules of one control by its hashid, without department maps (contract 2.1); none where it is not known. */
  narrowed(teamId: string, controlId: string): Promise<FeedAnswer & { readonly kind: 'feed' }>;
  /** Whether the feed as it was last compiled is another one than what the client has. Reads nothing. */
  differs(teamId: string, ask: FeedAsk): boolean;
  /** Keeps the feed up to date, and calls `changed` whenever it is another one, until the returned function is called. */
  watch(teamId: string, changed: () => void): () => void;
  /** Rules and groups that are left out of bounded bodies now, of all teams. */
  omitted(): number;
}

/** Everything the service keeps: the heart, and the areas around it. */
export type Store = CoreStore & AreaStore;

/** Teams, keys, events, controls and the feed. */
export interface CoreStore {
  createTeam(name: string): Promise<Team>;
  getTeam(teamId: string): Promise<Team | undefined>;
  listTeams(): Promise<readonly Team[]>;

  addKey(key: Omit<KeyRecord, 'id' | 'createdAtMs'>): Promise<KeyRecord>;
  /** Looked up by hash; the caller compares in constant time. Revoked keys are returned, with `revokedAtMs`. */
  findKey(hash: string): Promise<KeyRecord | undefined>;
  listKeys(teamId: string): Promise<readonly KeyRecord[]>;
  revokeKey(id: string): Promise<boolean>;

  /**
   * Records events of one team in one transaction, an outcome for each in their order; what is wrong with one is its own
   * outcome. Requests that come at the same time share a transaction.
   *
   * @throws StoreError `UNKNOWN_TEAM`; `UNAVAILABLE` where too many wait or the database takes nothing; nothing was kept
   */
  record(teamId: string, items: readonly IncomingItem[]): Promise<readonly ItemOutcome[]>;
  /**
   * Records events in one transaction each: event in, price entry in, balances moved, verdicts flipped, revision moved.
   * Events of many callers share one commit (group commit).
   */
  recordEvents(teamId: string, events: readonly IncomingEvent[]): Promise<readonly RecordResult[]>;
  /**
   * Records an event once per Idempotency-Key of the team, for 24 hours: event, key and answer in one transaction, so
   * that no crash leaves a key without its answer. Of requests at the same time the first records, the others replay.
   */
  recordOnce(teamId: string, keyed: KeyedEvent): Promise<OnceResult>;
  /** Metered events with their prices, newest first. */
  findEvents(teamId: string, query: EventQuery): Promise<Page<StoredEvent>>;

  /** Events that disagree with a stored one of the same transaction id, newest first. */
  listConflicts(teamId: string, query: { page: number; size: number }): Promise<Page<EventConflict>>;

  /**
   * A new or rescoped control counts the events of its current window, in slices between other work. Resolves when it
   * has met them all, at the latest after 5 s; until then its values are lower bounds, verdicts follow from them, and what
   * the control refused before it was changed stays refused. Who changed it is audited.
   */
  createControl(teamId: string, input: CostControlInput, actor?: AuditActor): Promise<CostControl>;
  updateControl(
    teamId: string,
    id: string,
    patch: Partial<CostControlInput>,
    actor?: AuditActor,
  ): Promise<CostControl | undefined>;
  deleteControl(teamId: string, id: string, actor?: AuditActor): Promise<boolean>;
  getControl(teamId: string, id: string): Promise<CostControl | undefined>;
  listControls(teamId: string, query: ControlQuery): Promise<Page<CostControl>>;

  /** The compiled feed. `ruleId` (hashid) narrows it to one rule, without department maps (contract 2.1). */
  feed(teamId: string, ruleId?: string): Promise<FeedSnapshot>;
  /** Feeds as clients of every kind get them. */
  readonly feeds: FeedDesk;

  /** Turns windows that have ended: called by timer, not by traffic (I13). Resolves to the time of the next turn. */
  turnWindows(): Promise<number>;
  /** Recomputes every balance from the events and says which differ from what is kept (I6). Changes nothing. */
  verifyBalances(): Promise<{ readonly checked: number; readonly wrong: readonly string[] }>;
  /**
   * Writes a consistent copy of the embedded database to a new file, 0600. Nothing is recorded meanwhile; what comes in
   * waits. @throws StoreError `INVALID` where the file is there already, or the database is on a server
   */
  backUp(file: string): Promise<void>;
  close(): Promise<void>;
}
