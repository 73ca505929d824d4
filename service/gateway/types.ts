/**
 * What the parts of the gateway share. One request goes through `call.ts`: authenticate, read, admit, forward, settle;
 * every other file is one of these steps or something that a step stands on.
 *
 * Money is integer nano-dollars as bigint (I6). Times are milliseconds since the epoch.
 */
import type {
  AttemptSink,
  CallAdjustment,
  CallBound,
  CallDimensions,
  Decision,
  HoldReactions,
  HoldTicket,
  MeteredEvent,
  ProviderAdapter,
  RequestReading,
  ResolvedMetadata,
  SseRewrite,
} from 'fusewire/internal';
import type { Team } from '../store/store.js';

export type { CallBound } from 'fusewire/internal';

/** The protocol that a caller speaks; answers of our own are written in it. */
export type Dialect = 'openai' | 'anthropic' | 'ollama';

/** Somebody who pays. */
export interface Customer {
  /** `cus_…`: the subscriber id of every event of this customer, for good. */
  readonly id: string;
  /** Counts the customers of a team from 1, for people who type. */
  readonly number: number;
  readonly teamId: string;
  readonly name: string;
  /** Unique within the team among customers that are not deleted, compared without case. */
  readonly email: string;
  readonly active: boolean;
  /** The cost control that is this customer's budget; `null`: no budget of its own. */
  readonly budgetControlId: string | null;
  readonly createdAtMs: number;
  /** Its events and its name stay for the bills. */
  readonly deletedAtMs?: number;
}

/** Dimensions that a key fixes: whoever calls with it can add others and change none of these. Wire names. */
export interface FixedDimensions {
  readonly organizationName?: string;
  readonly productName?: string;
  readonly agent?: string;
  readonly taskType?: string;
  readonly environment?: string;
}

/** A key of the gateway as it is kept: never the key itself (I12). */
export interface GatewayKey {
  /** `gk_…`: survives rotation; the credential name of every event, so that a CREDENTIAL filter is a budget per key. */
  readonly id: string;
  readonly teamId: string;
  readonly customerId: string;
  readonly label: string;
  /** The last four characters, for people. */
  readonly hint: string;
  readonly createdAtMs: number;
  readonly expiresAtMs?: number;
  readonly revokedAtMs?: number;
  /** Requests a second; absent: the gateway's own limit. */
  readonly ratePerSecond?: number;
  /** Requests at the same time; absent: the gateway's own limit. */
  readonly concurrencyMax?: number;
  /** Models that it may ask for, as callers write them; absent: all. */
  readonly models?: readonly string[];
  readonly dimensions: FixedDimensions;
}

/** A key that was looked up by the SHA-256 of what a caller sent. */
export interface FoundGatewayKey {
  readonly key: GatewayKey;
  readonly customer: Customer;
  /** Until when the secret that was sent works, where it was rotated and this is the one before. */
  readonly validUntilMs?: number;
}

/** Who calls: a key that works, its customer and their team. */
export interface GatewayCaller {
  readonly key: GatewayKey;
  readonly customer: Customer;
  readonly team: Pick<Team, 'id'>;
}

/**
 * What a path of the gateway is. `call`: costs something, is decided on and metered. `free`: forwarded with a key, costs
 * nothing. `models`: the gateway's own list. `health`: no key.
 */
export interface Surface {
  /** For logs and metrics, bounded: `openai.chat.completions`. */
  readonly name: string;
  readonly dialect: Dialect;
  readonly kind: 'call' | 'free' | 'models' | 'health';
  readonly method: 'GET' | 'POST' | 'HEAD';
  /** The path as asked for, without query; for a parameter, as it was sent. */
  readonly path: string;
}

/** Where calls go. */
export interface Upstream {
  /** `ollama`, `openai`, `anthropic` or a name of the configuration. */
  readonly name: string;
  readonly protocol: Dialect;
  /** Scheme, host and port; requests never leave for another one. */
  readonly origin: string;
  /** Stands before the paths of the protocol; empty or `/…` without a slash at its end. */
  readonly basePath: string;
  /** Credentials and what else every request gets. Never logged. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** What happens to a request whose caller has left. @defaultValue `abort` for Ollama's protocol, else `drain` */
  readonly onClientLeave: 'abort' | 'drain';
}

/** One request that is about to be decided on. */
export interface GatewayCall {
  readonly caller: GatewayCaller;
  readonly surface: Surface;
  readonly upstream: Upstream;
  /** Path and query for the upstream, base path included. */
  readonly upstreamPath: string;
  readonly adapter: ProviderAdapter;
  /** By the adapter, but that ids are never taken for unique: the transaction id of the gateway's events is its own. */
  readonly reading: RequestReading;
  /** The metadata of the event: the key's own dimensions over `x-revenium-*` headers. */
  readonly metadata: ResolvedMetadata;
  /** What is decided by: model, provider, and the dimensions of {@link metadata}. */
  readonly dimensions: CallDimensions;
  readonly bound: CallBound;
  /** What is sent: the caller's bytes, or these with the one change that an alias or I3's exception makes. */
  readonly body: Buffer;
  /** How a hard budget changed it before it was let through. */
  readonly adjustment?: CallAdjustment | undefined;
  /** Takes the traces of an injected `stream_options.include_usage` out of the answer again. */
  readonly rewrite?: SseRewrite | undefined;
}

/** The budget that is nearest to its end of all that concern a call. Amounts are decimal text in the metric's own unit. */
export interface BudgetFacts {
  readonly controlId: string;
  readonly name: string;
  readonly metric: string;
  readonly limit: string;
  readonly spend: string;
  /** Set aside for calls under way, this one included where it was admitted. Never part of spend. */
  readonly held: string;
  /** `limit - spend - held`, at least 0. */
  readonly remaining: string;
  /** What raises add now, and the limit without them. Absent: nothing is raised. */
  readonly raised?: string | undefined;
  readonly ownLimit?: string | undefined;
  /** ISO 8601; `null`: never. */
  readonly resetsAt: string | null;
  /** The group whose budget it is, of a grouped control. */
  readonly group?: string;
  /** Spend is past the warn threshold. */
  readonly isWarning: boolean;
}

/**
 * Why a call is refused. `BUDGET_EXCEEDED`: what the call may cost does not fit into what is left. `UNKNOWN_PRICE`: nobody
 * knows what it costs, and a control that concerns it refuses such calls (I5). The others are decisions of the rules.
 */
export type RefusalCode = 'BUDGET_EXCEEDED' | 'UNKNOWN_PRICE' | 'DEPARTMENT_TRIPPED' | 'GROUP_TRIPPED' | 'RULE_TRIPPED';

/** A refusal with its whole arithmetic. */
export interface Refusal {
  readonly code: RefusalCode;
  /** One sentence for people: which budget, the inequality, when it resets, what to do. */
  readonly message: string;
  readonly rule: { readonly id: string; readonly ruleId: number; readonly name: string } | null;
  /** What the budget is for: `customer`, `key`, `model`, `team` …, with its value. */
  readonly scope: { readonly kind: string; readonly value: string | null };
  /** Absent where no rule is the reason. */
  readonly budget?: BudgetFacts;
  /** What this call may cost at most, where that is the reason. */
  readonly asked?: string;
  /** Of a hard budget that does something before it refuses. */
  readonly instead?: {
    readonly reactions: HoldReactions;
    /** The output limit under which the call would fit; 0: none. */
    readonly outputTokensMax: number;
    /** When it is worth asking again; `null`: not before the reset. */
    readonly retryAfterMs: number | null;
  };
}

/** What was set aside for a call that was admitted. Ends once; later calls do nothing. */
export interface Ticket {
  /** The call was metered as `event`: what it cost counts from now on, in place of its bound. */
  settle(event: MeteredEvent): void;
  /** Nothing was consumed and nothing is metered. */
  release(): void;
}

/** The answer of the one choke point. */
export type Admission =
  | {
      readonly outcome: 'admit';
      readonly ticket: Ticket;
      readonly decision: Decision;
      /** Operators have switched enforcement off; the event is marked. */
      readonly bypassed: boolean;
      readonly budget: BudgetFacts | undefined;
      /** Of the controls that concern the call; absent where none says something. */
      readonly onClientLeave?: 'abort' | 'drain' | undefined;
      /** What hard controls hold for the call: a streamed answer that outgrows it extends it, or ends. Ended by `ticket`. */
      readonly hold?: HoldTicket | undefined;
      /** Is told how much output the provider reported, where a control goes by what is expected. */
      readonly observe?: ((outputTokens: number) => void) | undefined;
    }
  | { readonly outcome: 'refuse'; readonly refusal: Refusal; readonly budget: BudgetFacts | undefined }
  /** It cannot be decided or could not be metered: the store is out of reach, the outbox is full. Nothing is let through. */
  | { readonly outcome: 'unavailable'; readonly reason: string; readonly retryAfterSeconds: number };

/** The books of the gateway: what was spent, what is under way, what still has to reach the ledger. */
export interface GatewayBooks {
  /** The one choke point. Synchronous where everything is known already. Never throws. */
  admit(call: GatewayCall): Admission | Promise<Admission>;
  /**
   * The tightest budget of a caller, whatever it asks for, as it is known now; `undefined`: none, or not read yet. For
   * answers that nothing was admitted for. Never throws.
   */
  seen(caller: GatewayCaller): BudgetFacts | undefined;
  /** The same, read from the ledger before where it is not known or old. Never rejects. */
  look(caller: GatewayCaller): Promise<BudgetFacts | undefined>;
  /**
   * A hard budget let a call pass as another one, told it to wait, or refused it after all: kept as an enforcement event.
   * A refusal that names what could be done instead is not kept before. Never throws.
   */
  reacted(call: GatewayCall, kind: 'clamped' | 'downgraded' | 'throttled' | 'refused', refusal: Refusal): void;
  /** What attempts of a team are metered with. */
  sinkOf(teamId: string): AttemptSink;
  /** Resolves when what earlier runs left is in the ledger, or after a bounded time; before anything is admitted. */
  recover(): Promise<void>;
  /** Whether calls can be metered, for readiness; a text says what is wrong. */
  trouble(): string | undefined;
  /** How many events the ledger did not take: they count as spent here until somebody brings them into it. */
  deadLetters(): number;
  /** Delivers what is left, bounded in time; what stays is durable. */
  close(): Promise<void>;
}

/** Bounds of the gateway's HTTP side; all have defaults (`DEFAULT_LIMITS`). */
export interface GatewayLimits {
  /** Of a request's body. */
  readonly bodyBytesMax: number;
  readonly headerBytesMax: number;
  readonly connectionsMax: number;
  /** For the head of a request, and for all of it. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Idle connections are closed after this. */
  readonly keepAliveMs: number;
  /** Until the head of the upstream's answer; local models may have to be loaded first. */
  readonly upstreamHeadersTimeoutMs: number;
  /** Between two pieces of the upstream's answer. */
  readonly upstreamIdleMs: number;
  /** A caller that reads nothing for so long has left. */
  readonly slowReaderMs: number;
  /** Of one key: requests a second and at the same time; 0: no limit. */
  readonly keyRatePerSecond: number;
  readonly keyConcurrencyMax: number;
  /** Wrong keys a second from one address. */
  readonly wrongKeysPerSecond: number;
  /** Calls under way in this process. */
  readonly callsMax: number;
  /** Answers that are read on for their usage after the caller left: for how long, and how many at once. */
  readonly drainMs: number;
  readonly drainsMax: number;
}

/** What holds where nothing else is configured. */
export const DEFAULT_LIMITS: GatewayLimits = Object.freeze({
  bodyBytesMax: 32 * 1_048_576,
  headerBytesMax: 16_384,
  connectionsMax: 10_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 120_000,
  keepAliveMs: 72_000,
  upstreamHeadersTimeoutMs: 600_000,
  upstreamIdleMs: 300_000,
  slowReaderMs: 60_000,
  keyRatePerSecond: 100,
  keyConcurrencyMax: 64,
  wrongKeysPerSecond: 10,
  callsMax: 4_096,
  drainMs: 2_000,
  drainsMax: 64,
});
