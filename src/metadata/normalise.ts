/** One level of usage metadata (a call's, a scope's, the environment's) in canonical names. Pure. */
import type { Subscriber, UsageMetadataFields } from '../wire/usage-event.js';
import { withoutNull } from '../wire/without-null.js';
import { METADATA_FIELDS, type MetadataField, snakeCase } from './fields.js';

/** Canonical fields, and what the caller should be told. */
export interface NormalisedMetadata {
  readonly fields: UsageMetadataFields;
  /** `old → new` for each deprecated name that was used. */
  readonly deprecations: readonly string[];
  /** Names of fields whose value was dropped, and whether the whole was not an object. */
  readonly dropped: readonly string[];
}

interface Alias {
  readonly field: MetadataField;
  /** New snake_case 0, new camelCase 1, deprecated snake_case 2, deprecated camelCase 3: the lowest wins (contract 5.3). */
  readonly rank: number;
}

/** The rank of the new camelCase names. */
const PLAIN_RANK = 1;

function aliasesOf(field: MetadataField): [string, Alias][] {
  const snake = snakeCase(field.name);
  const deprecated = field.deprecated.map((name): [string, Alias] => [
    name,
    { field, rank: name.includes('_') ? 2 : 3 },
  ]);
  return [
    [field.name, { field, rank: PLAIN_RANK }],
    ...(snake === field.name ? [] : [[snake, { field, rank: 0 }] as [string, Alias]]),
    ...deprecated,
  ];
}

const ALIASES: ReadonlyMap<string, Alias> = new Map(METADATA_FIELDS.flatMap(aliasesOf));

/** The flat spellings of the subscriber, deprecated in favour of the nested object. */
const FLAT_SUBSCRIBER: ReadonlyMap<string, 'id' | 'email' | 'credentialName' | 'credential'> = new Map([
  ['subscriber_id', 'id'],
  ['subscriberId', 'id'],
  ['subscriber_email', 'email'],
  ['subscriberEmail', 'email'],
  ['subscriber_credential_name', 'credentialName'],
  ['subscriberCredentialName', 'credentialName'],
  ['subscriber_credential', 'credential'],
  ['subscriberCredential', 'credential'],
] as const);

const NONE: readonly string[] = Object.freeze([]);
const EMPTY: NormalisedMetadata = Object.freeze({ fields: Object.freeze({}), deprecations: NONE, dropped: NONE });

/**
 * Reads one level. `null` counts as absent; `0`, `false` and `""` are kept. Unknown names are dropped in silence. Never
 * throws: what it is given is the caller's, with getters and proxies of the caller's, and must not cost a call (I2).
 */
export function normaliseMetadata(raw: unknown): NormalisedMetadata {
  if (raw === undefined || raw === null) return EMPTY;
  try {
    return normaliseObject(raw);
  } catch {
    return { ...EMPTY, dropped: ['usageMetadata (it cannot be read)'] };
  }
}

function normaliseObject(raw: unknown): NormalisedMetadata {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    return { ...EMPTY, dropped: ['usageMetadata (not an object)'] };
  }
  const given = raw as Record<string, unknown>;
  const fields: Record<string, unknown> = {};
  let ranks: Record<string, number> | undefined;
  let deprecations: string[] | undefined;
  let dropped: string[] | undefined;
  let flat: Record<string, unknown> | undefined;
  for (const name of Object.keys(given)) {
    if (name === 'subscriber') continue;
    const value = readValue(given, name);
    if (value === undefined || value === null) continue;
    const alias = ALIASES.get(name);
    if (alias === undefined) {
      const flatName = FLAT_SUBSCRIBER.get(name);
      if (flatName === undefined) continue;
      flat ??= {};
      // snake_case comes first where both are given
      if (flat[flatName] === undefined || name.includes('_')) flat[flatName] = value;
      deprecations ??= [];
      deprecations.push(`${name} → subscriber.${flatName === 'id' || flatName === 'email' ? flatName : 'credential'}`);
      continue;
    }
    const target = alias.field.name;
    if (alias.rank >= 2) {
      deprecations ??= [];
      deprecations.push(`${name} → ${target}`);
    }
    if (fields[target] !== undefined && (ranks?.[target] ?? PLAIN_RANK) <= alias.rank) continue;
    const read = readField(alias.field, value);
    if (read === undefined) {
      dropped ??= [];
      dropped.push(name);
      continue;
    }
    fields[target] = read;
    // Most callers use the plain names: what is not noted has their rank.
    if (ranks === undefined && alias.rank === PLAIN_RANK) continue;
    ranks ??= {};
    ranks[target] = alias.rank;
  }
  const subscriber = subscriberOf(readValue(given, 'subscriber'), flat);
  if (subscriber === UNREADABLE) dropped = [...(dropped ?? NONE), 'subscriber'];
  else if (subscriber !== undefined) fields['subscriber'] = subscriber;
  return { fields, deprecations: deprecations ?? NONE, dropped: dropped ?? NONE };
}

/** Stands for a value whose getter throws: no reader understands a symbol. */
const UNREADABLE: unique symbol = Symbol('unreadable');

function readValue(given: Record<string, unknown>, name: string): unknown {
  try {
    return given[name];
  } catch {
    return UNREADABLE;
  }
}

/** A value can throw when it is turned into a number or copied; then it is not understood. */
function readField(field: MetadataField, value: unknown): unknown {
  try {
    return field.read(value);
  } catch {
    return undefined;
  }
}

/** {@link UNREADABLE} where something was given that is no subscriber, and the flat spellings do not help. */
function subscriberOf(nested: unknown, flat: Record<string, unknown> | undefined) {
  const isGiven = nested !== undefined && nested !== null;
  try {
    const read = readSubscriber(nested, flat);
    return read === undefined && isGiven && typeof nested !== 'object' ? UNREADABLE : read;
  } catch {
    return UNREADABLE;
  }
}

/** As long as a service reads of a name, and more; a credential is told by all of it. */
const NAME_MAX = 4_096;
const CREDENTIAL_MAX = 65_536;

const asText = (value: unknown, max = NAME_MAX): string | undefined => {
  if (typeof value === 'string') return value === '' ? undefined : withoutNull(value.slice(0, max));
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined;
};

/** Nested wins over flat, part by part; a whitespace-only e-mail counts as given and hides the flat one (contract 2.6). */
function readSubscriber(nested: unknown, flat: Record<string, unknown> | undefined): Subscriber | undefined {
  const given = typeof nested === 'object' && nested !== null ? (nested as Record<string, unknown>) : undefined;
  if (given === undefined && flat === undefined) return undefined;
  const nestedCredential = given?.['credential'];
  const credential =
    typeof nestedCredential === 'object' && nestedCredential !== null
      ? (nestedCredential as Record<string, unknown>)
      : { value: nestedCredential };
  const id = asText(given?.['id']) ?? asText(flat?.['id']);
  const email = asText(given?.['email']) ?? asText(flat?.['email']);
  const name = asText(credential['name']) ?? asText(flat?.['credentialName']);
  const value = asText(credential['value'], CREDENTIAL_MAX) ?? asText(flat?.['credential'], CREDENTIAL_MAX);
  if (id === undefined && email === undefined && name === undefined && value === undefined) return undefined;
  const subscriber: { id?: string; email?: string; credential?: { name?: string; value?: string } } = {};
  if (id !== undefined) subscriber.id = id;
  if (email !== undefined) subscriber.email = email;
  if (name !== undefined || value !== undefined) {
    subscriber.credential = {};
    if (name !== undefined) subscriber.credential.name = name;
    if (value !== undefined) subscriber.credential.value = value;
  }
  return subscriber;
}
