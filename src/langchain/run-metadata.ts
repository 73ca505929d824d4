/** Usage metadata that a run carries in LangChain's own ways: `metadata` and `tags`. Pure. */
import { isMetadataName } from '../metering/event-fields.js';
import { listOf, textOf } from '../providers/values.js';
import { type Fields, fieldsOf } from './structure.js';

/** A tag that names a field: `revenium:taskType=classify`. */
const TAG = /^revenium:([A-Za-z_]{1,40})=(.*)$/s;
/** Where an object of usage metadata stands among a run's metadata. */
const NESTED = ['usageMetadata', 'usage_metadata'] as const;

/**
 * The usage metadata of a run: `metadata.usageMetadata` (an object) beats fields that stand in `metadata` by their own
 * name (`traceId`, `agent`, `subscriber` …; texts only, the rest of `metadata` is the program's), which beat tags of the
 * form `revenium:field=value`.
 */
export function runMetadata(metadata: unknown, tags: unknown): Fields {
  const given: Record<string, unknown> = {};
  for (const tag of listOf(tags)) {
    const [, name, value] = TAG.exec(textOf(tag) ?? '') ?? [];
    if (name !== undefined && isMetadataName(name)) given[name] = value;
  }
  for (const [name, value] of Object.entries(fieldsOf(metadata))) {
    const isGiven = name === 'subscriber' ? typeof value === 'object' : textOf(value) !== undefined;
    if (isGiven && isMetadataName(name)) given[name] = value;
  }
  for (const name of NESTED) Object.assign(given, fieldsOf(fieldsOf(metadata)[name]));
  return given;
}
