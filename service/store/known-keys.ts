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
 * Remembers what was found, never what was not: guesses fill no memory, and a new key works at once. Right only where
 * all changes pass through it: one process owns the database. A revocation that has resolved holds for every later look.
 */
export class KnownKeys implements KeySource {
  readonly #source: KeySource;
  readonly #keys = new Map<string, KeyRecord>();
  readonly #teams = new Map<string, Team>();
  /** A look that began before a revocation may end after it; what it found is not remembered. */
  #revocations = 0;

  constructor(source: KeySource) {
    this.#source = source;
  }

  async findKey(hash: string): Promise<KeyRecord | undefined> {
    const known = this.#keys.get(hash);
    if (known !== undefined) return known;
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
      this.#revocations += 1;
      this.#keys.clear();
    }
  }
}

function remember<T>(known: Map<string, T>, name: string, value: T): void {
  if (known.size >= REMEMBERED_MAX) known.clear();
  known.set(name, value);
}
