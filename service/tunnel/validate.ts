/** Looks at a tunnel's configuration step by step: what cloudflared would take, and whether it publishes the gateway alone. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { sendJson } from '../http/send-json.js';
import { examineCredentials } from './credentials.js';
import { ingressProblems } from './ingress.js';
import { type InstallationPorts, portOf, publishingProblems } from './published.js';
import { type IngressRule, type Problem, readTunnelFile, type TunnelFile } from './tunnel-file.js';
import { isUuid, tunnelNameProblem } from './tunnel-name.js';

/** One step: `notice` is worth a look and no fault, `skipped` was not looked at. */
export interface Step {
  readonly name: string;
  readonly state: 'ok' | 'wrong' | 'notice' | 'skipped';
  readonly found: string;
  /** Of the file, where something of it is wrong. */
  readonly line?: number;
  /** What to do. */
  readonly advice?: string;
}

/** What to look at. */
export interface Validation {
  readonly file: string;
  readonly ports: InstallationPorts;
  /** Ask the gateway whether it answers. */
  readonly isOnline: boolean;
}

const ANSWER_LIMIT_MS = 5_000;
/** A path of the admin API: the gateway knows it not. */
const ADMIN_PATH = '/v2/api/ai/cost-controls';

/** All steps; those that cannot be taken after one that failed are left out. */
export async function validateTunnel({ file: path, ports, isOnline }: Validation): Promise<readonly Step[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => error);
  if (typeof text !== 'string') {
    const found = text.code === 'ENOENT' ? `${path} is not there` : `${path} cannot be read (${text.code ?? 'failed'})`;
    return [{ name: 'file', state: 'wrong', found, advice: '`fusewire tunnel init --hostname NAME` writes one' }];
  }
  const read = readTunnelFile(text);
  if (read.outcome === 'malformed') return wrongSteps('file', read.problems, 'mend the YAML');
  const { file } = read;
  const gatewayRules = file.rules.filter(({ service }) => portOf(service) === ports.gateway);
  return [
    { name: 'file', state: 'ok', found: path },
    ...tunnelSteps(file),
    await credentialsStep(file, path),
    ...ingressSteps(file),
    ...publishedSteps(file, gatewayRules, ports),
    ...(await answerSteps(gatewayRules, isOnline)),
  ];
}

function wrongSteps(name: string, problems: readonly Problem[], advice?: string): readonly Step[] {
  const more = advice === undefined ? {} : { advice };
  return problems.map(({ line, message }) => ({ name, state: 'wrong', found: message, line, ...more }));
}

function tunnelSteps({ tunnel, singleService, warpRouting, isBastion }: TunnelFile): readonly Step[] {
  const steps: Step[] = [];
  const problem = tunnel === undefined || tunnel.value === '' ? 'names no tunnel' : tunnelNameProblem(tunnel.value);
  if (tunnel === undefined || problem !== undefined) {
    const place = tunnel === undefined ? {} : { line: tunnel.line };
    const advice = 'add `tunnel:` with the id that cloudflared tunnel create said';
    steps.push({ name: 'tunnel', state: 'wrong', found: problem ?? 'names no tunnel', ...place, advice });
  } else steps.push({ name: 'tunnel', state: 'ok', found: tunnel.value });
  if (singleService !== undefined) {
    const found = 'one service for all hosts beside rules: cloudflared takes one or the other';
    steps.push({ name: 'tunnel', state: 'wrong', found, line: singleService.line, advice: 'make it a rule' });
  }
  if (isBastion) {
    const found = 'originRequest.bastionMode lets callers reach every address of this machine, the admin API too';
    steps.push({ name: 'tunnel', state: 'wrong', found, advice: 'take it out' });
  }
  if (warpRouting !== undefined) {
    const found = 'warp-routing lets members of your Cloudflare account into the private network, the admin API too';
    steps.push({ name: 'tunnel', state: 'notice', found, line: warpRouting.line });
  }
  return steps;
}

async function credentialsStep(file: TunnelFile, path: string): Promise<Step> {
  const name = 'credentials';
  const { credentialsFile: given, tunnel } = file;
  if (given === undefined || given.value === '') {
    const advice = 'add `credentials-file:` with the path that cloudflared tunnel create said';
    return { name, state: 'wrong', found: 'the file names no credentials-file', advice };
  }
  const { line } = given;
  const credentials = await examineCredentials(resolve(dirname(path), given.value));
  if (credentials.outcome === 'wrong') {
    return { name, state: 'wrong', found: credentials.message, line, advice: credentials.advice };
  }
  const { tunnelId, tunnelName } = credentials;
  const wanted = tunnel?.value ?? '';
  const held = isUuid(wanted) ? tunnelId : tunnelName;
  if (held === undefined) {
    const found = `of the tunnel ${tunnelId}; whether that is '${wanted}' is not in the file`;
    return { name, state: 'notice', found, line, advice: `write \`tunnel: ${tunnelId}\`` };
  }
  if (held.toLowerCase() !== wanted.toLowerCase()) {
    const found = `are of the tunnel ${tunnelId}, the file is for ${wanted || 'none'}`;
    return { name, state: 'wrong', found, line, advice: `write \`tunnel: ${tunnelId}\`, or name the other file` };
  }
  return { name, state: 'ok', found: `of the tunnel ${tunnelId}, for its owner alone` };
}

function ingressSteps({ rules }: TunnelFile): readonly Step[] {
  const problems = ingressProblems(rules);
  if (problems.length > 0) return wrongSteps('rules', problems);
  return [{ name: 'rules', state: 'ok', found: `${rules.length}, the last one takes whatever is left` }];
}

function publishedSteps(file: TunnelFile, gatewayRules: readonly IngressRule[], ports: InstallationPorts): Step[] {
  const problems = publishingProblems(file.rules, ports);
  const steps: Step[] = [...wrongSteps('published', problems, 'take the rule out')];
  const [first] = gatewayRules;
  if (first === undefined) {
    const found = `no rule leads to the gateway, at port ${ports.gateway}`;
    steps.push({ name: 'gateway', state: 'wrong', found, advice: '`fusewire tunnel init --hostname NAME` adds one' });
    return steps;
  }
  for (const { hostname, service, line, number } of gatewayRules) {
    const host = hostname === '' || hostname === '*' ? 'every host' : hostname;
    const found = `rule ${number}: ${host} leads to ${service}`;
    steps.push({ name: 'gateway', state: 'ok', found, line });
  }
  return steps;
}

async function answerSteps(rules: readonly IngressRule[], isOnline: boolean): Promise<readonly Step[]> {
  const name = 'answer';
  if (!isOnline) return [{ name, state: 'skipped', found: 'add --online to ask the gateway itself' }];
  const services = [...new Set(rules.map(({ service }) => service))].filter((service) => /^https?:/.test(service));
  return Promise.all(services.map(async (service) => ({ name, ...(await askGateway(service)) })));
}

/** The gateway answers `/health` and has no admin API: whatever has one must not be published. */
async function askGateway(service: string): Promise<Omit<Step, 'name'>> {
  const ask = async (path: string): Promise<number | string> =>
    sendJson({ method: 'GET', url: service + path, limitMs: ANSWER_LIMIT_MS }).then(
      ({ status }) => status,
      (error: Error) => error.message,
    );
  const health = await ask('/health');
  if (typeof health === 'string') {
    return { state: 'wrong', found: `${service} does not answer: ${health}`, advice: 'start `fusewire serve`' };
  }
  if (health !== 200) return { state: 'wrong', found: `${service}/health answers ${health}` };
  const admin = await ask(ADMIN_PATH);
  if (admin === 404) return { state: 'ok', found: `${service} is the gateway, and well` };
  const found = `${service} is not the gateway: it answers ${admin} where the gateway knows no path`;
  return { state: 'wrong', found, advice: 'lead the rule to the port of GATEWAY_PORT' };
}
