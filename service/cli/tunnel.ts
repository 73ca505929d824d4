/** `fusewire tunnel`: the gateway behind a Cloudflare Tunnel. It writes and checks files; cloudflared does the rest. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { ollamaUpstream } from '../gateway/gateway-config.js';
import { type InstallationPorts, portOf } from '../tunnel/published.js';
import type { Step } from '../tunnel/validate.js';
import { CliAnswerNo, CliFailure, type CliIo, CliUsageError } from './io.js';
import { localConfig, localGatewayConfig } from './local-config.js';
import { printJson, visible } from './print.js';

interface FileOptions {
  readonly dir?: string;
  readonly json?: boolean;
}

interface InitOptions extends FileOptions {
  readonly hostname: string;
  readonly tunnel?: string;
  readonly credentials?: string;
  readonly service?: string;
}

interface ValidateOptions extends FileOptions {
  readonly config?: string;
  readonly online?: boolean;
}

const INIT_HELP = `
A file that is there keeps its rules, members and comments; the old one stays beside it. Only the gateway is published,
never the admin API. Credentials stay where cloudflared wrote them. Run it again after \`cloudflared tunnel create\`.`;
const VALIDATE_HELP = `
Reads files and asks nobody, but for --online. Exit code 0: sound; 3: something is wrong.`;

/** Adds the commands. */
export function addTunnel(program: Command, io: CliIo): void {
  const tunnel = program
    .command('tunnel')
    .description('Put the gateway behind a Cloudflare Tunnel: write the configuration of cloudflared, and check it.');
  tunnel
    .command('init')
    .description('Write or extend config.yml for the gateway, and say the commands of cloudflared that come next.')
    .requiredOption('--hostname <name>', 'where callers reach the gateway, for instance llm.example.com')
    .option('--tunnel <name-or-id>', 'of `cloudflared tunnel create` (what the file says, or fusewire)')
    .option('--credentials <file>', 'the JSON file that `cloudflared tunnel create` wrote')
    .option('--dir <folder>', 'where config.yml is (~/.cloudflared)')
    .option('--service <url>', "the gateway as cloudflared reaches it (http://127.0.0.1 at the gateway's port)")
    .option('--json', 'print JSON')
    .addHelpText('after', INIT_HELP)
    .action((options: InitOptions) => init(io, options));
  tunnel
    .command('validate')
    .description('Check config.yml: rules, credentials, and that it publishes the gateway and nothing beside it.')
    .option('--config <file>', 'the file (config.yml in --dir)')
    .option('--dir <folder>', 'where config.yml is (~/.cloudflared)')
    .option('--online', 'also ask whether the gateway answers where the rule leads')
    .option('--json', 'print JSON')
    .addHelpText('after', VALIDATE_HELP)
    .action((options: ValidateOptions) => validate(io, options));
}

/** @throws CliFailure where the port of the gateway changes with each start */
function portsOf(io: CliIo): InstallationPorts {
  const gateway = localGatewayConfig(io, {});
  if (gateway.port === 0)
    throw new CliFailure('GATEWAY_PORT is 0: a tunnel needs a port that stays, for instance 8000');
  const { origin } = ollamaUpstream(gateway);
  return { gateway: gateway.port, admin: localConfig(io, {}).port, ollama: portOf(origin) ?? OLLAMA_PORT };
}

const OLLAMA_PORT = 11_434;

function fileOf(io: CliIo, options: ValidateOptions): string {
  if (options.config !== undefined) return resolve(io.workingDir, options.config);
  return join(resolve(io.workingDir, options.dir ?? join(homedir(), '.cloudflared')), 'config.yml');
}

async function init(io: CliIo, options: InitOptions): Promise<void> {
  const { initTunnel, TunnelRefusal } = await import('../tunnel/init-tunnel.js');
  const credentials = options.credentials;
  const done = await initTunnel({
    file: fileOf(io, options),
    hostname: options.hostname.trim().toLowerCase(),
    service: options.service,
    tunnel: options.tunnel,
    credentialsFile: credentials === undefined ? undefined : resolve(io.workingDir, credentials),
    ports: portsOf(io),
    nowMs: io.runtime.now(),
  }).catch((error: unknown) => {
    if (!(error instanceof TunnelRefusal)) throw error;
    throw error.isUsage ? new CliUsageError(error.message) : new CliFailure(error.message);
  });
  if (options.json) return printJson(io, done);
  const { bold, dim, green, red } = io.colors;
  const { file, backup, said, beware, next } = done;
  for (const sentence of said) io.out(`${green('✓')} ${visible(sentence)}`);
  if (!done.changed) io.out(`${green('✓')} ${visible(file)}: nothing had to change`);
  else io.out(`${green('✓')} ${visible(file)}: written${backup === null ? '' : `; as it was: ${visible(backup)}`}`);
  for (const sentence of beware) io.out(`${red('✗')} ${visible(sentence)}`);
  io.out('\nNext, in this order:');
  for (const { command, purpose } of next) io.out(`  ${bold(visible(command))}\n    ${dim(purpose)}`);
  io.out('\nCheck the files at any time: fusewire tunnel validate --online');
}

async function validate(io: CliIo, options: ValidateOptions): Promise<void> {
  const { validateTunnel } = await import('../tunnel/validate.js');
  const file = fileOf(io, options);
  const steps = await validateTunnel({ file, ports: portsOf(io), isOnline: options.online === true });
  const isSound = steps.every(({ state }) => state !== 'wrong');
  if (options.json) printJson(io, { sound: isSound, file, steps });
  else for (const step of steps) show(io, step);
  if (!isSound) throw new CliAnswerNo('the tunnel is not sound');
}

function show(io: CliIo, { name, state, found, line, advice }: Step): void {
  const { green, red, yellow, dim } = io.colors;
  const mark = { ok: green('✓'), wrong: red('✗'), notice: yellow('!'), skipped: dim('–') }[state];
  const place = state !== 'ok' && line !== undefined ? ` (line ${line})` : '';
  io.out(`${mark} ${name}: ${visible(found)}${place}`);
  if (advice !== undefined) io.out(`    ${dim(visible(advice))}`);
}
