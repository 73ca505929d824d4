/** One GET whose answer is read as it comes, however long it is. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Readable } from 'node:stream';

/** What came back; `text` reads a short answer whole. */
export interface Download {
  readonly status: number;
  readonly body: Readable;
  text(): Promise<string>;
}

/** Nothing comes for so long: nobody sends any more. */
const SILENCE_MAX_MS = 60_000;
const TEXT_BYTES_MAX = 65_536;

/** Resolves when the head of the answer is there. An answer that breaks off is an error of its body. */
export function download(url: string, headers: Readonly<Record<string, string>>): Promise<Download> {
  const send = url.startsWith('https:') ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sent = send(url, { headers, agent: false as const, timeout: SILENCE_MAX_MS }, (body) =>
      resolve({ status: body.statusCode ?? 0, body, text: () => textOf(body) }),
    );
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', reject);
    sent.end();
  });
}

async function textOf(body: Readable): Promise<string> {
  let text = '';
  for await (const chunk of body) {
    text += String(chunk);
    if (text.length > TEXT_BYTES_MAX) break;
  }
  return text;
}
