/** The gateway in its own process before the stand-in in this one, its customers, and what is asked of its API. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type StandInUpstream,
  startStandInUpstream,
  UPSTREAM_KEYS,
} from '../../test/service/gateway/support/stand-in-upstream.js';
import { faultOf, PRICES } from './calls.js';
import type { Memory } from './gateway-child.js';
import type { LedgerEvent } from './oracle.js';

/** Somebody who pays, with a key. */
export interface Payer {
  readonly id: string;
  readonly key: string;
}

interface Ready {
  readonly url: string;
  readonly gatewayUrl: string;
  readonly writeKey: string;
}

/** Starts all of it. */
export async function openWhole(): Promise<SoakWhole> {
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-soak-'));
  const standIn = await startStandInUpstream();
  standIn.plan = ({ bytes }) => faultOf(bytes.toString());
  const config = join(folder, 'gateway.json');
  // Nobody is slowed down but those who guess at keys.
  writeFileSync(config, JSON.stringify({ limits: { keyRatePerSecond: 0, keyConcurrencyMax: 0 } }));
  const gateway = {
    OLLAMA_BASE_URL: standIn.ollama,
    OPENAI_BASE_URL: `${standIn.openai}/v1`,
    OPENAI_API_KEY: UPSTREAM_KEYS.openai,
    ANTHROPIC_BASE_URL: standIn.anthropic,
    ANTHROPIC_API_KEY: UPSTREAM_KEYS.anthropic,
    FUSEWIRE_GATEWAY_CONFIG: config,
  };
  const settings = JSON.stringify({ dataDir: join(folder, 'data'), gateway });
  const file = fileURLToPath(new URL('./gateway-child.ts', import.meta.url));
  const child = fork(file, [settings], { execArgv: ['--expose-gc', '--import', 'tsx'] });
  const whole = new SoakWhole(folder, standIn, child, await messageOf<Ready>(child));
  for (const price of PRICES) await whole.make('/v2/api/fusewire/prices', { kind: 'rates', ...price });
  return whole;
}

/** The running whole. */
export class SoakWhole {
  readonly standIn: StandInUpstream;
  readonly gatewayUrl: string;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #ready: Ready;

  constructor(folder: string, standIn: StandInUpstream, child: ChildProcess, ready: Ready) {
    this.#folder = folder;
    this.standIn = standIn;
    this.#child = child;
    this.#ready = ready;
    this.gatewayUrl = ready.gatewayUrl;
  }

  /** What the API makes of `json`. */
  async make(path: string, json: object): Promise<Record<string, unknown>> {
    return JSON.parse(await this.#api(path, json)) as Record<string, unknown>;
  }

  /** A new customer with a key. */
  async payer(name: string, amount: string): Promise<Payer> {
    const customer = await this.make('/v2/api/customers', { name, email: `${name}@example.org`, budget: amount });
    const { key } = await this.make(`/v2/api/customers/${String(customer['id'])}/keys`, {});
    return { id: String(customer['id']), key: String(key) };
  }

  /** Every event of a customer. */
  async events({ id }: Payer): Promise<LedgerEvent[]> {
    const text = await this.#api(`/v2/api/customers/${id}/usage/export?format=ndjson`);
    const lines = text.split('\n').filter((line) => line !== '');
    return lines.map((line) => {
      const { transactionId, price } = JSON.parse(line) as {
        transactionId: string;
        price: { amountUsd: string | null };
      };
      return { transactionId, nanoUsd: price.amountUsd === null ? undefined : nanoOf(price.amountUsd) };
    });
  }

  /** What reports and budgets say that it spent. */
  async spent({ id }: Payer): Promise<{ readonly report: bigint; readonly budget: bigint }> {
    const usage = await this.#api(`/v2/api/customers/${id}/usage?by=`);
    const { totals } = JSON.parse(usage) as { totals: { costUsd: string | null } };
    const standing = await this.#api(`/v2/api/customers/${id}/budget`);
    const { budgets } = JSON.parse(standing) as { budgets: { spend: string }[] };
    return { report: nanoOf(totals.costUsd ?? '0'), budget: nanoOf(budgets[0]?.spend ?? '0') };
  }

  /** The value of a gauge. */
  async metric(name: string): Promise<number> {
    const text = await this.#api('/metrics');
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  }

  /** What the gateway's process keeps after a collection. */
  memory(): Promise<Memory> {
    this.#child.send('memory');
    return messageOf<Memory>(this.#child);
  }

  /** Ends the gateway in order; how much is still noted in its outbox. */
  async close(): Promise<number> {
    this.#child.send('close');
    const { left } = await messageOf<{ left: number }>(this.#child);
    await this.standIn.close();
    rmSync(this.#folder, { recursive: true, force: true });
    return left;
  }

  /** For a run that went wrong: at once, and nothing is asked. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #api(path: string, json?: object): Promise<string> {
    const { url, writeKey } = this.#ready;
    const headers = { 'x-api-key': writeKey, 'content-type': 'application/json' };
    const asked = json === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(json) };
    const answer = await fetch(`${url}${path}`, asked);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`);
    return text;
  }
}

/** The child's next message. @throws Error where it ends instead */
function messageOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`the gateway ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (message: T) => {
      child.off('exit', ended);
      resolve(message);
    });
  });
}

/** Dollars as decimal text to nano-dollars. */
export function nanoOf(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}
