/** Jobs come to be with the first event that names them (contract 5.9). */
import type { SqlParams } from '../store/sql.js';
import { type LedgerContext, makeRoom } from './context.js';
import type { EventFacts, EventJob } from './event-facts.js';

/**
 * Makes the jobs that the events name, where they are not there yet, and fills in names, types, versions and
 * environments that a job lacks; what it has stays. One round trip, none where all of it is known.
 */
export async function noteJobs(
  context: LedgerContext,
  teamId: string,
  events: readonly { readonly facts: EventFacts }[],
): Promise<void> {
  const jobs = new Map<string, EventJob>();
  for (const { facts } of events) {
    const { job } = facts;
    if (job === undefined || context.cache.jobs.has(nameOf(teamId, job))) continue;
    const known = jobs.get(job.agenticJobId);
    jobs.set(job.agenticJobId, known === undefined ? job : merge(known, job));
  }
  if (jobs.size === 0) return;
  const sets = [...jobs.values()].map((job) => paramsOf(context, teamId, job));
  await context.sql.many('note-job', sets);
  makeRoom(context.cache.jobs);
  for (const { facts } of events) if (facts.job !== undefined) context.cache.jobs.add(nameOf(teamId, facts.job));
}

function merge(one: EventJob, other: EventJob): EventJob {
  return {
    agenticJobId: one.agenticJobId,
    name: one.name ?? other.name,
    type: one.type ?? other.type,
    version: one.version ?? other.version,
    environment: one.environment ?? other.environment,
  };
}

function paramsOf({ newId, nowMs }: LedgerContext, teamId: string, job: EventJob): SqlParams {
  return {
    teamId,
    agenticJobId: job.agenticJobId,
    id: newId(),
    name: job.name ?? null,
    type: job.type ?? null,
    version: job.version ?? null,
    environment: job.environment ?? null,
    nowMs,
  };
}

/** A job with everything that an event says of it: seen once, it need not be written again. */
function nameOf(teamId: string, { agenticJobId, name, type, version, environment }: EventJob): string {
  return [teamId, agenticJobId, name, type, version, environment].join('\n');
}
