/** What other replicas change: told by the database as it happens (LISTEN), and looked after twice a second besides. */
import type { Log, Runtime, Timer } from 'fusewire/internal';
import type pg from 'pg';
import type { EffectsListener } from '../operations.js';
import { type Limits, prepareSession } from './connections.js';
import { troubleOf, wordsOf } from './trouble.js';

/** The channel on which triggers tell `team <revision> <id>` and `keys` (migration 0001). */
export const CHANNEL = 'fusewire';
/** How often the net below is drawn in. */
export const POLL_MS = 500;
/** What was confirmed by a look that began so long ago counts: a revoked key stops within a second on every replica. */
export const TRUST_MS = 1_000;
const RECONNECT_MS = 1_000;

const LOOK = {
  name: 'watch',
  text: `SELECT id, revision FROM team WHERE id = ANY (CAST($1 AS TEXT[]))
    UNION ALL SELECT '', version FROM key_version`,
};

/** What a watcher works with. */
export interface WatcherParts {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly pool: pg.Pool;
  readonly limits: Limits;
  readonly listener: EffectsListener;
  /** A connection of its own, not open yet. */
  connect(): pg.Client;
}

/** States: stopped → watching → stopped. What fails is tried again until it is stopped (I9). */
export class Watcher {
  readonly #parts: WatcherParts;
  #client: pg.Client | undefined;
  #poll: Timer | undefined;
  #reconnect: Timer | undefined;
  #looking: Promise<void> | undefined;
  #connecting: Promise<void> | undefined;
  #keyVersion: bigint | undefined;
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #stopped = false;
  #deaf = false;

  constructor(parts: WatcherParts) {
    this.#parts = parts;
  }

  /** Begins; resolves when it hears and has looked once, or has failed to. */
  async start(): Promise<void> {
    await this.#listen();
    await this.#look();
  }

  /** Whether what is remembered was confirmed a moment ago. */
  isFresh(): boolean {
    return this.#parts.runtime.monotonicNow() - this.#confirmedAt < TRUST_MS;
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#poll?.cancel();
    this.#reconnect?.cancel();
    await Promise.all([this.#looking, this.#connecting]);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  #listen(): Promise<void> {
    this.#connecting ??= this.#tryListen().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #tryListen(): Promise<void> {
    const client = this.#parts.connect();
    const onEnd = (): void => this.#deafen(client);
    client.on('error', onEnd);
    client.on('end', onEnd);
    client.on('notification', ({ payload }) => this.#hear(payload ?? ''));
    this.#client = client;
    try {
      await client.connect();
      await prepareSession(client, this.#parts.limits);
      await client.query(`LISTEN ${CHANNEL}`);
    } catch (error) {
      this.#deafen(client, error);
      return;
    }
    if (this.#deaf) this.#parts.log.info('the database tells again what other replicas change');
    this.#deaf = false;
    // Whatever was told while nobody listened: everything kept is suspect.
    void this.#look();
  }

  /** Once per connection: it is given up, and another one is made after a while. */
  #deafen(client: pg.Client, error?: unknown): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    void client.end().catch(() => undefined);
    if (this.#stopped) return;
    if (!this.#deaf) {
      const fields = error === undefined ? {} : { error: wordsOf(error) };
      this.#parts.log.warn('the database does not tell what other replicas change; looking every half second', fields);
    }
    this.#deaf = true;
    this.#reconnect = this.#parts.runtime.setTimer(() => void this.#listen(), RECONNECT_MS);
  }

  #hear(payload: string): void {
    const { listener } = this.#parts;
    if (payload === 'keys') {
      listener.keysMoved();
      return;
    }
    const [, revision, teamId] = /^team (\d+) (.+)$/.exec(payload) ?? [];
    if (revision !== undefined && teamId !== undefined) listener.moved(teamId, Number(revision));
  }

  /** One look at a time; the next one half a second after it. */
  #look(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#looking ??= this.#tryLook().finally(() => {
      this.#looking = undefined;
      if (this.#stopped) return;
      this.#poll?.cancel();
      this.#poll = this.#parts.runtime.setTimer(() => void this.#look(), POLL_MS);
    });
    return this.#looking;
  }

  async #tryLook(): Promise<void> {
    const { runtime, pool, listener } = this.#parts;
    const startedAt = runtime.monotonicNow();
    try {
      const { rows } = await pool.query<{ id: string; revision: bigint }>({
        ...LOOK,
        values: [[...listener.kept()]],
      });
      for (const { id, revision } of rows) {
        if (id === '') this.#noteKeys(revision);
        else {
          listener.moved(id, Number(revision));
          // Whose values moved is told by nobody: they are read again when they are old enough.
          listener.touched(id);
        }
      }
      this.#confirmedAt = startedAt;
    } catch (error) {
      // Said by who wants to read or write; what is remembered is not trusted meanwhile.
      this.#parts.log.debug('the database was not there to look at', { trouble: troubleOf(error) });
    }
  }

  #noteKeys(version: bigint): void {
    if (this.#keyVersion !== undefined && this.#keyVersion !== version) this.#parts.listener.keysMoved();
    this.#keyVersion = version;
  }
}
