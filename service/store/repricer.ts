/** Prices events again, a slice a transaction between the others, as long as there are passes that are not over. */
import type { Runtime } from 'fusewire/internal';
import type { Executor } from './operations.js';

const RETRY_MS = 1_000;

/** States: idle → running → idle; after a failure it waits and goes on where it was (I9), until it is stopped. */
export class Repricer {
  readonly #runtime: Runtime;
  readonly #executor: Pick<Executor, 'execute'>;
  #running = false;
  #again = false;
  #stopped = false;
  #retry: { cancel(): void } | undefined;

  constructor(runtime: Runtime, executor: Pick<Executor, 'execute'>) {
    this.#runtime = runtime;
    this.#executor = executor;
  }

  /** Looks for what there is to price. Never rejects, holds up nobody. */
  start(): void {
    this.#again = true;
    if (this.#running || this.#stopped) return;
    this.#running = true;
    void this.#run();
  }

  /** Begins nothing more. What is under way ends by itself. */
  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
  }

  async #run(): Promise<void> {
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        let teams = await this.#executor.execute('openReprices');
        while (teams.length > 0 && !this.#stopped) {
          const open: string[] = [];
          for (const teamId of teams) if (await this.#slice(teamId)) open.push(teamId);
          teams = open;
        }
      }
    } catch (error) {
      if (!this.#stopped) {
        this.#runtime.log.error('events could not be priced again; trying once more', { error: String(error) });
        this.#retry = this.#runtime.setTimer(() => this.start(), RETRY_MS);
      }
    } finally {
      this.#running = false;
    }
  }

  async #slice(teamId: string): Promise<boolean> {
    return !this.#stopped && (await this.#executor.execute('repriceNext', teamId));
  }
}
