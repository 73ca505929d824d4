// Callers without the SDK, in a process of their own: of the gateways, or with a guard of the kind that is usual, which reads
// a total, then calls, and adds what the call cost afterwards. Says one line of JSON at its end.
import { Agent, request } from 'undici';
import { type LoadSettings, runLoad, type Tried } from '../../test/holds/overspend/load.js';
import { MODEL, promptOf } from '../../test/holds/overspend/stand-in.js';

/** What the callers are told. */
export interface CallersProgram {
  /** In turn. */
  readonly urls: readonly string[];
  readonly key: string;
  readonly load: LoadSettings;
  /** Absent: their calls name no limit. */
  readonly outputTokensMax?: number | undefined;
  readonly streams: boolean;
  /** Where the total is kept, for a guard that checks and then acts. */
  readonly totalUrl?: string | undefined;
}

const agent = new Agent({ connections: 512 });

async function post(url: string, key: string, body: string) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const { statusCode, body: answer } = await request(url, { method: 'POST', headers, body, dispatcher: agent });
  return { statusCode, text: await answer.text() };
}

async function attempt(program: CallersProgram, number: number): Promise<Tried> {
  const { urls, key, outputTokensMax, streams, totalUrl } = program;
  if (totalUrl !== undefined) {
    const { body } = await request(totalUrl, { dispatcher: agent });
    const { total, limit } = (await body.json()) as { total: number; limit: number };
    if (total >= limit) return 'refused';
  }
  const asked = {
    model: MODEL,
    messages: [{ role: 'user', content: promptOf(number) }],
    ...(outputTokensMax === undefined ? {} : { max_tokens: outputTokensMax }),
    ...(streams ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
  const { statusCode, text } = await post(
    `${urls[number % urls.length]}/v1/chat/completions`,
    key,
    JSON.stringify(asked),
  );
  if (statusCode === 402 || statusCode === 429) return 'refused';
  if (statusCode !== 200) return 'failed';
  const tokens = Number(/"completion_tokens":(\d+)/.exec(text)?.[1] ?? 0);
  if (totalUrl !== undefined) await post(totalUrl, key, JSON.stringify({ tokens }));
  return 'answered';
}

const program = JSON.parse(process.argv[2] ?? '{}') as CallersProgram;
const result = await runLoad(program.load, (number) => attempt(program, number).catch((): Tried => 'failed'));
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
