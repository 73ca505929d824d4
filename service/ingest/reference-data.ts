/** What a form or a dashboard offers to choose from (contract 4.8). Pure. */
import {
  AUDIO_SUBTYPES,
  COMPLETION_STATUSES,
  IMAGE_BILLING_UNITS,
  IMAGE_SUBTYPES,
  OPERATION_TYPES,
  SKIP_REASONS,
  STOP_REASONS,
  VIDEO_SUBTYPES,
} from 'fusewire/internal';

/** The closed lists of contract 5.8 and what the team metered of late. */
export function referenceData(names: readonly { readonly model: string; readonly provider: string }[]) {
  return {
    costTypes: ['AI'],
    operationTypes: OPERATION_TYPES,
    stopReasons: STOP_REASONS,
    skipReasons: SKIP_REASONS,
    billingUnits: IMAGE_BILLING_UNITS,
    imageOperationSubtypes: IMAGE_SUBTYPES,
    audioOperationSubtypes: AUDIO_SUBTYPES,
    videoOperationSubtypes: VIDEO_SUBTYPES,
    completionStatuses: COMPLETION_STATUSES,
    providers: [...new Set(names.map(({ provider }) => provider))],
    models: [...new Set(names.map(({ model }) => model))],
  };
}
