/** Carries `fusewire tunnel init` out: reads what is there, writes the new file in one step, keeps the old one. */
import { randomBytes } from 'node:crypto';
import { constants, copyFile, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { examineCredentials } from './credentials.js';
import { addressOf, hostnameProblem } from './ingress.js';
import { planInit } from './init.js';
import { type NextCommand, nextCommands } from './next-commands.js';
import { type InstallationPorts, portOf, publishingProblem, publishingProblems } from './published.js';
import { readTunnelFile } from './tunnel-file.js';
import { isUuid, tunnelNameProblem } from './tunnel-name.js';

/** What was asked for; paths are absolute. */
export interface TunnelInit {
  readonly file: string;
  readonly hostname: string;
  /** @defaultValue the gateway on this machine */
  readonly service: string | undefined;
  readonly tunnel: string | undefined;
  readonly credentialsFile: string | undefined;
  readonly ports: InstallationPorts;
  readonly nowMs: number;
}

/** What was done. */
export interface TunnelInitDone {
  readonly file: string;
  /** The file as it was before; `null`: there was none, or it did not change. */
  readonly backup: string | null;
  readonly changed: boolean;
  readonly said: readonly string[];
  /** Rules that were there and publish what is not for the Internet. They are kept: somebody wrote them. */
  readonly beware: readonly string[];
  readonly next: readonly NextCommand[];
}

/** It cannot be done as it was asked for. */
export class TunnelRefusal extends Error {
  override readonly name = 'TunnelRefusal';

  constructor(
    message: string,
    /** The command was written wrongly. */
    readonly isUsage: boolean,
  ) {
    super(message);
  }
}

/** Writes the configuration. @throws TunnelRefusal, and then nothing is written. */
export async function initTunnel(asked: TunnelInit): Promise<TunnelInitDone> {
  const { file, hostname, ports } = asked;
  const service = asked.service ?? `http://127.0.0.1:${ports.gateway}`;
  const problem = wishProblem(asked, service);
  if (problem !== undefined) throw new TunnelRefusal(problem, true);
  const credentialsFile = asked.credentialsFile ?? (await onlyCredentials(asked));
  const tunnelId = credentialsFile === undefined ? undefined : await tunnelOf(credentialsFile, asked.tunnel);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new TunnelRefusal(`${file} cannot be read (${error.code ?? error.message})`, false);
  });
  const plan = planInit(text, { hostname, service, tunnel: tunnelId ?? asked.tunnel, credentialsFile });
  if (plan.outcome === 'refused') throw new TunnelRefusal(`${file}: ${plan.reason}`, false);
  const changed = plan.text !== text;
  const backup = changed ? await replace(file, plan.text, text, asked.nowMs) : null;
  const isCreated = tunnelId !== undefined || plan.hasCredentials;
  const next = nextCommands({ file, hostname, tunnel: plan.tunnel, isCreated });
  const read = readTunnelFile(plan.text);
  const beware = read.outcome === 'read' ? publishingProblems(read.file.rules, ports) : [];
  return { file, backup, changed, said: plan.said, beware: beware.map(({ message }) => message), next };
}

function wishProblem({ hostname, tunnel, ports }: TunnelInit, service: string): string | undefined {
  const host = hostnameProblem(hostname);
  if (host !== undefined) return `--hostname '${hostname}' ${host}`;
  const name = tunnel === undefined ? undefined : tunnelNameProblem(tunnel);
  if (name !== undefined) return `--tunnel ${name}`;
  const address = addressOf(service);
  if (address === undefined || !/^https?:$/.test(address.protocol) || /[^:/]\/|[?#@]/.test(service)) {
    return `--service '${service}' must be http://HOST:PORT, without a path`;
  }
  const reason = publishingProblem(service, ports);
  if (reason !== undefined) return `--service ${service}: ${reason}`;
  if (portOf(service) === ports.gateway) return undefined;
  return `--service ${service}: the gateway is at port ${ports.gateway} (GATEWAY_PORT); nothing else is published`;
}

/** What lies beside the configuration, where there is no doubt which one is meant. */
async function onlyCredentials({ file, tunnel }: TunnelInit): Promise<string | undefined> {
  const folder = dirname(file);
  const names = (await readdir(folder).catch(() => [])).filter((name) => isUuid(name.replace(/\.json$/, '')));
  const wanted = tunnel !== undefined && isUuid(tunnel) ? names.filter((name) => name === `${tunnel}.json`) : names;
  const held = await readFile(file, 'utf8').catch(() => '');
  const [only] = wanted;
  return wanted.length === 1 && only !== undefined && !/^credentials-file:/m.test(held)
    ? join(folder, only)
    : undefined;
}

async function tunnelOf(credentialsFile: string, tunnel: string | undefined): Promise<string> {
  const credentials = await examineCredentials(credentialsFile);
  if (credentials.outcome === 'wrong') throw new TunnelRefusal(`${credentials.message}: ${credentials.advice}`, false);
  const { tunnelId } = credentials;
  if (tunnel === undefined || !isUuid(tunnel) || tunnel.toLowerCase() === tunnelId) return tunnelId;
  throw new TunnelRefusal(`${credentialsFile} is of the tunnel ${tunnelId}, not of ${tunnel}`, false);
}

/** Old or new, never half: the new text gets its name when it is on the disk. */
async function replace(file: string, text: string, before: string | undefined, nowMs: number): Promise<string | null> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const stamp = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const backup = before === undefined ? null : `${file}.${stamp}.bak`;
  if (backup !== null) await copyFile(file, backup, constants.COPYFILE_EXCL);
  const mode = before === undefined ? 0o644 : (await stat(file)).mode & 0o777;
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
  return backup;
}
