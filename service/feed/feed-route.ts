/** Station 9: the rule feed (contract 2.1, 2.2). Reading it costs the bytes and nothing else. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { FeedBody } from '../compile/feed-body.js';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import type { FeedAnswer, FeedAsk } from '../store/store.js';
import { quoted } from './etag.js';
import type { FeedWaiters } from './feed-waiters.js';

/** A wait is at most so long. Seconds. */
export const WAIT_MAX_S = 60;
/** To wait, and then to answer. */
const HANDLER_LIMIT_MS = 1_000 * WAIT_MAX_S + 30_000;
/** The name under which differences are asked for and answered (RFC 3229). */
const DIFFERENCE = 'fusewire-feed';
/** Shorter bodies are sent as they are. */
const GZIP_BYTES_MIN = 8_192;

const feedSchema = z.looseObject({
  rules: z.array(z.looseObject({ ruleId: z.int(), name: z.string(), breached: z.boolean() })),
  compiledAt: z.union([z.string(), z.number()]).optional(),
});
const differenceSchema = z.looseObject({ revision: z.int(), steps: z.array(z.looseObject({})) });
const waitText = `wait must be a whole number of seconds from 0 to ${WAIT_MAX_S}`;
const wait = z.string().refine((text) => /^\d{1,2}$/.test(text) && Number(text) <= WAIT_MAX_S, { error: waitText });

/**
 * Registers `GET {prefix}/ai/enforcement-rules/{teamId}`: 200 with the rules, 204 where no control is enabled, 304 where
 * `If-None-Match` names the feed as it is (no public SDK sends it, ours does). `ruleId` narrows the read to one rule.
 *
 * Beyond the contract, for clients that ask for it: `wait` keeps the answer until the feed is another one than what
 * `If-None-Match` names; `A-IM: fusewire-feed` takes the difference to it (226); `fusewire-capabilities: feed-whole`
 * takes bodies beyond 1 MiB.
 */
export function installFeed(
  api: Api,
  { store }: ServiceContext,
  waiters: FeedWaiters,
  prefix: string,
  described: boolean,
): void {
  api.get(
    `${prefix}/ai/enforcement-rules/:teamId`,
    {
      config: { access: 'metering', waits: true },
      handlerTimeout: HANDLER_LIMIT_MS,
      schema: {
        summary: 'The compiled rules of a team, with their verdicts',
        tags: ['enforcement'],
        hide: !described,
        params: z.object({ teamId: z.string() }),
        querystring: z.object({
          ruleId: z.string().max(128).optional(),
          teamId: z.string().optional(),
          wait: wait.optional().describe('seconds, 0 to 60: the answer is kept until the feed changes'),
        }),
        response: {
          200: feedSchema,
          204: z.undefined(),
          226: differenceSchema,
          304: z.undefined(),
          400: errorSchema,
          401: errorSchema,
          403: errorSchema,
        },
      },
    },
    async (request, reply) => {
      const teamId = ownTeam(callerOf(request), [request.params.teamId, request.query.teamId]);
      const { ruleId = '' } = request.query;
      if (ruleId !== '') return send(reply, request, await store.feeds.narrowed(teamId, ruleId));
      const ask = askOf(request);
      let answer = await store.feeds.answer(teamId, ask);
      const waitMs = 1_000 * Number(request.query.wait ?? 0);
      if (answer.kind === 'same' && waitMs > 0) {
        await waitAside(request, reply, (signal) => waiters.wait(teamId, ask, waitMs, signal));
        answer = await store.feeds.answer(teamId, ask);
      }
      return send(reply, request, answer);
    },
  );
}

function askOf(request: FastifyRequest): FeedAsk {
  const isWhole = listOf(request.headers['fusewire-capabilities']).includes('feed-whole');
  return {
    ifNoneMatch: request.headers['if-none-match'],
    form: isWhole ? 'whole' : 'bounded',
    difference: listOf(request.headers['a-im']).includes(DIFFERENCE),
  };
}

/** The members of a list in a header, without their parameters, in lower case. */
function listOf(header: string | readonly string[] | undefined): readonly string[] {
  const text = typeof header === 'string' ? header : (header ?? []).join(',');
  return text.split(',').map((member) => member.split(';')[0]!.trim().toLowerCase());
}

/** Who waits is not worked on; who hangs up is forgotten. */
async function waitAside(
  request: FastifyRequest,
  reply: FastifyReply,
  wait: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  reply.raw.once('close', leave);
  request.place?.leave();
  try {
    await wait(gone.signal);
  } finally {
    reply.raw.off('close', leave);
    if (!gone.signal.aborted) request.place?.enter();
  }
}

async function send(reply: FastifyReply, request: FastifyRequest, answer: FeedAnswer): Promise<FastifyReply> {
  reply
    .header('etag', quoted(answer.etag))
    .header('fusewire-revision', String(answer.revision))
    .header('cache-control', 'private, no-cache')
    .header('vary', 'accept-encoding, fusewire-capabilities, a-im');
  if (answer.kind === 'same') return reply.code(304).send();
  if (answer.kind === 'empty') return reply.code(204).send();
  const { body } = answer;
  if (body.omitted > 0) reply.header('fusewire-feed-omitted', String(body.omitted));
  if (answer.kind === 'difference') {
    reply.code(226).header('im', DIFFERENCE).header('delta-base', answer.base);
  }
  reply.type('application/json');
  return reply.send(await encoded(reply, request, body));
}

async function encoded(reply: FastifyReply, request: FastifyRequest, body: FeedBody): Promise<Buffer> {
  if (body.bytes.length < GZIP_BYTES_MIN || !takesGzip(request.headers['accept-encoding'])) return body.bytes;
  reply.header('content-encoding', 'gzip');
  return body.gzip();
}

/** `gzip` by name, unless its weight is 0 (RFC 9110, section 12.5.3). */
function takesGzip(header: string | readonly string[] | undefined): boolean {
  const members = (typeof header === 'string' ? header : (header ?? []).join(',')).toLowerCase().split(',');
  return members.some((member) => {
    const [name, ...parameters] = member.split(';').map((part) => part.trim());
    return name === 'gzip' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
