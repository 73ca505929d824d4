/**
 * The audit trail of keys: every request that came with a known key is counted by the minute; those that changed
 * something, and those that were refused, are kept one by one. Collected here, written together every two seconds: a
 * process that is killed loses that much of it, which is less than a commit for every request would cost.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Timer } from 'fusewire/internal';
import type { LoggedRequest, RequestCount } from '../ledger/request-log.js';
import type { Api, ServiceContext } from './types.js';

const FLUSH_MS = 2_000;
const MINUTE_MS = 60_000;
/** Requests that wait to be written; beyond, they are counted and not kept one by one (I10). */
const WAITING_MAX = 5_000;
/** How long requests are kept. */
const KEPT_MS = 90 * 86_400_000;
const PURGE_EVERY_MS = 3_600_000;

/** Begins to record; what is waiting is written when the server closes. */
export function installRequestRecorder(api: Api, context: ServiceContext): void {
  const { store, runtime, log } = context;
  let waiting: LoggedRequest[] = [];
  let counts = new Map<string, RequestCount>();
  let timer: Timer | undefined;
  let writing: Promise<void> = Promise.resolve();
  let purgedAt = runtime.monotonicNow();
  let failing = false;

  async function write(): Promise<void> {
    const requests = waiting;
    const summed = [...counts.values()];
    waiting = [];
    counts = new Map();
    if (summed.length === 0) return;
    try {
      await store.logRequests(requests, summed);
      if (failing) log.info('the request log is written again');
      failing = false;
    } catch (error) {
      // The log must not grow without bound while the store takes nothing: it is lost, and said once.
      if (!failing)
        log.error('the request log could not be written; requests are not recorded', { error: String(error) });
      failing = true;
    }
    if (runtime.monotonicNow() - purgedAt < PURGE_EVERY_MS) return;
    purgedAt = runtime.monotonicNow();
    await store.purgeRequests(runtime.now() - KEPT_MS).catch(() => undefined);
  }

  function flush(): Promise<void> {
    timer?.cancel();
    timer = undefined;
    writing = writing.then(write);
    return writing;
  }

  api.addHook('onResponse', async (request, reply) => {
    const key = request.caller?.key ?? request.refusedKey;
    if (key === null || key === undefined) return;
    const entry = entryOf(context, request, reply, key.teamId, key.id);
    count(counts, entry);
    const changes = request.method !== 'GET' && request.routeOptions.config.access === 'write';
    if ((changes || entry.status >= 400) && waiting.length < WAITING_MAX) waiting.push(entry);
    timer ??= runtime.setTimer(() => void flush(), FLUSH_MS);
  });
  api.addHook('onClose', flush);
}

function entryOf(
  { runtime }: ServiceContext,
  request: FastifyRequest,
  reply: FastifyReply,
  teamId: string,
  keyId: string,
): LoggedRequest {
  return {
    id: runtime.newId(),
    teamId,
    keyId,
    atMs: runtime.now(),
    requestId: String(request.id),
    method: request.method,
    route: request.routeOptions.url ?? 'unknown',
    status: reply.statusCode,
    code: request.refusalCode,
  };
}

function count(counts: Map<string, RequestCount>, entry: LoggedRequest): void {
  const { teamId, keyId, method, route, status } = entry;
  const minuteMs = Math.floor(entry.atMs / MINUTE_MS) * MINUTE_MS;
  const name = `${keyId}\n${minuteMs}\n${method}\n${route}\n${status}`;
  const times = (counts.get(name)?.times ?? 0) + 1;
  counts.set(name, { teamId, keyId, minuteMs, method, route, status, times });
}
