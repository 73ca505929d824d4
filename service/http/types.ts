/** Types that the service's routes share. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Log, Runtime } from 'fusewire/internal';
import type { SecretSealer } from '../alerts/secrets.js';
import type { TargetGuard } from '../alerts/targets.js';
import type { IngestState } from '../ingest/ingest-state.js';
import type { CredentialProtector } from '../ingest/protect-credential.js';
import type { KeyRecord, Store, Team } from '../store/store.js';
import type { Metrics } from './metrics.js';
import type { Place } from './overload.js';

/** A fastify instance whose schemas are zod's. */
export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/**
 * Who may use a route. `public`: everybody. `metering`: any key. `write`: a write key. `local`: a command on this machine
 * that can read the data folder. `loopback`: every program on this machine, and any write key from elsewhere. A route that
 * names none is refused when it is registered.
 */
export type Access = 'public' | 'metering' | 'write' | 'local' | 'loopback';

/** A route as it was registered. */
export interface RouteFacts {
  readonly method: string;
  /** The pattern. */
  readonly url: string;
  readonly access: Access;
  /** Left out of the description of the API: another spelling of a route that is in it, or one for local commands. */
  readonly isHidden: boolean;
}

/** Who asks: the key, and the team that it belongs to. */
export interface Caller {
  readonly key: KeyRecord;
  readonly team: Team;
}

/** What routes work with. */
export interface ServiceContext {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly protectCredential: CredentialProtector;
  /** Keys that are being worked on, and the revisions that this process has seen. */
  readonly ingest: IngestState;
  /** The secret that local commands send; `undefined`: there is no local door. */
  readonly adminToken?: string | undefined;
  readonly metrics: Metrics;
  /** What webhooks need: their secrets sealed, their addresses judged. */
  readonly webhooks: { readonly sealer: SecretSealer; readonly guard: TargetGuard };
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route of the service, in the order of registration. */
    routeFacts: RouteFacts[];
  }
  interface FastifyContextConfig {
    access?: Access;
    /** With `wait` in its query a request may wait to be answered: a thousand of one key do at once, and are not too many. */
    waits?: boolean;
    /** The key may come as `Authorization: Bearer` too, for senders that know no other header. */
    bearer?: boolean;
  }
  interface FastifyRequest {
    /** The text of a JSON body as it came; empty where there was none. */
    rawBody: string;
    /** Set on every route that needs a key, before its handler runs. */
    caller: Caller | null;
    /** Among the requests that are worked on. */
    place: Place | null;
    /** A key that is known and was refused: revoked, over its rate. */
    refusedKey: KeyRecord | null;
    /** The code of the error that was answered. */
    refusalCode: string | null;
  }
}
