/** Services of bench/overspend: as many processes as are wanted, on one database. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Budgets } from '../../test/holds/overspend/team-budget.js';
import type { ServiceAnswer, ServiceAsk, ServiceSettings, ServiceStarted } from './service-child.js';

const CHILD = fileURLToPath(new URL('./service-child.ts', import.meta.url));

/** Running services. */
export interface Services extends Budgets {
  readonly gatewayUrls: readonly string[];
  readonly gatewayKey: string;
  /** Balances that are not the sum of what they count. */
  verify(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Starts them. `databaseUrl`: of an empty database, for more than one. */
export async function startServices(count: number, providerUrl: string, databaseUrl?: string): Promise<Services> {
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-overspend-'));
  const children: ChildProcess[] = [];
  const started: ServiceStarted[] = [];
  const close = async (): Promise<void> => {
    for (const child of children) await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (let at = 0; at < count; at += 1) {
      const dataDir = join(folder, String(at));
      mkdirSync(dataDir);
      const [child, said] = await start({ dataDir, databaseUrl, providerUrl, isFirst: at === 0 });
      children.push(child);
      started.push(said);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const [first] = started as [ServiceStarted];
  const ask = questions(children[0]!);
  return {
    url: first.url,
    teamId: first.teamId,
    key: first.key,
    gatewayUrls: started.map(({ gatewayUrl }) => gatewayUrl),
    gatewayKey: first.gatewayKey!,
    createBudget: async (limitCents, fields = {}) =>
      (await ask({ ask: 'budget', limitCents, fields }, 'control')).control,
    standing: async (control) => (await ask({ ask: 'standing', control }, 'standing')).standing,
    overruns: async (control) => (await ask({ ask: 'overruns', control }, 'overruns')).overruns,
    verify: async () => (await ask({ ask: 'verify' }, 'wrong')).wrong,
    close,
  };
}

type AnswerWith<K extends string> = Extract<ServiceAnswer, { readonly [key in K]: unknown }>;

/** One question at a time. */
function questions(child: ChildProcess) {
  return async <K extends 'control' | 'overruns' | 'standing' | 'wrong'>(
    asked: ServiceAsk,
    key: K,
  ): Promise<AnswerWith<K>> => {
    child.send(asked);
    const [answer] = (await once(child, 'message')) as [object];
    if (!(key in answer)) throw new Error(`the service answered ${JSON.stringify(answer)}`);
    return answer as AnswerWith<K>;
  };
}

async function start(settings: ServiceSettings): Promise<[ChildProcess, ServiceStarted]> {
  const child = fork(CHILD, [JSON.stringify(settings)], { execArgv: ['--import', 'tsx'] });
  const gone = once(child, 'exit').then(() => Promise.reject(new Error('a service ended while it started')));
  gone.catch(() => undefined);
  const [said] = (await Promise.race([once(child, 'message'), gone])) as [ServiceStarted];
  return [child, said];
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
