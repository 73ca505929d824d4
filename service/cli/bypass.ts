/** `fusewire bypass`: for incidents; while it is on, no call is refused. */
import type { Command } from 'commander';
import { BYPASS_PATH } from '../admin/bypass-route.js';
import { type ApiClient, type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { parseSpan, parseTime } from './durations.js';
import { type CliIo, CliUsageError } from './io.js';
import { printJson, visible } from './print.js';

interface BypassAnswer {
  readonly teamId: string;
  readonly active: boolean;
  readonly since: string | null;
  readonly until: string | null;
  readonly reason: string | null;
  readonly by: string | null;
}

interface OnOptions extends ApiOptions {
  readonly until?: string;
  readonly for?: string;
  readonly reason: string;
}

/** Adds the commands. */
export function addBypass(program: Command, io: CliIo): void {
  const bypass = program
    .command('bypass')
    .description(
      'Let every call pass, in every process, for a while: for incidents. It is audited and ends by itself.',
    );
  withApiOptions(bypass.command('on'))
    .description('Switch it on, or change it. Give --until or --for; at most 7 days.')
    .option('--until <time>', 'full ISO 8601 date-time, for instance 2026-11-20T18:00:00Z')
    .option('--for <duration>', 'from now on, for instance 45m, 2h, 1d or 1h30m')
    .requiredOption('--reason <text>', 'why, for those who read the audit')
    .action(async (options: OnOptions) => {
      const body = { until: untilOf(options, io.runtime.now()), reason: options.reason };
      const client = createApiClient(io, options);
      const path = await pathFor(client, options);
      show(io, options, await client.send<BypassAnswer>('PUT', path, body));
    });
  withApiOptions(bypass.command('off'))
    .description('Switch it off.')
    .action(async (options: ApiOptions) => {
      const client = createApiClient(io, options);
      const path = await pathFor(client, options);
      await client.send('DELETE', path);
      show(io, options, await client.get<BypassAnswer>(path));
    });
  withApiOptions(bypass.command('status'))
    .description('Whether it is on. Exit code 0 either way.')
    .action(async (options: ApiOptions) => {
      const client = createApiClient(io, options);
      show(io, options, await client.get<BypassAnswer>(await pathFor(client, options)));
    });
}

async function pathFor(client: ApiClient, options: ApiOptions): Promise<string> {
  return options.team === undefined
    ? BYPASS_PATH
    : `${BYPASS_PATH}?teamId=${encodeURIComponent(await client.teamId())}`;
}

/** When it ends, as the API takes it. */
function untilOf(options: OnOptions, nowMs: number): string {
  if ((options.until === undefined) === (options.for === undefined)) {
    throw new CliUsageError('give either --until TIME or --for DURATION');
  }
  if (options.for !== undefined) return new Date(nowMs + durationOf(options.for)).toISOString();
  const until = options.until ?? '';
  const untilMs = parseTime(until);
  if (untilMs !== undefined) return new Date(untilMs).toISOString();
  throw new CliUsageError(`--until takes a full ISO 8601 date-time such as 2026-11-20T18:00:00Z, not '${until}'`);
}

function durationOf(text: string): number {
  const ms = parseSpan(text);
  if (ms !== undefined) return ms;
  throw new CliUsageError(`--for takes minutes, hours and days such as 45m or 1h30m, not '${text}'`);
}

function show(io: CliIo, options: ApiOptions, bypass: BypassAnswer): void {
  const { active, until, reason, since, by } = bypass;
  if (options.json) printJson(io, bypass);
  else if (!active) io.out('the bypass is off');
  else io.out(visible(`the bypass is ON until ${until}: ${reason} (since ${since}, by ${by})`));
}
