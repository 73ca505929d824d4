/** Keys and teams that were looked up before: every request has one of each, and they seldom change. */
import type { FoundGatewayKey } from '../gateway/types.js';
import type { KeyRecord, Team } from './store.js';

/** More are looked up each time (I10). */
const REMEMBERED_MAX = 10_000;

/** Looks things up where they are kept. */
export interface KeySource {
  findKey(hash: string): Promise<KeyRecord | undefined>;
  getTeam(teamId: string): Promise<Team | undefined>;
  revokeKey(id: string): Promise<boolean>;
  findGatewayKey(hash: string): Promise<FoundGatewayKey | undefined>;
}

/**
 * Remembers what was found, never what was not: guesses fill no memory, and a new key works at once. A revocation that
 * has resolved holds for every later look. Where other processes write too, `isFresh` says whether what is remembered of
 * keys was confirmed a moment ago, and {@link forget} is called when it was not; a team never changes.
 */
export class KnownKeys implements KeySource {
  readonly #source: KeySource;
  readonly #isFresh: () => boolean;
  readonly #keys = new Map<string, KeyRecord>();
  readonly #gatewayKeys = new Map<string, FoundGatewayKey>();
  /** One look for a key of the gateway, however many requests bear it: after {@link forget} all of them come at once. */
  #looking = new Map<string, Promise<FoundGatewayKey | undefined>>();
  readonly #teams = new Map<string, Team>();
  /** A look that began before a change may end after it; what it found is not remembered. */
  #changes = 0;

  constructor(source: KeySource, isFresh: () => boolean = () => true) {
    this.#source = source;
    this.#isFresh = isFresh;
  }

  /** Keys may have changed behind it, or customers whose keys they are. */
  forget(): void {
    this.#changes += 1;
    this.#keys.clear();
    this.#gatewayKeys.clear();
    this.#looking = new Map();
  }

  async findKey(hash: string): Promise<KeyRecord | undefined> {
    const known = this.#keys.get(hash);
    if (known !== undefined && this.#isFresh()) return known;
    const before = this.#changes;
    const found = await this.#source.findKey(hash);
    if (found !== undefined && before === this.#changes) remember(this.#keys, hash, found);
    return found;
  }

  async getTeam(teamId: string): Promise<Team | undefined> {
    const known = this.#teams.get(teamId);
    if (known !== undefined) return known;
    const found = await this.#source.getTeam(teamId);
    if (found !== undefined) remember(this.#teams, teamId, found);
    return found;
  }

  revokeKey(id: string): Promise<boolean> {
    return this.afterChange(this.#source.revokeKey(id));
  }

  /** A key of the gateway with its customer, as `findGatewayKey` of the ledger finds it. */
  findGatewayKey(hash: string): Promise<FoundGatewayKey | undefined> {
    const known = this.#gatewayKeys.get(hash);
    if (known !== undefined && this.#isFresh()) return Promise.resolve(known);
    const looking = this.#looking;
    const already = looking.get(hash);
    if (already !== undefined) return already;
    const look = this.#lookForGatewayKey(hash).finally(() => looking.delete(hash));
    looking.set(hash, look);
    return look;
  }

  /** Passes on what a change of keys or customers resolves to; after it nothing from before is believed. */
  async afterChange<T>(change: Promise<T>): Promise<T> {
    try {
      return await change;
    } finally {
      // Also where it failed: whether it is kept is not known then.
      this.forget();
    }
  }

  async #lookForGatewayKey(hash: string): Promise<FoundGatewayKey | undefined> {
    const before = this.#changes;
    const found = await this.#source.findGatewayKey(hash);
    if (found !== undefined && before === this.#changes) remember(this.#gatewayKeys, hash, found);
    return found;
  }
}

function remember<T>(known: Map<string, T>, name: string, value: T): void {
  if (known.size >= REMEMBERED_MAX) known.clear();
  known.set(name, value);
}
