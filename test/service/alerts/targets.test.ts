import { createRuntime } from 'fusewire/internal';
import { describe, expect, it } from 'vitest';
import { postWebhook } from '../../../service/alerts/post-webhook.js';
import { createTargetGuard } from '../../../service/alerts/targets.js';
import { startReceiver } from './receiver.js';

const guards = {
  public: createTargetGuard('public'),
  loopback: createTargetGuard('loopback'),
  private: createTargetGuard('private'),
};

describe('the addresses that a webhook may have', () => {
  it.each([
    ...['http://127.0.0.1/', 'http://127.1/', 'http://2130706433/', 'http://0x7f.0.0.1:8787/', 'http://localhost/'],
    ...[
      'http://LOCALHOST./',
      'http://a.localhost/',
      'http://[::1]/',
      'http://[::ffff:127.0.0.1]/',
      'http://[::ffff:7f00:1]/',
    ],
  ])('%s is this machine', (url) => {
    expect(guards.public.urlProblem(url)).toBe('must not be an address of the service itself');
    expect(guards.loopback.urlProblem(url)).toBeUndefined();
    expect(guards.private.urlProblem(url)).toBeUndefined();
  });

  it.each([
    ...[
      'http://10.1.2.3/',
      'http://192.168.0.1/',
      'http://172.31.255.255/',
      'http://169.254.169.254/latest/meta-data/',
    ],
    ...['http://100.64.0.1/', 'http://0.0.0.0/', 'http://224.0.0.1/', 'http://255.255.255.255/', 'http://198.19.0.1/'],
    ...[
      'http://[fe80::1]/',
      'http://[fd00::1]/',
      'http://[::]/',
      'http://[::ffff:10.0.0.1]/',
      'http://[64:ff9b::a00:1]/',
    ],
    ...['http://[2002:0a00:0001::]/', 'http://[2001:db8::1]/', 'http://[ff02::1]/', 'http://[::10.0.0.1]/'],
  ])('%s is not on the Internet', (url) => {
    expect(guards.public.urlProblem(url)).toBe('must not be an address of a private network');
    expect(guards.loopback.urlProblem(url)).toBe('must not be an address of a private network');
    expect(guards.private.urlProblem(url)).toBeUndefined();
  });

  it.each([
    'https://example.org/x',
    'http://8.8.8.8/',
    'http://172.32.0.1/',
    'http://[2606:4700::1111]/',
    'http://11.0.0.1/',
  ])('%s is', (url) => {
    expect(guards.public.urlProblem(url)).toBeUndefined();
  });

  it('a name is judged by what it resolves to when it is called, not by how it looks', async () => {
    const receiver = await startReceiver();
    const trusting = { ...guards.public, urlProblem: () => undefined };
    const post = { url: `http://localhost:${receiver.port}/`, body: '{}', headers: {}, limitMs: 2_000 };
    const runtime = createRuntime();
    expect(await postWebhook(post, trusting, runtime)).toEqual({
      delivered: false,
      status: null,
      error: 'the address must not be an address of the service itself',
      gone: false,
    });
    expect(receiver.received).toEqual([]);
    expect(await postWebhook(post, guards.loopback, runtime)).toMatchObject({ delivered: true, status: 204 });
    await receiver.close();
  });
});
