/** Watches the parts of a streamed answer. */
import type { LayerCall } from './layer-call.js';
import { fieldsOf } from './structure.js';

/**
 * A stream that hands on every part of `stream` as it comes, and tells `call` of it. Nothing is read ahead: a part is
 * read when somebody asks for one. Errors and cancels pass in both directions.
 */
export function watchParts(stream: ReadableStream<unknown>, call: LayerCall): ReadableStream<unknown> {
  const reader = stream.getReader();
  return new ReadableStream<unknown>(
    {
      async pull(controller) {
        let result: { done: boolean; value?: unknown };
        try {
          // Inside the call: a model may send its request no sooner than its stream is read.
          result = await call.run(() => reader.read());
        } catch (error) {
          call.failed(error);
          throw error;
        }
        if (result.done) {
          call.ended();
          controller.close();
          return;
        }
        call.part(result.value);
        controller.enqueue(result.value);
      },
      cancel(reason) {
        call.left();
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/** The stream of a result of `doStream`, or `undefined` where the result has another shape. */
export function streamOf(result: unknown): ReadableStream<unknown> | undefined {
  const { stream } = fieldsOf(result);
  const isStream = typeof (stream as { getReader?: unknown } | undefined)?.getReader === 'function';
  return isStream ? (stream as ReadableStream<unknown>) : undefined;
}
