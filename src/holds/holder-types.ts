/** Drawing on holds within one process: what the main paths of the SDK and of the gateway see of it. */
import type { CallCounts } from '../bound/types.js';
import type { HoldCall, HoldNeed, HoldPart, HoldRefusal } from './hold-types.js';

/** A call that wants to be covered. */
export interface HoldAsk {
  readonly call: HoldCall;
  readonly need: HoldNeed;
  /** Set where nobody can tell calls of one hold apart when they end: then only calls of the same size share one. */
  readonly size?: string;
}

/** What a call was admitted against. Ends once: the first of {@link settle} and {@link release} counts. Never throws. */
export interface HoldTicket {
  /** What the usage event of the call names. */
  readonly holdId: string;
  readonly parts: readonly HoldPart[];
  /** Output tokens that it covers by now. */
  readonly outputTokensMax: number;
  /** Whether a stream that outgrows it may go on where no more is to be had. */
  readonly whenExhausted: 'finish' | 'cut';
  /**
   * The output has reached, or is about to reach, so many tokens. `true`: covered, at once or after a round trip. `false`:
   * no more is to be had.
   */
  grow(outputTokens: number): boolean | Promise<boolean>;
  /** The call is metered by the event that the outbox knows as `eventKey`: what it consumed takes the place of its bound. */
  settle(consumed: CallCounts, eventKey: string): void;
  /** Nothing was consumed. */
  release(): void;
}

/** The answer to an ask that had to be sent. */
export type HoldAnswer =
  | { readonly outcome: 'held'; readonly ticket: HoldTicket }
  /** No hard control concerns the call. */
  | { readonly outcome: 'free' }
  | { readonly outcome: 'refused'; readonly refusal: HoldRefusal; readonly affordable: Affordable | undefined }
  /** The service does not answer. */
  | { readonly outcome: 'unavailable'; readonly reason: string };

/** What could be had instead of what was refused. */
export interface Affordable {
  /** The output limit under which the call would fit; 0: none. */
  readonly outputTokensMax: number;
}

/** The escrow of one process: slices of holds, by kinds of calls. No method throws. */
export interface Holder {
  /** From a slice that is here, without a round trip. `undefined`: {@link take} has to be asked. `free`: nothing to hold. */
  draw(ask: HoldAsk): HoldTicket | 'free' | undefined;
  /** As {@link draw}, with a round trip where one is needed; callers of one kind that wait share it. */
  take(ask: HoldAsk): Promise<HoldAnswer>;
  /** These events are in the ledger: what they drew is in the hold's own `drawn` from its next state on. */
  acknowledged(eventKeys: Iterable<string>): void;
  /** These events will never be: what they were to draw stays held until the hold ends. */
  lost(eventKeys: Iterable<string>): void;
  /** Rules, controls or prices may be others: what is known of kinds of calls is asked for anew. */
  forget(): void;
  status(): HolderStatus;
  /** Gives back what is not needed now, bounded in time, and goes on; `true`: all of it was answered. */
  giveBack(timeoutMs: number): Promise<boolean>;
  /** Gives back what is not needed, bounded in time. */
  close(): Promise<void>;
}

/** What an escrow has done. */
export interface HolderStatus {
  readonly holds: number;
  readonly callsUnderWay: number;
  readonly drawnLocally: number;
  readonly roundTrips: number;
  readonly refused: number;
  readonly unavailable: number;
}
