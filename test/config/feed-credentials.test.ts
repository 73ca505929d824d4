import { describe, expect, it } from 'vitest';
import { createFeedCredentials } from '../../src/feed-credentials.js';
import { createRuntime } from '../../src/runtime.js';
import { Secret } from '../../src/secret.js';

const LOCAL_KEY = `rev_mk_fwTeam1_${'a'.repeat(43)}`;

function credentialsFor(apiKey: string, enforcementBaseUrl: string, teamId: string | undefined = 'fwTeam1') {
  const errors: string[] = [];
  const log = { ...createRuntime().log, error: (message: string) => void errors.push(message) };
  const known = { apiKey: new Secret(apiKey), teamId };
  return { read: createFeedCredentials({ enforcementBaseUrl }, { log }, () => known), errors };
}

describe('the key of the poller', () => {
  it('I12: a key of a self-hosted service is not sent to the hosted one, which is said once', () => {
    const { read, errors } = credentialsFor(LOCAL_KEY, 'https://api.revenium.ai/profitstream');
    expect(read()).toBeUndefined();
    expect(read()).toBeUndefined();
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain('REVENIUM_ENFORCEMENT_BASE_URL');
    expect(errors[0]).not.toContain(LOCAL_KEY);
  });

  it.each([
    ['to its own service', LOCAL_KEY, 'http://127.0.0.1:8787'],
    ['of the hosted service', 'hak_0123456789', 'https://api.revenium.ai'],
  ])('a key %s is sent', (_what, key, url) => {
    const { read, errors } = credentialsFor(key, url);
    expect(read()).toEqual({ apiKey: key, teamId: 'fwTeam1' });
    expect(errors).toEqual([]);
  });

  it('without a key or a team nothing is asked for', () => {
    const runtime = createRuntime();
    const withoutTeam = { apiKey: new Secret('hak_0123456789'), teamId: undefined };
    for (const known of [undefined, withoutTeam]) {
      expect(createFeedCredentials({ enforcementBaseUrl: 'http://h' }, runtime, () => known)()).toBeUndefined();
    }
  });
});
