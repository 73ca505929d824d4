/** Writes what {@link Health} says. */
import type { Exchange } from './exchange.js';
import type { Health } from './health.js';
import { sendText } from './own-answers.js';

const NOT_KEPT: readonly string[] = ['cache-control', 'no-store'];

/** Answers a health surface; 503 comes with the seconds after which another look makes sense. */
export async function answerHealth(exchange: Exchange, health: Health): Promise<void> {
  const { status, body } = await health(exchange.surface?.name ?? 'health');
  const headers = status === 503 ? [...NOT_KEPT, 'retry-after', '2'] : NOT_KEPT;
  if (typeof body === 'string') sendText(exchange, status, body, headers, 'text/plain; charset=utf-8');
  else sendText(exchange, status, JSON.stringify(body), headers);
}
