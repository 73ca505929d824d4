/** What cloudflared asks of the rules of a tunnel, and what is sane beyond it. Pure. */
import type { IngressRule, Problem } from './tunnel-file.js';

/** What stands for every request that no rule before it took. */
export const CATCH_ALL_SERVICE = 'http_status:404';

const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;
const HOSTNAME_LENGTH_MAX = 253;

/** Why a text is no host name that a tunnel can have; `undefined` where it is one. A wildcard stands for subdomains. */
export function hostnameProblem(hostname: string): string | undefined {
  const name = hostname.startsWith('*.') ? hostname.slice(2) : hostname;
  if (/^[a-z]+:\/\//i.test(name) || name.includes('/')) return 'is an address: give the name of the host alone';
  if (/:\d*$/.test(name)) return 'has a port: a tunnel is reached at 443 alone, leave it out';
  if (name.includes('*')) return 'has a wildcard in the middle: only a first label may be one, as in *.example.com';
  const labels = name.split('.');
  if (labels.length < 2) return 'has no domain: a tunnel needs a name such as llm.example.com';
  if (name.length > HOSTNAME_LENGTH_MAX) return `is longer than ${HOSTNAME_LENGTH_MAX} characters`;
  if (/^[\d.]+$/.test(name)) return 'is an IP address: a tunnel needs a name in one of your domains';
  const wrong = labels.find((label) => !LABEL.test(label));
  return wrong === undefined ? undefined : `has '${wrong}' in it, which is no part of a host name`;
}

/** Whether a rule takes what matches everything. */
export function isCatchAll(rule: IngressRule): boolean {
  return (rule.hostname === '' || rule.hostname === '*') && rule.path === '';
}

/** Whether a rule takes requests for a host, whatever their path. */
export function takesHost(rule: IngressRule, hostname: string): boolean {
  if (rule.path !== '') return false;
  if (isCatchAll(rule)) return true;
  const [pattern, host] = [rule.hostname.toLowerCase(), hostname.toLowerCase()];
  return pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));
}

/** Everything that is wrong with the rules of a file; none is wrong where it has no rules at all. */
export function ingressProblems(rules: readonly IngressRule[]): readonly Problem[] {
  const last = rules.at(-1);
  if (last === undefined) return [{ line: 1, message: 'there are no rules under `ingress`: nothing is published' }];
  const problems = rules.flatMap((rule) => ruleProblems(rule, rules));
  if (!isCatchAll(last)) {
    const message = `the last rule must take whatever is left: add \`- service: ${CATCH_ALL_SERVICE}\``;
    problems.push({ line: last.line, message });
  }
  return problems;
}

function ruleProblems(rule: IngressRule, rules: readonly IngressRule[]): Problem[] {
  const found: string[] = [];
  const isLast = rule === rules.at(-1);
  if (!isLast && isCatchAll(rule)) found.push('takes every request, so that no rule after it is ever reached');
  if (rule.hostname !== '' && rule.hostname !== '*') {
    const problem = hostnameProblem(rule.hostname);
    if (problem !== undefined) found.push(`hostname '${rule.hostname}' ${problem}`);
    const earlier = rules.find((one) => one.number < rule.number && !isCatchAll(one) && takesHost(one, rule.hostname));
    if (earlier !== undefined) found.push(`is never reached: rule ${earlier.number} takes ${rule.hostname} before it`);
  }
  if (rule.path !== '' && !isPattern(rule.path)) found.push(`path '${rule.path}' is no regular expression`);
  const problem = serviceProblem(rule);
  if (problem !== undefined) found.push(problem);
  return found.map((message) => ({ line: rule.line, message: `rule ${rule.number} ${message}` }));
}

function serviceProblem({ service, isBastion }: IngressRule): string | undefined {
  if (isBastion) return 'is a bastion: it lets callers reach every address of this machine, the admin API too';
  if (service === '') return 'has no service';
  if (/^(unix(\+tls)?:.+|hello[_-]?world)$/.test(service)) return undefined;
  const status = /^http_status:(.*)$/.exec(service)?.[1];
  if (status !== undefined) return /^[1-9]\d\d$/.test(status) ? undefined : `service '${service}' is no HTTP status`;
  const address = addressOf(service);
  if (address === undefined) return `service '${service}' needs a scheme and a host, as in http://127.0.0.1:8000`;
  if (address.pathname !== '' && address.pathname !== '/') {
    return `service '${service}' has a path: cloudflared keeps the path of the request, leave it out`;
  }
  // cloudflared refuses a lone slash too; URL adds one to http addresses, so the text decides.
  return /[^:/]\/$/.test(service) ? `service '${service}' ends with a slash: leave it out` : undefined;
}

/** Go's expressions know flags at their start that those of JavaScript do not. */
function isPattern(path: string): boolean {
  try {
    new RegExp(path.replace(/^\(\?[imsU]+\)/, '').replaceAll('(?P<', '(?<'));
    return true;
  } catch {
    return false;
  }
}

/** The address that a service is, where it is one. Blanks, which URL takes out, are no part of one to cloudflared. */
export function addressOf(service: string): URL | undefined {
  if (/[\s\p{Cc}]/u.test(service)) return undefined;
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/]/i.test(service)) return undefined;
  try {
    const address = new URL(service);
    return address.hostname === '' ? undefined : address;
  } catch {
    return undefined;
  }
}
