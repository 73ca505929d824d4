/** Keys and teams that were looked up before: every request has one of each, and neither changes but by revocation. */
import type { KeyRecord, Team } from './store.js';

/** More are looked up each time (I10). */
const REMEMBERED_MAX = 10_000;

/** Looks things up where they are kept. */
export interface KeySource {
  findKey(hash: string): Promise<KeyRecord | undefined>;
  getTeam(teamId: string): Promise<Team | undefined>;
  revokeKey(id: string): Promise<boolean>;
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
  readonly #teams = new Map<string, Team>();
  /** A look that began before a revocation may end after it; what it found is not remembered. */
  #revocations = 0;

  constructor(source: KeySource, isFresh: () => boolean = () => true) {
    this.#source = source;
    this.#isFresh = isFresh;
  }

  /** Keys may have changed behind it. */
  forget(): void {
    this.#revocations += 1;
    this.#keys.clear();
  }

  async findKey(hash: string): Promise<KeyRecord | undefined> {
    const known = this.#keys.get(hash);
    if (known !== undefined && this.#isFresh()) return known;
    const before = this.#revocations;
    const found = await this.#source.findKey(hash);
    if (found !== undefined && before === this.#revocations) remember(this.#keys, hash, found);
    return found;
  }

  async getTeam(teamId: string): Promise<Team | undefined> {
    const known = this.#teams.get(teamId);
    if (known !== undefined) return known;
    const found = await this.#source.getTeam(teamId);
    if (found !== undefined) remember(this.#teams, teamId, found);
    return found;
  }

  async revokeKey(id: string): Promise<boolean> {
    try {
      return await this.#source.revokeKey(id);
    } finally {
      // Also where it failed: whether it is kept is not known then.
      this.forget();
    }
  }
}

function remember<T>(known: Map<string, T>, name: string, value: T): void {
  if (known.size >= REMEMBERED_MAX) known.clear();
  known.set(name, value);
}
