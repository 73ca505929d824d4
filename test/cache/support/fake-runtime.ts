import { createRuntime, type Runtime } from '../../../src/runtime.js';
import { createFakeClock, type FakeClock } from '../../../src/testing/fake-clock.js';

/** A runtime whose log is a list, and whose chance is the middle: no jitter. */
export interface TestRuntime extends Runtime {
  readonly lines: string[];
}

function recordingLog(lines: string[]) {
  const write = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  return {
    debug: () => undefined,
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    isDebug: () => false,
  };
}

/** Real time, recorded log. */
export function realRuntime(overrides: Partial<Runtime> = {}): TestRuntime {
  const lines: string[] = [];
  return { ...createRuntime({ random: () => 0.5, log: recordingLog(lines), ...overrides }), lines };
}

/** Time that moves only with `clock.advance`. */
export function fakeRuntime(startMs?: number): { runtime: TestRuntime; clock: FakeClock } {
  const clock = createFakeClock(startMs);
  return { clock, runtime: realRuntime(clock) };
}

/** Waits, in real time, until `isTrue`; for work that I/O finishes. Fails after `timeoutMs`. */
export async function until(isTrue: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await isTrue())) {
    if (performance.now() > end) throw new Error(`not true within ${timeoutMs} ms: ${isTrue}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
