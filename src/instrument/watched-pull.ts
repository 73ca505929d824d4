/** One read after the other of a watched answer, by a reader or an iterator. */
import type { AnswerWatch } from './answer-watch.js';

/** What a read gives. */
export type ReadResult = { done: boolean; value?: Uint8Array | undefined };

/**
 * The caller's read. Where a rewrite leaves nothing of a chunk, the next one is read. Where the hold of the attempt is used
 * up, the answer is ended and what would still come is given up by `stop`.
 */
export function pullFrom(
  next: () => Promise<ReadResult>,
  stop: () => unknown,
  watch: AnswerWatch,
): () => Promise<ReadResult> {
  const { cover } = watch;
  let isCut = false;
  const cut = (): ReadResult => {
    isCut = true;
    const value = watch.cut();
    Promise.resolve(stop()).catch(() => undefined);
    return { done: value.length === 0, value };
  };
  const came = (result: ReadResult): ReadResult | Promise<ReadResult> => {
    const { value } = result;
    if (result.done) {
      const held = watch.end();
      return held.length === 0 ? result : { done: false, value: held };
    }
    if (!(value instanceof Uint8Array)) return result;
    const passed = watch.bytes(value);
    if (passed === value) return result;
    return passed.length === 0 ? pull() : { done: false, value: passed };
  };
  const broke = (error: unknown): ReadResult => {
    // The reader was released under a pending read: somebody else may go on reading.
    if (isReleased(error)) throw error;
    const held = watch.failed(error);
    if (held.length === 0) throw error;
    watch.deferred = { error };
    return { done: false, value: held };
  };
  const pull = (): Promise<ReadResult> => {
    watch.progressed();
    if (watch.deferred !== undefined) return Promise.reject(watch.deferred.error);
    if (isCut) return Promise.resolve({ done: true, value: undefined });
    if (cover?.isSpent === true) return Promise.resolve(cut());
    const waiting = cover?.waiting;
    if (waiting !== undefined) return waiting.then(pull);
    return next().then(came, broke);
  };
  return pull;
}

function isReleased(error: unknown): boolean {
  return error instanceof TypeError && Reflect.get(error, 'code') === 'ERR_INVALID_STATE';
}
