/** Several stores on one database, as several processes have them, and one store that is all of them in turn. */
import type { Runtime } from 'fusewire/internal';
import { openPostgresStore, type PostgresStoreOptions } from '../../service/store/postgres/open-postgres-store.js';
import { POLL_MS } from '../../service/store/postgres/watcher.js';
import type { Store } from '../../service/store/store.js';
import { runSql } from './postgres-support.js';

/** Opens `count` stores at the same moment. */
export function openReplicas(url: string, count: number, options: Omit<PostgresStoreOptions, 'url'>): Promise<Store[]> {
  return Promise.all(
    Array.from({ length: count }, () => openPostgresStore({ url, writers: 3, readers: 2, ...options })),
  );
}

/** Resolves when `isSo` does, or throws after a while. */
export async function eventually(isSo: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<void> {
  const untilMs = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > untilMs) throw new Error('it did not come about in time');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A runtime whose look of every half second can be had at once. */
function lookable(runtime: Runtime): { readonly runtime: Runtime; look(): Promise<void> } {
  let waiting: (() => void) | undefined;
  let set = 0;
  const setTimer: Runtime['setTimer'] = (task, delayMs, options) => {
    if (delayMs !== POLL_MS) return runtime.setTimer(task, delayMs, options);
    set += 1;
    waiting = task;
    return runtime.setTimer(task, delayMs, options);
  };
  return {
    runtime: { ...runtime, setTimer },
    async look() {
      const before = set;
      waiting?.();
      await eventually(() => set > before);
    },
  };
}

/** What may stop a key of the gateway: the other replicas have to hear of it before the next one is asked. */
const STOPS_KEYS: ReadonlySet<string | symbol> = new Set([
  'deleteCustomer',
  'revokeGatewayKey',
  'rotateGatewayKey',
  'updateCustomer',
]);

/**
 * A store whose every call goes to the next replica. Feeds are read from one replica, which has to hear of what the
 * others did: before a read it looks, and is waited for until it has the team's revision. Keys are waited for likewise.
 */
export async function openInTurn(
  url: string,
  runtime: Runtime,
  options: Partial<PostgresStoreOptions> = {},
): Promise<Store> {
  const lookers = [lookable(runtime), lookable(runtime), lookable(runtime)];
  const reading = lookers[0]!;
  const opening = lookers.map((own) => openReplicas(url, 1, { ...options, runtime: own.runtime }));
  const replicas = (await Promise.all(opening)).flat();
  let turn = 0;
  const next = (): Store => {
    turn += 1;
    return replicas[turn % replicas.length]!;
  };
  const reader = replicas[0]!;
  /** Twice: a look that was under way already may have seen what was before. */
  const lookAll = async (): Promise<void> => {
    for (const looker of [...lookers, ...lookers]) await looker.look();
  };
  const own: Partial<Store> = {
    async feed(teamId, ruleId) {
      await reading.look();
      const rows = await runSql(url, 'SELECT revision FROM team WHERE id = $1', [teamId]);
      const revision = Number(rows[0]?.['revision'] ?? 0);
      await eventually(async () => (await reader.feed(teamId)).revision >= revision);
      return reader.feed(teamId, ruleId);
    },
    async revokeKey(id) {
      const isRevoked = await next().revokeKey(id);
      const [row] = await runSql(url, 'SELECT hash FROM api_key WHERE id = $1', [id]);
      for (const replica of replicas) {
        const hash = String(row?.['hash']);
        await eventually(async () => row === undefined || (await replica.findKey(hash))?.revokedAtMs !== undefined);
      }
      return isRevoked;
    },
    async close() {
      await Promise.all(replicas.map((replica) => replica.close()));
    },
  };
  return new Proxy(own as Store, {
    get(target, name) {
      if (name in target) return target[name as keyof Store];
      if (name === 'then') return undefined;
      return (...input: unknown[]) => {
        const store = next() as unknown as Record<string | symbol, (...all: unknown[]) => unknown>;
        const result = store[name]!(...input);
        if (!STOPS_KEYS.has(name)) return result;
        return (result as Promise<unknown>).finally(lookAll);
      };
    },
  });
}
