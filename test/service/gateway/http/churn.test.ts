// Connections come and go, badly behaved ones too: nothing of them stays.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../../helpers/until.js';
import { type Front, head, KEY, openFront, RawClient } from './front.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What a connection does in its short life. */
const LIVES: readonly ((raw: RawClient) => Promise<unknown>)[] = [
  (raw) => raw.write(head('GET', '/healthz')).until('ok'),
  (raw) => raw.write(`${head('POST', '/api/chat', ['content-length: 5'])}hello`).until('got'),
  (raw) => raw.write(`${head('POST', '/api/chat', ['content-length: 5'])}hel`).until(/^$/),
  (raw) => raw.write('nonsense\r\n\r\n').closed(),
  (raw) => raw.write('GET /v1/models HTTP/1.1\r\nhost:').until(/^$/),
  (raw) => raw.write(head('POST', '/v1/messages', ['x-y: z']).replace(KEY, 'sk_wrong')).until('malformed'),
  (raw) => raw.write(head('POST', '/v1/responses', ['content-length: 99999999'])).until('too_large'),
  (raw) =>
    raw
      .write(head('POST', '/v1/responses', ['transfer-encoding: chunked']))
      .write('zz\r\n')
      .closed(),
];

describe('connections that come and go', () => {
  let front: Front;
  afterEach(() => front.close());

  it('leave nothing behind', async () => {
    front = await openFront({ limits: { keyRatePerSecond: 0 } });
    const churn = async (rounds: number) => {
      for (let round = 0; round < rounds; round += 1) {
        const raws = LIVES.map(() => new RawClient(front.port));
        await Promise.all(LIVES.map((live, at) => live(raws[at]!)));
        for (const raw of raws) raw.destroy();
      }
      await until(async () => /fusewire_gateway_connections 0\n/.test(await front.metricsText()), 'no connections');
      front.lines.length = 0;
      collect();
      await new Promise((resolve) => setImmediate(resolve));
      collect();
      return process.memoryUsage().heapUsed;
    };
    const before = await churn(100);
    const after = await churn(300);
    // 2,400 connections; one that stayed would keep some 10 KB.
    expect(after - before).toBeLessThan(2_500_000);
    expect([front.keyLimits.callsUnderWay, front.keyLimits.keysUnderWay, front.bodies.bytesHeld]).toEqual([0, 0, 0]);
  });
});
