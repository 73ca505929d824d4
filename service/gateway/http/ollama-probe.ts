/** Asks Ollama for its version, which is the least that it can be asked. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Upstream } from '../types.js';

const LIMIT_MS = 5_000;

/** Resolves when Ollama answered with success; nothing of its answer is kept. */
export function createOllamaProbe(upstream: Pick<Upstream, 'origin' | 'basePath' | 'headers'>): () => Promise<void> {
  const url = `${upstream.origin}${upstream.basePath}/api/version`;
  const request = url.startsWith('https:') ? requestHttps : requestHttp;
  const headers = Object.fromEntries(upstream.headers);
  return () =>
    new Promise((resolve, reject) => {
      const sent = request(url, { headers, agent: false, timeout: LIMIT_MS }, (answer) => {
        // Its body is not wanted, however long it is.
        answer.on('error', () => undefined).destroy();
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`Ollama answered ${answer.statusCode}`));
      });
      sent.on('timeout', () => sent.destroy(new Error('Ollama did not answer in time')));
      sent.on('error', reject);
      sent.end();
    });
}
