/** What the books of the gateway stand on. */
import type { DiskOutbox, Log, Runtime } from 'fusewire/internal';
import type { Metrics } from '../../http/metrics.js';
import type { IngestState } from '../../ingest/ingest-state.js';
import type { CredentialProtector } from '../../ingest/protect-credential.js';
import type { Store } from '../../store/store.js';

/** Of the store, what the books use. */
export type BookStore = Pick<
  Store,
  'feeds' | 'gatewayStanding' | 'listTeams' | 'operateHolds' | 'record' | 'recordRefusals'
>;

/** Parts of `createGatewayBooks`. */
export interface GatewayBooksParts {
  readonly store: BookStore;
  readonly runtime: Runtime;
  readonly log: Log;
  /** The outboxes lie in `gateway-outbox` below it. */
  readonly dataDir: string;
  readonly protectCredential: CredentialProtector;
  readonly metrics?: Pick<Metrics, 'events' | 'refusedCalls'> | undefined;
  /** Is told of revisions, for the header of ingest answers. */
  readonly ingest?: Pick<IngestState, 'note'> | undefined;
  /** After so long without a word from this process its holds end: 10 to 3,600. @defaultValue 60 */
  readonly holdTtlSeconds?: number | undefined;
  /** For tests that fill the disk. @defaultValue a durable one in the data folder */
  readonly openOutbox?: ((teamId: string) => DiskOutbox) | undefined;
}

/** Events that wait for the ledger, of a team; with fewer left than the reserve no call is admitted. */
export const OUTBOX_CAPACITY = 100_000;
/** For the calls that are under way then. */
export const OUTBOX_RESERVE = 10_000;
