/** A function whose runs are watched: what it returns or throws reaches the caller as it would have. */
import { types } from 'node:util';
import { type AnyFunction, wrapFunction } from '../attribution/wrap-function.js';
import { isGenerator, wrapGenerator } from '../attribution/wrap-generator.js';
import type { ToolRun } from './tool-run.js';

/** `tool`, for each call of which `begin` makes a run. `begin` must not throw. */
export function watchTool<F extends AnyFunction>(tool: F, begin: () => ToolRun): F {
  return wrapFunction(tool, (_self, _args, call) => {
    const run = begin();
    const result = watchStep(run, call, (returned) => {
      if (!isGenerator(returned)) run.succeeded(returned);
    });
    if (!isGenerator(result)) return result;
    return wrapGenerator(result, (step) =>
      watchStep(run, step, (stepped) => {
        if ((stepped as IteratorResult<unknown>).done === true)
          run.succeeded((stepped as IteratorResult<unknown>).value);
      }),
    );
  });
}

/** Makes one step of a run and tells `returned` of what came out, awaited; what is thrown fails the run. */
function watchStep<T>(run: ToolRun, step: () => T, returned: (value: unknown) => void): T {
  const succeed = (value: unknown) => {
    returned(value);
    run.leave();
  };
  const fail = (error: unknown) => {
    run.failed(error);
    run.leave();
  };
  run.enter();
  let result: T;
  try {
    result = step();
  } catch (error) {
    fail(error);
    throw error;
  }
  if (types.isPromise(result)) return watchPromise(result, succeed, fail) as T;
  succeed(result);
  return result;
}

/**
 * A plain promise is replaced by one that follows it, so that a rejection that nobody handles is still reported as such.
 * One of a subclass has methods of its own (`withResponse()`): it is handed back as it is. Other thenables are not
 * touched at all: to ask some of them for their result is to run them once more.
 */
function watchPromise(
  promise: Promise<unknown>,
  succeed: (value: unknown) => void,
  fail: (error: unknown) => void,
): Promise<unknown> {
  if (Object.getPrototypeOf(promise) === Promise.prototype) {
    return promise.then(
      (value) => {
        succeed(value);
        return value;
      },
      (error: unknown) => {
        fail(error);
        throw error;
      },
    );
  }
  try {
    promise.then(succeed, fail);
  } catch (error) {
    fail(error);
  }
  return promise;
}
