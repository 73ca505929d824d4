/** What the instrument does to a request before it leaves: takes the metadata out, works out where it goes. */
import { type FormFile, withFormFiles } from '../bound/form-files.js';
import { recordOf } from '../providers/values.js';
import { carriedMetadata, withoutMetadata } from './split-usage-metadata.js';
import type { StainlessClient, StainlessRequestOptions } from './stainless-client.js';

const METADATA_FIELD = /^usage_?metadata((?:\[[^\]]*\])*)$/i;
/** Metadata is cut at five levels (contract 6.0). */
const DEPTH_MAX = 5;

/** The body that may leave, and the metadata that was in it. The caller's own body is never changed. */
export interface SplitBody {
  /** The same object as given where nothing had to be removed. */
  readonly body: unknown;
  /** The body as fields, for reading: parsed where it is JSON text, the text fields of a form. */
  readonly fields: unknown;
  readonly metadata: unknown;
}

/** Takes `usageMetadata` out of a body of any kind that the client takes. Never throws. */
export function splitBody(body: unknown): SplitBody {
  if (typeof body === 'string') return splitText(body);
  if (body instanceof FormData) return splitForm(body);
  if (!isPlainBody(body)) return { body, fields: undefined, metadata: undefined };
  if (makesOwnJson(body)) return splitOwnJson(body);
  const { carried, metadata } = carriedMetadata(body);
  if (!carried) return { body, fields: body, metadata: undefined };
  const copy = withoutMetadata(body);
  return { body: copy, fields: copy, metadata };
}

/** Whether the body says itself what leaves in its stead: what it looks like is not what is asked for. */
export function makesOwnJson(body: object): boolean {
  return typeof Reflect.get(body, 'toJSON') === 'function';
}

function splitOwnJson(body: object): SplitBody {
  const fields = recordOf((body as { toJSON(): unknown }).toJSON());
  if (fields === undefined || !carriedMetadata(fields).carried) return { body, fields, metadata: undefined };
  const copy = withoutMetadata(fields);
  return { body: copy, fields: copy, metadata: carriedMetadata(fields).metadata };
}

function splitText(body: string): SplitBody {
  let fields: unknown;
  try {
    fields = JSON.parse(body);
  } catch {
    return { body, fields: undefined, metadata: undefined };
  }
  const record = recordOf(fields);
  if (record === undefined || !carriedMetadata(record).carried) return { body, fields, metadata: undefined };
  const copy = withoutMetadata(record);
  return { body: JSON.stringify(copy), fields: copy, metadata: carriedMetadata(record).metadata };
}

/** The client flattens nested fields of a form: `usageMetadata[subscriber][id]`. */
function splitForm(form: FormData): SplitBody {
  const files: FormFile[] = [];
  const fields: Record<string, unknown> = withFormFiles({}, files);
  const metadata: Record<string, unknown> = {};
  let carried = false;
  for (const [name, value] of form.entries()) {
    const match = METADATA_FIELD.exec(name);
    if (match === null) {
      if (typeof value === 'string') fields[name] = value;
      else files.push({ field: name, bytes: value.size });
      continue;
    }
    carried = true;
    put(metadata, match[1] ?? '', value);
  }
  if (!carried) return { body: form, fields, metadata: undefined };
  const copy = new FormData();
  for (const [name, value] of form.entries()) if (!METADATA_FIELD.test(name)) copy.append(name, value);
  return { body: copy, fields, metadata };
}

function put(metadata: Record<string, unknown>, path: string, value: unknown): void {
  const names = [...path.matchAll(/\[([^\]]*)\]/g)].map(([, name]) => name ?? '');
  const last = names.pop();
  if (last === undefined || names.length >= DEPTH_MAX || [...names, last].includes('__proto__')) return;
  let holder = metadata;
  for (const name of names) {
    const inner = recordOf(holder[name]) ?? {};
    holder[name] = inner;
    holder = inner;
  }
  holder[last] = value;
}

/** Binary bodies and streams hold no fields. */
export function isPlainBody(body: unknown): body is object {
  if (typeof body !== 'object' || body === null) return false;
  if (ArrayBuffer.isView(body) || body instanceof ArrayBuffer || body instanceof Blob) return false;
  return !(Symbol.asyncIterator in body) && !(body instanceof URLSearchParams);
}

/** The URL that the request will go to. Azure's class puts its deployment into the path later than we must know it. */
export function urlOf(client: StainlessClient, options: StainlessRequestOptions): string {
  const path = options.path ?? '';
  const url =
    typeof client.buildURL === 'function'
      ? client.buildURL(path, options.query, options.defaultBaseURL)
      : `${client.baseURL ?? ''}${path}`;
  const { deploymentName } = client;
  if (typeof deploymentName !== 'string' || deploymentName === '' || url.includes('/deployments')) return url;
  return url.replace(/\/openai(?=\/|$)/, `/openai/deployments/${encodeURIComponent(deploymentName)}`);
}
