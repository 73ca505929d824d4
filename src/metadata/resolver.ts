/** From what a caller gave as usage metadata to canonical fields and the dimensions that a decision reads. */
import type { CallDimensions } from '../../enforcement/decision.js';
import type { UsageMetadataFields } from '../wire/usage-event.js';

/** Usage metadata after merging: call over inner scope over outer scope over environment. */
export interface ResolvedMetadata {
  /** Canonical wire names only. */
  readonly fields: UsageMetadataFields;
  /** Without model and provider, which the request gives. */
  readonly dimensions: Omit<CallDimensions, 'model' | 'provider'>;
}

/** Merges and normalises. Never throws; what is not understood is dropped with one warning. */
export interface MetadataResolver {
  resolve(callMetadata: unknown): ResolvedMetadata;
}
