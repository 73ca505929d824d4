/** Who owns a file in a shared folder, and whether that process still lives. No locks: the owner stands in the file's name. */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process, so exactly that a reused pid or another container is not taken for it. */
export interface ProcessIdentity {
  /** Hash of the machine's boot and of the pid namespace (Linux), else of the host name. */
  readonly host: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot (Linux), else `0`: not known. */
  readonly start: string;
}

/** `unknown`: only the file's heartbeat can tell (another machine or container, or a system without /proc). */
export type Liveness = 'alive' | 'dead' | 'unknown';

/** This process. */
export function readOwnIdentity(): ProcessIdentity {
  return { host: readHost(), pid: process.pid, start: readProcess(process.pid)?.start ?? '0' };
}

/** Whether the process behind `other` lives, as seen from `own`. */
export function livenessOf(other: ProcessIdentity, own: ProcessIdentity): Liveness {
  if (other.host !== own.host) return 'unknown';
  if (other.pid === own.pid) return other.start === own.start ? 'alive' : 'dead';
  if (!doesPidExist(other.pid)) return 'dead';
  if (other.start === '0') return 'unknown';
  const found = readProcess(other.pid);
  if (found === undefined) return 'unknown';
  // A zombie has stopped for good: it only waits for its parent to look.
  return found.start === other.start && found.state !== 'Z' && found.state !== 'X' ? 'alive' : 'dead';
}

function doesPidExist(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and belongs to another user.
    return Reflect.get(error as object, 'code') !== 'ESRCH';
  }
}

/** State and start time of a process: fields 3 and 22 of /proc/PID/stat. The name before them may hold anything. */
function readProcess(pid: number): { readonly state: string; readonly start: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, start] = [fields[0], fields[19]];
    return state !== undefined && start !== undefined && /^\d+$/.test(start) ? { state, start } : undefined;
  } catch {
    return undefined;
  }
}

function readHost(): string {
  let text: string;
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    text = `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    text = hostname();
  }
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
