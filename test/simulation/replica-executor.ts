/** How a simulated replica reaches the database: commands of a moment share a transaction, and may meet their end in it. */
import { createEffects } from '../../service/ledger/context.js';
import type { Command, GroupResult, Outcome } from '../../service/store/operation-group.js';
import type {
  EffectsListener,
  Executor,
  OperationInput,
  OperationName,
  OperationOutput,
} from '../../service/store/operations.js';
import { StoreError } from '../../service/store/store-error.js';
import { type Death, KilledError, type SharedDatabase } from './shared-database.js';
import type { Machine, World } from './world.js';

interface Waiting extends Command {
  settle(outcome: Outcome): void;
}

/** What an executor belongs to. */
export interface ExecutorParts {
  readonly world: World;
  readonly machine: Machine;
  readonly database: SharedDatabase;
  readonly listener: EffectsListener;
  /** The process was killed in a transaction. */
  onKilled(): void;
  /** Committed; the other replicas may hear of it. */
  onCommitted(result: GroupResult): void;
}

/** States: open → closed, by {@link close} or by the death of its process. */
export class ReplicaExecutor implements Executor {
  readonly #parts: ExecutorParts;
  readonly #surroundings: ReturnType<SharedDatabase['surroundings']>;
  #waiting: Waiting[] = [];
  #isDraining = false;
  #isClosed = false;
  /** Of the next transaction. */
  death: Death | undefined;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
    this.#surroundings = parts.database.surroundings(parts.machine.runtime.log);
  }

  execute<N extends OperationName>(operation: N, ...input: OperationInput<N>): Promise<OperationOutput<N>> {
    if (this.#isClosed) return Promise.reject(closed());
    const { world, machine } = this.#parts;
    world.stir();
    return new Promise((resolve, reject) => {
      const settle = (outcome: Outcome): void =>
        outcome.ok ? resolve(outcome.value as OperationOutput<N>) : reject(outcome.error);
      this.#waiting.push({ operation, input: structuredClone(input), nowMs: machine.runtime.now(), settle });
      this.#leaveSoon();
    });
  }

  /** What waits is never answered with anything but this. */
  end(): void {
    this.#isClosed = true;
    for (const { settle } of this.#waiting.splice(0)) settle({ ok: false, error: closed() });
  }

  async close(): Promise<void> {
    this.end();
  }

  #leaveSoon(): void {
    if (this.#isDraining || this.#waiting.length === 0) return;
    this.#isDraining = true;
    const { world } = this.#parts;
    world.after(world.chance.int(0, 3), () => void this.#drain());
  }

  async #drain(): Promise<void> {
    const { listener, world } = this.#parts;
    const commands = this.#waiting.splice(0);
    const death = this.death;
    if (commands.length > 0) this.death = undefined;
    const result = commands.length === 0 ? undefined : await this.#run(commands, death);
    this.#isDraining = false;
    world.stir();
    if (result === 'killed' || this.#isClosed) {
      for (const { settle } of commands) settle({ ok: false, error: closed() });
      if (result === 'killed') this.#parts.onKilled();
      return;
    }
    if (result !== undefined) {
      for (const [teamId, revision] of result.effects.moved) listener.moved(teamId, revision);
      for (const teamId of result.effects.touched) listener.touched(teamId);
      this.#parts.onCommitted(result);
      for (const [i, command] of commands.entries()) command.settle(result.outcomes[i]!);
    }
    this.#leaveSoon();
  }

  async #run(commands: readonly Command[], death: Death | undefined): Promise<GroupResult | 'killed'> {
    try {
      return await this.#parts.database.run(commands, this.#surroundings, death);
    } catch (error) {
      if (error instanceof KilledError) return 'killed';
      return { outcomes: commands.map(() => ({ ok: false, error })), effects: createEffects(), said: [] };
    }
  }
}

function closed(): StoreError {
  return new StoreError('CLOSED', 'the process is gone');
}
