/** The bypass for incidents: everything is let through, metered and marked, while it is on. */
import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { harmlessLog } from '../src/log.js';
import type { Runtime, Timer } from '../src/runtime.js';
import type { OperatorBypass } from '../src/wire/feed-bypass.js';
import { codeOf } from './mirror-owner.js';
import { OperatorsBypass } from './operators-bypass.js';

/** The flag file is looked at this often. Milliseconds. */
const LOOK_INTERVAL_MS = 1_000;

/** Whether enforcement is switched off. On while any says so: environment, flag file, {@link set}, {@link setOperators}. */
export interface BypassSwitch {
  /** Constant time, no I/O: part of every check. */
  isOn(): boolean;
  /** What operators switched at the service, as the rules in force say it; it is over at its end by our wall clock. */
  setOperators(bypass: OperatorBypass | undefined): void;
  /** Switches the part that the program itself holds; `false` does not undo the environment or the flag file. */
  set(on: boolean): void;
  /** Looks at the flag file no more. */
  stop(): void;
}

/** What a bypass switch is made of. */
export interface BypassOptions {
  readonly runtime: Runtime;
  /** `REVENIUM_BYPASS`. */
  readonly fromEnvironment: boolean;
  /** The flag file: on while it exists, whatever is in it. Looked at once now, then every second. */
  readonly file?: string | undefined;
}

/**
 * Creates the switch. Says once in the log that it went on, and once that it went off. A flag file that cannot be looked
 * at (a lost mount, missing rights) leaves the switch as it was.
 */
export function createBypassSwitch(options: BypassOptions): BypassSwitch {
  const { runtime, file } = options;
  const log = harmlessLog(runtime.log);
  let byFile = false;
  let byProgram = false;
  let byOperators = false;
  let isOn = false;
  let timer: Timer | undefined;
  let isStopped = false;

  const update = () => {
    byOperators = operators.isOn();
    const sources = [
      options.fromEnvironment ? 'REVENIUM_BYPASS' : '',
      byFile ? `the flag file ${file}` : '',
      byProgram ? 'the program' : '',
      byOperators ? operators.describe() : '',
    ].filter((source) => source !== '');
    if (sources.length > 0 === isOn) return;
    isOn = sources.length > 0;
    if (isOn) log.warn(`enforcement is bypassed by ${sources.join(' and ')}: no call is refused`);
    else log.warn('the bypass is over: enforcement is back in force');
  };
  const operators = new OperatorsBypass(runtime, update);
  const see = (isThere: boolean) => {
    byFile = isThere;
    update();
  };
  const look = async (path: string) => {
    try {
      await stat(path);
      if (!isStopped) see(true);
    } catch (error) {
      if (!isStopped && isAbsence(error)) see(false);
    }
    arm(path);
  };
  const arm = (path: string) => {
    if (!isStopped) timer = runtime.setTimer(() => void look(path), LOOK_INTERVAL_MS);
  };

  if (file !== undefined) {
    byFile = isThereNow(file);
    arm(file);
  }
  update();
  return {
    isOn() {
      // Its end may have come since anybody looked.
      if (isOn && byOperators && !operators.isOn()) update();
      return isOn;
    },
    setOperators(bypass) {
      if (isStopped) return;
      operators.set(bypass);
      update();
    },
    set(on) {
      byProgram = on;
      update();
    },
    stop() {
      isStopped = true;
      timer?.cancel();
      operators.set(undefined);
    },
  };
}

function isThereNow(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

function isAbsence(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
