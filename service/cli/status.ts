/** `fusewire status`: whether the service works, and how its rules stand. */
import type { Command } from 'commander';
import { findOpenDoor } from '../admin/local-door.js';
import { sendJson } from '../http/send-json.js';
import { type ApiOptions, createApiClient, findAccess, serviceUrl } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { CliFailure, type CliIo } from './io.js';
import { localConfig } from './local-config.js';
import { amountCell } from './money.js';
import { type Column, printJson, printRows } from './print.js';

/** What `/health` of the gateway says. */
interface GatewayHealth {
  readonly status: string;
  readonly upstreams?: readonly string[];
  readonly checks?: Readonly<Record<string, { readonly result: string }>>;
}

/** A rule of the feed, as far as a person looks at it. */
interface FeedRule {
  readonly name?: string;
  readonly metricType?: string;
  readonly periodType?: string;
  readonly threshold?: number;
  readonly currentValue?: number;
  readonly percentUsed?: number;
  readonly breached?: boolean;
  readonly warnBreached?: boolean;
  readonly shadowMode?: boolean;
  readonly resetsAt?: string | null;
  readonly groupBreakdown?: readonly { readonly breached?: boolean }[] | null;
}

const COLUMNS: readonly Column<FeedRule>[] = [
  { heading: 'RULE', cell: (rule) => rule.name ?? '', min: 12 },
  { heading: 'METRIC', cell: (rule) => rule.metricType ?? '', drop: 2 },
  { heading: 'WINDOW', cell: (rule) => rule.periodType ?? '', drop: 1 },
  { heading: 'VALUE', cell: (rule) => amountCell(rule.metricType, rule.currentValue), align: 'right' },
  { heading: 'LIMIT', cell: (rule) => amountCell(rule.metricType, rule.threshold), align: 'right' },
  { heading: 'VERDICT', cell: verdictOf },
  { heading: 'RESETS', cell: (rule) => rule.resetsAt ?? '' },
];

/** Adds the command. It fails where the service does not answer or is not ready. */
export function addStatus(program: Command, io: CliIo): void {
  withApiOptions(program.command('status'))
    .description('Whether the service works, and how its rules stand.')
    .action(async (options: ApiOptions) => {
      const access = await findAccess(io, options);
      const url = access?.url ?? serviceUrl(io, options);
      const ready = await sendJson({ method: 'GET', url: `${url}/ready`, limitMs: 5_000 }).catch((error: Error) => {
        throw new CliFailure(`${url} does not answer: ${error.message}`);
      });
      if (ready.status !== 200) throw new CliFailure(`${url} is not ready (HTTP ${ready.status})`);
      const gateway = await gatewayOf(io, options, url);
      if (access === undefined) {
        if (options.json) return printJson(io, { url, ready: true, ...gateway });
        io.out(`${url} is ${io.colors.green('ready')}; with a key (REVENIUM_WRITE_API_KEY) its rules are shown too`);
        return showGateway(io, gateway);
      }
      const client = createApiClient(io, options);
      const teamId = await client.teamId();
      const feed = await client.find<{ rules: readonly FeedRule[] }>(
        `/ai/enforcement-rules/${encodeURIComponent(teamId)}`,
      );
      const rules = feed.value?.rules ?? [];
      const revision = feed.revision ?? 'unknown';
      if (options.json) return printJson(io, { url, ready: true, ...gateway, teamId, revision, rules });
      const { green } = io.colors;
      io.out(`${url} is ${green('ready')}; team ${teamId}, revision ${revision}, rules: ${rules.length}`);
      showGateway(io, gateway);
      if (rules.length > 0) printRows(io, COLUMNS, rules, '');
    });
}

type GatewayStatus = { readonly gateway?: GatewayHealth & { readonly url: string } };

/** Of the service on this machine, which says in its data folder where its gateway is; of others it is not known. */
async function gatewayOf(io: CliIo, options: ApiOptions, url: string): Promise<GatewayStatus> {
  const door = await findOpenDoor(localConfig(io, options).dataDir);
  const gatewayUrl = door?.url === url.replace('//localhost:', '//127.0.0.1:') ? door.gatewayUrl : undefined;
  if (gatewayUrl === undefined) return {};
  const asked = { method: 'GET', url: `${gatewayUrl}/health`, limitMs: 10_000 };
  const answer = await sendJson(asked).catch((error: Error) => {
    throw new CliFailure(`the gateway at ${gatewayUrl} does not answer: ${error.message}`);
  });
  const { status, upstreams, checks } = JSON.parse(answer.body) as GatewayHealth;
  return { gateway: { url: gatewayUrl, status, ...{ upstreams, checks } } };
}

function showGateway(io: CliIo, { gateway }: GatewayStatus): void {
  if (gateway === undefined) return;
  const { url, status, upstreams = [], checks = {} } = gateway;
  const { green, red } = io.colors;
  const wrong = Object.entries(checks).filter(([, { result }]) => result !== 'ok');
  const found = wrong.map(([name, { result }]) => `; ${name}: ${result}`).join('');
  io.out(
    `${url} is ${status === 'healthy' ? green(status) : red(status)}: the gateway to ${upstreams.join(', ')}${found}`,
  );
}

function verdictOf(rule: FeedRule): string {
  const groups = rule.groupBreakdown?.filter((group) => group.breached === true).length ?? 0;
  const mode = rule.shadowMode === true ? ' (shadow)' : '';
  if (rule.breached === true) return `refuses${mode}`;
  if (groups > 0) return `refuses ${groups} of its groups${mode}`;
  return rule.warnBreached === true ? `warns${mode}` : `allows${mode}`;
}
