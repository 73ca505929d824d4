/** What the metering routes of one process remember of each other: keys that are being worked on, and revisions. */

/** Teams whose revision is remembered (I10). */
const TEAMS_MAX = 10_000;

/** Made once for each server. The claims are bounded by the requests in flight. */
export class IngestState {
  readonly #claims = new Set<string>();
  readonly #revisions = new Map<string, number>();

  /** Takes an Idempotency-Key of an owner; `false` while another request of this process has it (contract 5.1). */
  claim(owner: string, key: string): boolean {
    const name = `${owner}\n${key}`;
    if (this.#claims.has(name)) return false;
    this.#claims.add(name);
    return true;
  }

  /** Gives it back, however the request ended. */
  release(owner: string, key: string): void {
    this.#claims.delete(`${owner}\n${key}`);
  }

  /** Notes the revision of a team that the store told; they never go backwards. */
  note(teamId: string, revision: number): void {
    const known = this.#revisions.get(teamId) ?? 0;
    if (this.#revisions.size >= TEAMS_MAX && !this.#revisions.has(teamId)) this.#revisions.clear();
    this.#revisions.set(teamId, Math.max(known, revision));
  }

  /** The newest revision that this process has seen; `undefined` where it has seen none. */
  revisionOf(teamId: string): number | undefined {
    return this.#revisions.get(teamId);
  }
}
