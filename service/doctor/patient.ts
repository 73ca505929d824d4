/** What an examination asks of the service: as a client with a key does, over HTTP. */
import type { Runtime } from 'fusewire/internal';
import { type JsonAnswer, sendJson } from '../http/send-json.js';
import { Finding } from './examination.js';

/** The service under examination, seen with the keys of the throwaway team. */
export interface Patient {
  readonly url: string;
  readonly teamId: string;
  readonly meteringKey: string;
  readonly writeKey: string;
  readonly runtime: Runtime;
  /** Of this examination: in the names of everything that it makes. */
  readonly run: string;
}

/** One request. */
export interface Question {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly key: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly limitMs?: number;
}

const LIMIT_MS = 10_000;
const LOOK_EVERY_MS = 50;

/** Sends a request, whatever comes back. */
export function ask({ url }: Pick<Patient, 'url'>, question: Question): Promise<JsonAnswer> {
  const { method = 'GET', path, key, body, headers, limitMs = LIMIT_MS } = question;
  return sendJson({ method, url: `${url}${path}`, headers: { 'x-api-key': key, ...headers }, body, limitMs });
}

/** Sends a request and reads the JSON of its answer. @throws Finding where it is not a success */
export async function get<T>(patient: Pick<Patient, 'url'>, question: Question): Promise<T> {
  const answer = await ask(patient, question);
  if (answer.status >= 200 && answer.status < 300) return JSON.parse(answer.body === '' ? '{}' : answer.body) as T;
  const { method = 'GET', path } = question;
  throw new Finding(`${method} ${path.split('?')[0]} was answered ${answer.status}: ${answer.body.slice(0, 200)}`);
}

/** Looks again and again until there is something to see. @throws Finding with `otherwise` after `limitMs` */
export async function until<T>(
  { runtime }: Pick<Patient, 'runtime'>,
  look: () => Promise<T | undefined>,
  otherwise: string,
  limitMs: number = LIMIT_MS,
): Promise<T> {
  const endMs = runtime.monotonicNow() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (runtime.monotonicNow() > endMs) throw new Finding(otherwise);
    await new Promise<void>((resolve) => runtime.setTimer(resolve, LOOK_EVERY_MS, { keepAlive: true }));
  }
}
