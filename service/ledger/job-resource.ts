/** A job as the API answers it (contract 5.9). Pure: the same job gives the same bytes. */
import type { Job } from './job-rows.js';

/** The job resource. `entityVersion` is ours: what an amendment may name in `expectedEntityVersion`. */
export function jobResource(job: Job) {
  const { outcome } = job;
  const self = { href: `/v2/api/jobs/${encodeURIComponent(job.agenticJobId)}` };
  return {
    id: job.id,
    label: job.name ?? job.agenticJobId,
    resourceType: 'job' as const,
    created: new Date(job.createdAtMs).toISOString(),
    updated: new Date(job.updatedAtMs).toISOString(),
    agenticJobId: job.agenticJobId,
    name: job.name,
    type: job.type,
    version: job.version,
    environment: job.environment,
    source: job.source,
    executionStatus: outcome?.executionStatus ?? null,
    outcomeType: outcome?.outcomeType ?? null,
    outcomeValue: outcome?.outcomeValue == null ? null : Number(outcome.outcomeValue),
    outcomeCurrency: outcome?.outcomeCurrency ?? null,
    outcomeMetadata: outcome?.outcomeMetadata ?? null,
    outcomeReason: outcome?.outcomeReason ?? null,
    outcomeReportedBy: outcome?.reportedBy ?? null,
    outcomeReportedAt: timeOrNull(outcome?.reportedAtMs),
    hasOutcome: outcome !== null,
    outcomeAmendmentCount: Math.max(0, job.entityVersion - 1),
    outcomeUpdatedAt: timeOrNull(outcome?.updatedAtMs),
    outcomeUpdatedBy: outcome?.updatedBy ?? null,
    entityVersion: job.entityVersion,
    _links: { self },
  };
}

function timeOrNull(atMs: number | null | undefined): string | null {
  return atMs == null ? null : new Date(atMs).toISOString();
}
