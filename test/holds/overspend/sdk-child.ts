// A program with the SDK, in a process of its own: calls through a guarded client, as its first argument says. Says one line
// of JSON when it has its rules, and one at its end. Ends when its standard input does.
import OpenAI from 'openai';
import type { HolderStatus } from '../../../src/holds/holder-types.js';
import { BudgetExceededError, createFusewire } from '../../../src/index.js';
import { type LoadResult, type LoadSettings, runLoad, type Tried } from './load.js';
import { MODEL, promptOf } from './stand-in.js';

/** What the program is told. */
export interface SdkProgram {
  readonly serviceUrl: string;
  readonly teamId: string;
  readonly key: string;
  readonly providerUrl: string;
  readonly load: LoadSettings;
  /** Absent: its calls name no limit. */
  readonly outputTokensMax?: number | undefined;
  readonly streams: boolean;
  /** Where its outbox is. */
  readonly cacheDir?: string | undefined;
}

/** What it says at its end. */
export interface SdkEnd extends LoadResult {
  readonly holds: HolderStatus | undefined;
  readonly isDelivered: boolean;
}

/** So that it is known to the token what a stream cost. */
const STREAM = { stream: true, stream_options: { include_usage: true } } as const;

process.stdin.resume();
process.stdin.once('end', () => process.exit(0));

async function main(program: SdkProgram): Promise<void> {
  const { serviceUrl, teamId, key, providerUrl, load, cacheDir } = program;
  const fusewire = createFusewire({
    apiKey: key,
    teamId,
    meteringBaseUrl: serviceUrl,
    circuitBreakerEnabled: true,
    failMode: 'closed',
    logLevel: 'CRITICAL',
    meteringQueueSize: 100_000,
    ...(cacheDir === undefined ? {} : { cacheDir }),
  });
  const client = fusewire.guard(new OpenAI({ apiKey: 'k', baseURL: `${providerUrl}/v1`, maxRetries: 0 }));
  await fusewire.ready();
  process.stdout.write('{"isReady":true}\n');
  const result = await runLoad(load, (number) => attempt(client, program, number));
  const isDelivered = await fusewire.flush({ timeoutMs: 30_000 });
  const { holds } = fusewire.status();
  await fusewire.close();
  const end: SdkEnd = { ...result, holds, isDelivered };
  process.stdout.write(`${JSON.stringify(end)}\n`);
  process.exit(0);
}

async function attempt(client: OpenAI, { outputTokensMax, streams }: SdkProgram, number: number): Promise<Tried> {
  const body = {
    model: MODEL,
    messages: [{ role: 'user' as const, content: promptOf(number) }],
    ...(outputTokensMax === undefined ? {} : { max_tokens: outputTokensMax }),
    usageMetadata: { traceId: promptOf(number) },
  };
  try {
    if (streams) {
      for await (const _chunk of await client.chat.completions.create({ ...body, ...STREAM }));
    } else await client.chat.completions.create(body);
    return 'answered';
  } catch (error) {
    return BudgetExceededError.is(error) ? 'refused' : 'failed';
  }
}

await main(JSON.parse(process.argv[2] ?? '{}') as SdkProgram);
