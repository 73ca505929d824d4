/** The metadata of a gateway's event: who pays is the key's to say, and nobody else's; the rest may come in headers. */
import type { IncomingHttpHeaders } from 'node:http';
import { dimensionsOf, normaliseMetadata, type ResolvedMetadata, readMetadataHeaders } from 'fusewire/internal';
import type { Customer, GatewayCaller, GatewayKey } from '../types.js';

/** Longer values are left out, not cut: half an id is another one. */
const VALUE_LENGTH_MAX = 1_024;
const PREFIX = 'x-revenium-';
const SESSION = 'x-claude-code-session-id';
/** Headers that name somebody, or something of somebody: the key does. */
const FIXED = /^x-revenium-(subscriber|credential)/;
const SPOKEN = /^[^\p{Cc}]+$/u;

/** Metadata by caller and headers. */
export type CallerMetadata = (caller: GatewayCaller, headers: IncomingHttpHeaders) => ResolvedMetadata;

/** Makes the reader. What a key says by itself is put together once for as long as it is the same object. */
export function createCallerMetadata(): CallerMetadata {
  const byKey = new WeakMap<GatewayKey, OwnMetadata>();
  const ownOf = ({ key, customer }: GatewayCaller): OwnMetadata => {
    const known = byKey.get(key);
    if (known !== undefined && known.customer === customer) return known;
    const fields = fixedFields(key, customer);
    const own = { customer, fields, alone: resolved(fields) };
    byKey.set(key, own);
    return own;
  };
  return (caller, headers) => {
    const own = ownOf(caller);
    const said = headerFields(headers);
    return said === undefined ? own.alone : resolved({ ...said, ...own.fields });
  };
}

interface OwnMetadata {
  readonly customer: Customer;
  readonly fields: Fields;
  /** Where no header adds anything. */
  readonly alone: ResolvedMetadata;
}

type Fields = ResolvedMetadata['fields'];

function fixedFields(key: GatewayKey, customer: Customer): Fields {
  const dimensions = Object.fromEntries(Object.entries(key.dimensions).filter(([, value]) => value !== undefined));
  const subscriber = { id: customer.id, email: customer.email, credential: { name: key.id } };
  return { ...normaliseMetadata(dimensions).fields, subscriber };
}

/** What the headers add, or `undefined` where they add nothing, as with most requests. */
function headerFields(headers: IncomingHttpHeaders): Fields | undefined {
  let given: Record<string, string> | undefined;
  for (const name in headers) {
    if (!name.startsWith(PREFIX) && name !== SESSION) continue;
    const value = headers[name];
    if (typeof value !== 'string' || value.length > VALUE_LENGTH_MAX || !SPOKEN.test(value) || FIXED.test(name))
      continue;
    given ??= {};
    given[name] = value;
  }
  if (given === undefined) return undefined;
  const { metadata, sessionId } = readMetadataHeaders(given);
  const { fields } = normaliseMetadata(metadata);
  const traced = fields.traceId === undefined && sessionId !== undefined ? { ...fields, traceId: sessionId } : fields;
  const { subscriber: _, ...said } = traced;
  return said;
}

/** As the SDK does: an event without a name of its own is called by its task. */
function resolved(given: Fields): ResolvedMetadata {
  const isNamed = given.transactionName !== undefined || given.taskType === undefined;
  const fields = isNamed ? given : { ...given, transactionName: given.taskType };
  return Object.freeze({ fields: Object.freeze(fields), dimensions: Object.freeze(dimensionsOf(fields)) });
}
