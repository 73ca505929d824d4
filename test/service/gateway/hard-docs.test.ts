/** What docs/gateway.md says of hard budgets is what the gateway does. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { adjustmentHeaders } from '../../../service/gateway/admit-graded.js';
import { readGatewayConfig } from '../../../service/gateway/gateway-config.js';
import type { GatewayCall } from '../../../service/gateway/types.js';

const PAGE = readFileSync(new URL('../../../docs/gateway.md', import.meta.url), 'utf8');

it('names every header that tells how a call was changed', () => {
  const adjustment = { maxTokens: 7, model: 'größer', downgradedFrom: 'big' };
  const headers = adjustmentHeaders({ adjustment } as unknown as GatewayCall);
  const names = headers.filter((_, index) => index % 2 === 0);
  expect(names).toHaveLength(3);
  for (const name of names) expect(PAGE).toContain(`\`${name}\``);
  expect(headers[3]).toBe('gr%C3%B6%C3%9Fer');
});

it('shows a configuration that is taken, and the bounds of `holdTtlSeconds`', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-docs-'));
  try {
    const read = (text: string) => {
      writeFileSync(join(folder, 'gateway.json'), text);
      return readGatewayConfig(
        { FUSEWIRE_GATEWAY_CONFIG: 'gateway.json', GROQ_API_KEY: 'k', OPENAI_API_KEY: 'k' },
        folder,
      );
    };
    const shown = [...PAGE.matchAll(/```json\n([^`]*)```/g)]
      .map(([, text]) => text!)
      .find((one) => /"upstreams"/.test(one));
    expect(read(shown!).holdTtlSeconds).toBe(60);
    expect(PAGE).toContain('(`holdTtlSeconds`, 10 to 3,600)');
    for (const seconds of [10, 3_600])
      expect(read(JSON.stringify({ holdTtlSeconds: seconds })).holdTtlSeconds).toBe(seconds);
    for (const seconds of [9, 3_601, 10.5]) expect(() => read(JSON.stringify({ holdTtlSeconds: seconds }))).toThrow();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
