/** A network between a holder and its service that loses, doubles, delays and turns round what passes. */
import type { HoldDesk, HoldOperation, HoldOutcome } from '../../src/holds/hold-types.js';
import type { FakeClock } from '../../src/testing/fake-clock.js';

/** How bad it is; shares in [0, 1]. */
export interface Network {
  loseRequest: number;
  loseAnswer: number;
  doubleRequest: number;
  /** Milliseconds; each message takes up to so long, and so overtakes others. */
  delayMs: number;
  /** The sender waits no longer; what is under way arrives all the same. */
  readonly timeoutMs: number;
}

/** `random` decides everything. */
export function hostileDesk(desk: HoldDesk, network: Network, clock: FakeClock, random: () => number): HoldDesk {
  const later = (task: () => void) => void clock.setTimer(task, Math.floor(random() * network.delayMs));
  return {
    operate(operations: readonly HoldOperation[]): Promise<readonly HoldOutcome[]> {
      const sent = structuredClone(operations);
      return new Promise((resolve, reject) => {
        clock.setTimer(() => reject(new Error('no answer came')), network.timeoutMs);
        const arrive = () => {
          void desk.operate(sent).then((outcomes) => {
            if (random() < network.loseAnswer) later(() => reject(new Error('the connection was cut')));
            else later(() => resolve(outcomes));
          }, reject);
        };
        if (random() < network.loseRequest) later(() => reject(new Error('the connection was cut')));
        else later(arrive);
        if (random() < network.doubleRequest) clock.setTimer(arrive, Math.floor(random() * network.delayMs * 4));
      });
    },
  };
}
