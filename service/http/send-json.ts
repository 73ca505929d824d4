/** One HTTP request with a JSON body, for commands. Node's own client: the service carries no other. */
import { type IncomingHttpHeaders, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

/** What is sent. */
export interface JsonRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON where it is not `undefined`. */
  readonly body?: unknown;
  /** @defaultValue 10,000 ms */
  readonly limitMs?: number;
}

/** What came back; `body` is text, whatever it holds. */
export interface JsonAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const LIMIT_MS = 10_000;
const ANSWER_BYTES_MAX = 16 * 1_048_576;

/** Sends and waits for the whole answer. @throws Error where there is none in time, or it is larger than 16 MiB. */
export function sendJson(asked: JsonRequest): Promise<JsonAnswer> {
  const send = asked.url.startsWith('https:') ? requestHttps : requestHttp;
  const text = asked.body === undefined ? undefined : JSON.stringify(asked.body);
  const headers = {
    accept: 'application/json',
    ...(text === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
    ...asked.headers,
  };
  return new Promise((resolve, reject) => {
    const options = { method: asked.method, headers, agent: false as const, timeout: asked.limitMs ?? LIMIT_MS };
    const sent = send(asked.url, options, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) answer.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      answer.on('error', reject);
      answer.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body });
      });
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', reject);
    sent.end(text);
  });
}
