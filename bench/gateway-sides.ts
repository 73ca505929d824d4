/** What bench/gateway.bench.ts compares, each in processes of its own, pinned to a core, with the CPU time that they take. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Where calls go, and how. */
export interface Side {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** CPU time of all its processes and threads since they began, in milliseconds; `undefined` where nothing is beside the upstream. */
  cpuMs(): number | undefined;
  /** Events that are in its ledger; absent where it has none. */
  recorded?(): Promise<number>;
  stop(): Promise<void>;
}

/** The gateway has one core for itself; what drives it and what answers it share the other. */
export const GATEWAY_CORE = 0;
export const LOAD_CORE = 1;
const CLOCK_TICK_MS = 10;
/** Where CPU profiles of all processes go. */
const PROFILE =
  process.env['BENCH_PROFILE'] === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${process.env['BENCH_PROFILE']}`];

const has = (program: string) => spawnSync('which', [program]).status === 0;
export const isPinned = process.platform === 'linux' && has('taskset');

/** By the paths of the project's own configuration tsx would take the SDK's sources in place of its build, and wrap them. */
const BUILT_ONLY = { TSX_TSCONFIG_PATH: fileURLToPath(new URL('./built.tsconfig.json', import.meta.url)) };

/** A child of this Node on one core. It says `{url}` when it is ready. */
export async function startChild(file: string, core: number, ...args: string[]) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const env = { ...process.env, ...BUILT_ONLY };
  const child = startPinned(core, [process.execPath, ...PROFILE, '--import', 'tsx', path, ...args], true, { env });
  const [ready] = (await Promise.race([once(child, 'message'), endOf(child, file)])) as [{ url: string; key?: string }];
  return { child, ...ready };
}

function startPinned(core: number, command: readonly string[], talks: boolean, options: object = {}): ChildProcess {
  const [program = '', ...args] = isPinned ? ['taskset', '-c', String(core), ...command] : command;
  const stdio = talks ? (['ignore', 'inherit', 'inherit', 'ipc'] as const) : (['ignore', 'ignore', 'inherit'] as const);
  return spawn(program, args, { stdio: [...stdio], ...options });
}

async function endOf(child: ChildProcess, name: string): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number | null];
  throw new Error(`${name} ended with ${code} before it was ready`);
}

/** CPU time of a process, all its threads, and of its children, from /proc; NaN elsewhere. */
export function cpuMsOf(pid: number | undefined): number {
  if (pid === undefined || process.platform !== 'linux') return Number.NaN;
  return [pid, ...childrenOf(pid)].reduce((sum, id) => sum + ownCpuMs(id), 0);
}

function ownCpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS;
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  );
}

/** The upstream itself, without anything between. */
export function direct(upstream: string): Side {
  return { name: 'direct', url: upstream, headers: auth('sk-bench'), cpuMs: () => undefined, stop: async () => {} };
}

function auth(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}

/** Fusewire, with everything on; `commitMs` is added to each commit of its store. */
export async function fusewire(upstream: string, commitMs: number): Promise<Side> {
  const settings = JSON.stringify({ upstream, commitMs });
  const { child, url, key = '' } = await startChild('./gateway-server.ts', GATEWAY_CORE, settings);
  return {
    name: commitMs === 0 ? 'fusewire' : `fusewire, commit + ${commitMs} ms`,
    url,
    headers: auth(key),
    cpuMs: () => cpuMsOf(child.pid),
    async recorded() {
      child.send('recorded');
      const [answer] = (await once(child, 'message')) as [{ recorded: number }];
      return answer.recorded;
    },
    stop: () => stop(child),
  };
}

/** A bare reverse proxy on node:http and undici. */
export async function bareProxy(upstream: string): Promise<Side> {
  const { child, url } = await startChild('./gateway-proxy.ts', GATEWAY_CORE, upstream);
  return {
    name: 'bare proxy',
    url,
    headers: auth('sk-bench'),
    cpuMs: () => cpuMsOf(child.pid),
    stop: () => stop(child),
  };
}

/** nginx with one worker; `undefined` where it is not installed. */
export async function nginx(upstream: string): Promise<Side | undefined> {
  if (!has('nginx')) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-nginx-'));
  const port = await freePort();
  const { host } = new URL(upstream);
  writeFileSync(
    join(folder, 'nginx.conf'),
    `worker_processes 1; pid ${folder}/pid; error_log stderr crit; events { worker_connections 1024; }
http { access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
uwsgi_temp_path ${folder}; scgi_temp_path ${folder}; keepalive_requests 100000000; client_body_buffer_size 64k;
upstream model { server ${host}; keepalive 128; keepalive_requests 100000000; }
server { listen 127.0.0.1:${port}; location / { proxy_pass http://model; proxy_http_version 1.1;
proxy_set_header connection ""; proxy_buffering off; } } }`,
  );
  const command = ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf'), '-g', 'daemon off;'];
  const child = startPinned(GATEWAY_CORE, command, false);
  await listening(port, child, 'nginx');
  const stopAll = async () => {
    await stop(child);
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  return { name: 'nginx', url, headers: auth('sk-bench'), cpuMs: () => cpuMsOf(child.pid), stop: stopAll };
}

/** The npm package @portkey-ai/gateway, from the folder that PORTKEY_GATEWAY_DIR names; it has no budgets. */
export async function portkey(upstream: string): Promise<Side | undefined> {
  const folder = process.env['PORTKEY_GATEWAY_DIR'];
  if (folder === undefined || folder === '') return undefined;
  const port = await freePort();
  const file = join(folder, 'node_modules/@portkey-ai/gateway/build/start-server.js');
  const env = { ...process.env, NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost' };
  const command = [process.execPath, file, `--port=${port}`, '--headless'];
  const child = startPinned(GATEWAY_CORE, command, false, { cwd: folder, env });
  await listening(port, child, 'portkey');
  const own = { 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `${upstream}/v1` };
  return {
    name: 'portkey (no budgets)',
    url: `http://127.0.0.1:${port}`,
    headers: { ...auth('sk-bench'), ...own },
    cpuMs: () => cpuMsOf(child.pid),
    stop: () => stop(child),
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  if (child.connected) child.disconnect();
  else child.kill();
  await ended;
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until somebody takes connections. @throws Error where the process ended, or after 20 s */
async function listening(port: number, child: ChildProcess, name: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode} before it was ready`);
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen) return;
    await pause(100);
  }
  child.kill();
  throw new Error(`${name} did not listen within 20 s`);
}
