/** Waiting that ends when the caller leaves. */
import type { Runtime } from '../runtime.js';

/** `left` resolves when the signal is aborted; `done` stops listening. */
export function aborted(signal: AbortSignal): { readonly left: Promise<'aborted'>; done(): void } {
  let listener: () => void = () => undefined;
  const left = new Promise<'aborted'>((resolve) => {
    listener = () => resolve('aborted');
    signal.addEventListener('abort', listener, { once: true });
  });
  return { left, done: () => signal.removeEventListener('abort', listener) };
}

/** Waits; resolves to whether the caller left meanwhile. Somebody waits for it: the process stays. */
export async function pause(
  runtime: Pick<Runtime, 'setTimer'>,
  delayMs: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (signal?.aborted === true) return true;
  return await new Promise<boolean>((resolve) => {
    const left = () => {
      timer.cancel();
      resolve(true);
    };
    const timer = runtime.setTimer(
      () => {
        signal?.removeEventListener('abort', left);
        resolve(false);
      },
      delayMs,
      { keepAlive: true },
    );
    signal?.addEventListener('abort', left, { once: true });
  });
}
