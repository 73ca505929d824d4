/** `usageMetadata` travels with a request up to us and no further: providers answer 400 to fields they do not know. */

const NAMES = ['usageMetadata', 'usage_metadata'] as const;

/** The usage metadata of a request, and whether the request carries the field at all. */
export interface CarriedMetadata {
  readonly carried: boolean;
  readonly metadata: unknown;
}

/** Reads `usageMetadata`, else `usage_metadata`. */
export function carriedMetadata(request: object): CarriedMetadata {
  const fields = request as Record<string, unknown>;
  const metadata = fields['usageMetadata'] ?? fields['usage_metadata'];
  return { carried: NAMES.some((name) => name in fields), metadata };
}

/** A shallow copy of a request, of the same prototype, without the metadata. The caller's object stays as it is. */
export function withoutMetadata<T extends object>(request: T): T {
  const copy = Object.assign(Object.create(Object.getPrototypeOf(request)), request) as T;
  for (const name of NAMES) Reflect.deleteProperty(copy, name);
  return copy;
}
