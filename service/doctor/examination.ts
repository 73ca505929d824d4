/** Checks in their order, each with what it found. One that fails ends nothing but what stands on it. */

/** A check that was made. */
export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'failed' | 'skipped';
  /** What was found. */
  readonly detail: string;
  /** What to do about it, where it failed. */
  readonly advice: string | null;
}

/** Why a check fails, in words for its line. */
export class Finding extends Error {
  override readonly name = 'Finding';
}

/** Collects checks. */
export class Examination {
  readonly #checks: Check[] = [];

  /** All so far. */
  get checks(): readonly Check[] {
    return this.#checks;
  }

  /** Whether none failed. */
  get isSound(): boolean {
    return this.#checks.every(({ state }) => state !== 'failed');
  }

  /** Makes a check; whatever `look` throws is why it failed. Resolves to what it found, `undefined` where it failed. */
  async check<T extends { readonly detail: string }>(
    name: string,
    advice: string,
    look: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      const found = await look();
      this.#checks.push({ name, state: 'ok', detail: found.detail, advice: null });
      return found;
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.#checks.push({ name, state: 'failed', detail, advice });
      return undefined;
    }
  }

  /** Notes a check that could not be made. */
  skip(name: string, why: string): void {
    this.#checks.push({ name, state: 'skipped', detail: why, advice: null });
  }
}
