/** `fusewire-revision` on answers that do not carry it yet, refusals above all: a client that is told it can keep up. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IngestState } from './ingest-state.js';

/** A hook for metering routes. It costs no look into the store: a revision that this process has not seen is not told. */
export function tellRevision(state: IngestState) {
  return async (request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> => {
    const teamId = request.caller?.team.id;
    if (teamId === undefined || reply.hasHeader('fusewire-revision')) return payload;
    const revision = state.revisionOf(teamId);
    if (revision !== undefined) reply.header('fusewire-revision', String(revision));
    return payload;
  };
}
