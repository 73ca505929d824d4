/**
 * fast-check as the tests import it (vitest.config.ts puts this in its place). TEST_SEED decides what is random. A run
 * that fails is told at once with its seed and its error, and its counterexample is made smaller for a while only: a test
 * that meets its time limit meanwhile would tell nothing of all that.
 */
import fc from 'fast-check';

/** For making counterexamples smaller. What comes of it has a path, from which `fc.assert` goes on. Milliseconds. */
const SHRINK_MS = 10_000;

const { TEST_SEED = 'random' } = process.env;
const seed = TEST_SEED === 'random' ? Date.now() | 0 : Number(TEST_SEED);
fc.configureGlobal({ seed });

type Result = { readonly error: unknown } | fc.PreconditionFailure | null;

fc.installGlobalPlugin(() => {
  let untilMs = Number.POSITIVE_INFINITY;
  const look = (result: Result): Result => {
    if (result === null || fc.PreconditionFailure.isFailure(result) || untilMs < Number.POSITIVE_INFINITY)
      return result;
    untilMs = performance.now() + SHRINK_MS;
    console.error(`A property failed with TEST_SEED=${seed}:`, result.error);
    return result;
  };
  return {
    decorateRun: (run) => (value) => {
      if (performance.now() > untilMs) return new fc.PreconditionFailure(true);
      const result = run(value);
      return result instanceof Promise ? result.then(look) : look(result);
    },
  };
});

export * from 'fast-check';
export default fc;
