/** A look at something outside, bounded in time, and never more often than once in a while: whoever asks for health asks for nothing else. */
import type { Runtime } from 'fusewire/internal';

/** What a look found, and when, by the monotonic clock. */
export interface ProbeResult {
  readonly outcome: 'ok' | 'late' | 'failed';
  readonly atMs: number;
}

/** How long a look may take, and for how long its outcome holds. */
export interface ProbeBounds {
  readonly limitMs: number;
  readonly holdsMs: number;
  /** The same for an outcome that is not good. @defaultValue `holdsMs` */
  readonly failureHoldsMs?: number;
}

/** Looks; those that ask meanwhile get the same outcome. */
export function createProbe(
  look: () => Promise<unknown>,
  runtime: Pick<Runtime, 'monotonicNow' | 'setTimer'>,
  { limitMs, holdsMs, failureHoldsMs = holdsMs }: ProbeBounds,
): () => Promise<ProbeResult> {
  let last: ProbeResult | undefined;
  let underWay: Promise<ProbeResult> | undefined;
  const lookOnce = () =>
    new Promise<ProbeResult>((resolve) => {
      const end = (outcome: ProbeResult['outcome']) => {
        timer.cancel();
        last = { outcome, atMs: runtime.monotonicNow() };
        resolve(last);
      };
      const timer = runtime.setTimer(() => end('late'), limitMs);
      Promise.resolve()
        .then(look)
        .then(
          () => end('ok'),
          () => end('failed'),
        );
    }).finally(() => {
      underWay = undefined;
    });
  return () => {
    if (last !== undefined) {
      const heldMs = last.outcome === 'ok' ? holdsMs : failureHoldsMs;
      if (runtime.monotonicNow() - last.atMs < heldMs) return Promise.resolve(last);
    }
    underWay ??= lookOnce();
    return underWay;
  };
}
